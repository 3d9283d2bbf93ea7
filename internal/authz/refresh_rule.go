package authz

import "time"

// RefreshRule is how long refresh tokens work.
type RefreshRule struct {
	Idle     time.Duration // a family ends when it is not refreshed for this long
	Absolute time.Duration // a family ends this long after CreatedAt, however often it is refreshed
	Grace    time.Duration // how long a token that was replaced still gets the same successor

	// LateRetry is the least time between two late retries of a family. A client that was killed before it stored our answer has
	// only the replaced token, and notices that when it is started again. 0: there are no late retries.
	LateRetry time.Duration
}

// clockAhead is how far ahead another server's clock may be. A rotation by a clock that is further ahead does not extend the grace.
const clockAhead = 30 * time.Second

// lateRetryRotations is how many rotations must lie between two late retries. A thief and the client who take turns never get there:
// each rotation makes the other's token the replaced one.
const lateRetryRotations = 2

// Reuse is what the use of a refresh token means that is not the newest of its family.
type Reuse int

// The kinds of reuse.
const (
	Replay    Reuse = iota // the family has to end (RFC 9700 §4.14.2)
	Retry                  // within the grace: the same successor again
	LateRetry              // after it, for once: the same successor again, and the grace begins anew
)

// Reuse says what it means that an older token of the family is used at a time.
func (r RefreshRule) Reuse(f Family, generation int64, at time.Time) Reuse {
	if generation != f.Generation-1 {
		return Replay // its successor was used, so nobody has lost that
	}
	if age := at.Sub(f.RotatedAt); age >= -clockAhead && age <= r.Grace {
		return Retry
	}
	if r.LateRetry > 0 && (f.LateRetryAt.IsZero() || !at.Before(f.LateRetryAt.Add(r.LateRetry)) && f.Generation-f.LateRetryGeneration >= lateRetryRotations) {
		return LateRetry
	}
	return Replay
}
