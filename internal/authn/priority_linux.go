package authn

import "syscall"

// lowestPriority is the highest nice value.
const lowestPriority = 19

// lowerPriority gives the calling thread the lowest priority: on Linux, each thread has its own. Where that is not
// allowed, hashing competes with everything else.
func lowerPriority() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), lowestPriority) }
