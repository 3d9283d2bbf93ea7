package authn

import (
	"runtime"
	"syscall"
	"testing"
)

// Whoever checks a password takes what processor time others leave, and nobody's else priority changes.
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
