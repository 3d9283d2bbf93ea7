package resourceserver

import (
	"sync"
	"time"
)

// flight lets one fetch be under way at a time. Fetches run beside the requests that cause them, and outlive those that give up.
type flight struct {
	mu        sync.Mutex
	attempted time.Time     // when the last fetch began
	done      chan struct{} // closed when the fetch under way is over; nil when there is none
}

// start begins a fetch, unless the last one began less than an interval ago. It returns what is closed when the fetch under way is
// over, nil when there is none.
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
		defer close(done)
		fetch()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.done = nil
	}()
	return done
}
