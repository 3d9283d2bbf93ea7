package authn

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// Whoever checks a password takes what processor time others leave, and nobody else's priority changes.
func TestAPasswordIsHashedAtTheLeastPriority(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	priority := func() []byte {
		raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
		if err != nil {
			t.Error(err)
		}
		return []byte{byte(raw)} // 20 - nice, so that it is never negative
	}
	before := priority()[0]
	for range 3 {
		if got := aside(priority)[0]; got != 20-leastPriority {
			t.Errorf("aside runs at a priority of %d, want %d", got, 20-leastPriority)
		}
	}
	if got := priority()[0]; got != before {
		t.Errorf("the caller runs at a priority of %d, was %d", got, before)
	}
}

// A thread that ended would take along every program that it had started with PR_SET_PDEATHSIG.
func TestTheThreadsOfPasswordChecksStay(t *testing.T) {
	var threads []int
	for range 20 {
		aside(func() []byte {
			threads = append(threads, syscall.Gettid())
			return nil
		})
	}
	for _, thread := range threads {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread)); err != nil {
			t.Errorf("a thread that has checked a password is gone: %v", err)
		}
	}
}
