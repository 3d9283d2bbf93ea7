package authn

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
)

const (
	queuePerWorker = 32          // callers that may wait for one worker
	busyWait       = time.Second // what a caller is told who finds the queue full
)

// pool is a fixed number of workers that hash passwords. Each has an operating system thread of the lowest priority, so
// hashing uses only CPU time that nothing else needs: docs/adr/0007-worker-pool-for-passwords.md. A worker begins when it
// is first needed and never ends.
type pool struct {
	size    int
	threads bool // each worker has a thread of its own
	jobs    chan func()
	started atomic.Int64 // workers
	waiting atomic.Int64 // callers of run whose function no worker has taken yet
}

func newPool(size int, threads bool) *pool {
	return &pool{size: size, threads: threads, jobs: make(chan func())}
}

// run calls f on a worker and returns when f has returned. Once a worker has taken f, the end of ctx does not stop it.
// When too many callers wait already, the error is *limit.ThrottledError at once: a longer queue would make everyone late.
// A panic in f is an error too; on the worker it would end the process.
func (p *pool) run(ctx context.Context, f func()) error {
	done := make(chan error, 1)
	if err := p.queue(ctx, func() { done <- recovered(f) }); err != nil {
		return err
	}
	return <-done
}

// recovered calls f and returns its panic as an error.
func recovered(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	f()
	return nil
}

// queue hands f to the next worker that is free.
func (p *pool) queue(ctx context.Context, f func()) error {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > int64(p.size*queuePerWorker) {
		return &limit.ThrottledError{Refusal: limit.Refusal{Wait: busyWait}}
	}
	select {
	case p.jobs <- f:
		return nil
	default: // no worker is free
	}
	if p.started.Add(1) <= int64(p.size) {
		go p.work()
	} else {
		p.started.Add(-1)
	}
	select {
	case p.jobs <- f:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work never returns, for two reasons. Linux does not let a thread raise its priority again, so the thread must not go back
// to the runtime. If the thread ended, the kernel would kill the programs that it has started with PR_SET_PDEATHSIG.
func (p *pool) work() {
	if p.threads {
		runtime.LockOSThread()
		lowerPriority()
	}
	for f := range p.jobs {
		f()
	}
}
