package authn

import "syscall"

// leastPriority is the nice value of whoever takes what nobody else wants.
const leastPriority = 19

// stepBack lowers the priority of this thread: on Linux, each has its own. Where that is not allowed, passwords compete with all else.
func stepBack() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), leastPriority) }
