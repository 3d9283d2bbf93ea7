package authn

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// onPool calls f on a worker of the pool.
func onPool[T any](t *testing.T, p *pool, f func() T) T {
	t.Helper()
	var result T
	if err := p.run(t.Context(), func() { result = f() }); err != nil {
		t.Fatal(err)
	}
	return result
}

func TestWorkersRunAtTheLowestPriorityAndNothingElseDoes(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	priority := func() int {
		raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
		if err != nil {
			t.Error(err)
		}
		return raw // 20 - nice, so that it is never negative
	}
	before := priority()
	p := newPool(2, true)
	for range 3 {
		if got := onPool(t, p, priority); got != 20-lowestPriority {
			t.Errorf("a worker runs at a priority of %d, want %d", got, 20-lowestPriority)
		}
	}
	if got := priority(); got != before {
		t.Errorf("the caller runs at a priority of %d, was %d", got, before)
	}
}

func TestPasswordsAreHashedOnWorkersWithThreads(t *testing.T) {
	if h := newHasher(standardCost, 1); !h.pool.threads {
		t.Error("the workers have no threads of their own")
	}
	// Hashes of tests take microseconds; a thread for each hasher of each test would stay until the tests end.
	if h := newHasher(insecureCost, 1); h.pool.threads {
		t.Error("the workers have threads of their own")
	}
}

// If a worker's thread ended, every program that it had started with PR_SET_PDEATHSIG would be killed.
func TestThreadsOfWorkersStay(t *testing.T) {
	threads := map[int]bool{}
	p := newPool(2, true)
	for range 20 {
		threads[onPool(t, p, syscall.Gettid)] = true
	}
	if len(threads) > 2 {
		t.Errorf("2 workers used %d threads", len(threads))
	}
	for thread := range threads {
		if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", thread)); err != nil {
			t.Errorf("the thread of a worker has ended: %v", err)
		}
	}
}
