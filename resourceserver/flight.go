package resourceserver

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// patience is how long a request waits for a fetch before it is answered 503.
const patience = 2 * time.Second

// flight lets one fetch run at a time (single flight). The fetch runs in its own goroutine and outlives the requests that
// wait for it; no lock is held meanwhile.
type flight struct {
	log       *slog.Logger
	mu        sync.Mutex
	attempted time.Time     // when the last fetch began
	done      chan struct{} // closed when the running fetch is over; nil when none is running
}

// start begins a fetch, unless the last one began less than an interval ago. It returns a channel that is closed when the
// running fetch is over, nil when none is running.
func (f *flight) start(now time.Time, interval time.Duration, fetch func()) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done != nil {
		return f.done
	}
	if !f.attempted.IsZero() && now.Sub(f.attempted) < interval {
		return nil
	}
	done := make(chan struct{})
	f.attempted, f.done = now, done
	go func() {
		defer f.end(done)
		fetch()
	}()
	return done
}

// end lets the next fetch start. A panic, such as one of a transport of the caller's, counts as a failed fetch: it must not
// end the API's process.
func (f *flight) end(done chan struct{}) {
	if failure := recover(); failure != nil {
		f.log.Error("a fetch from the authorization server panicked", "panic", fmt.Sprint(failure))
	}
	f.mu.Lock()
	f.done = nil
	f.mu.Unlock()
	close(done)
}

// wait waits for a running fetch, but no longer than patience. The error is that of the caller's context.
func wait(ctx context.Context, done <-chan struct{}) error {
	if done == nil {
		return nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
