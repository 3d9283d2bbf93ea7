package drive

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Offered is what came of operations that were started at their times, whether those before had been answered or not.
type Offered struct {
	Result
	Due int // how many there were to be
}

// lateness is how long after the end of an offer its operations may still begin. A server that is further behind is not waited for.
const lateness = 5 * time.Second

var errNotStarted = errors.New("it was not started: the server was too far behind")

// Offer begins an operation rate times a second for a duration, at even intervals. At most hands are busy at once; act is told which one it is. What an
// operation took counts from when it was due, so that nobody gains by not being asked while they are slow. What could not begin in time is an error.
func Offer(ctx context.Context, rate float64, duration time.Duration, hands int, act func(ctx context.Context, hand int) error) (Offered, error) {
	total := Offered{Due: int(rate * duration.Seconds())}
	results := make([]Result, hands)
	var next atomic.Int64
	start := time.Now()
	last := start.Add(duration + lateness)
	var wg sync.WaitGroup
	for hand := range hands {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(total.Due) && ctx.Err() == nil; i = next.Add(1) - 1 {
				due := start.Add(time.Duration(float64(i) / rate * float64(time.Second)))
				time.Sleep(time.Until(due))
				if time.Now().After(last) {
					results[hand].note(Result{Errors: 1, First: errNotStarted})
					continue
				}
				results[hand].countSince(due, func() error { return act(ctx, hand) })
			}
		})
	}
	wg.Wait()
	for _, r := range results {
		total.took = append(total.took, r.took...)
		total.note(r)
	}
	total.Elapsed = max(time.Since(start), duration)
	return total, ctx.Err()
}

// share lets hands do count things, each hand until it fails.
func share(count, hands int, act func(hand, i int) error) error {
	problems := make([]error, hands)
	var started atomic.Int64
	var wg sync.WaitGroup
	for hand := range hands {
		wg.Go(func() {
			for i := int(started.Add(1)); i <= count && problems[hand] == nil; i = int(started.Add(1)) {
				problems[hand] = act(hand, i)
			}
		})
	}
	wg.Wait()
	return cmp.Or(problems...)
}
