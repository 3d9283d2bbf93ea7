package drive

import (
	"slices"
	"time"
)

// Result is what one operation came to.
type Result struct {
	Elapsed time.Duration
	Errors  int   // answers that were not what they should be
	First   error // one of them
	took    []time.Duration
}

func (r *Result) count(act func() error) { r.countSince(time.Now(), act) }

// countSince counts an operation that should have begun at start.
func (r *Result) countSince(start time.Time, act func() error) {
	if err := act(); err != nil {
		r.noteError(err)
		return
	}
	r.took = append(r.took, time.Since(start))
}

func (r *Result) noteError(err error) {
	if err != nil {
		r.note(Result{Errors: 1, First: err})
	}
}

func (r *Result) note(other Result) {
	r.Errors += other.Errors
	if r.First == nil {
		r.First = other.First
	}
}

// Add takes in another result of the same operation.
func (r *Result) Add(other Result) {
	r.Elapsed += other.Elapsed
	r.took = append(r.took, other.took...)
	r.note(other)
}

// Count is how many operations succeeded.
func (r Result) Count() int { return len(r.took) }

// Rate is how many succeeded per second.
func (r Result) Rate() float64 {
	if r.Elapsed == 0 {
		return 0
	}
	return float64(len(r.took)) / r.Elapsed.Seconds()
}

// Quantiles are the times within which these shares of the operations were done; zeros when there were none.
func (r Result) Quantiles(shares ...float64) []time.Duration {
	slices.Sort(r.took)
	quantiles := make([]time.Duration, len(shares))
	for i, share := range shares {
		if len(r.took) > 0 {
			quantiles[i] = r.took[min(int(share*float64(len(r.took))), len(r.took)-1)]
		}
	}
	return quantiles
}
