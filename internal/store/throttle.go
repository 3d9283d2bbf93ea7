package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// errFull undoes what Count added to the other buckets.
var errFull = errors.New("a bucket is full")

// countQuery adds a failure, or opens a new window when the last one is over. When the bucket is full, it changes and
// returns nothing. It locks the row even then, so that the bucket stays full until the unit of work ends.
const countQuery = `INSERT INTO gh_throttle (bucket, failures, resets_at) VALUES ($1, 1, $3)
	ON CONFLICT (bucket) DO UPDATE SET
		failures = CASE WHEN gh_throttle.resets_at <= $2 THEN 1 ELSE gh_throttle.failures + 1 END,
		resets_at = CASE WHEN gh_throttle.resets_at <= $2 THEN excluded.resets_at ELSE gh_throttle.resets_at END,
		refused_at = CASE WHEN gh_throttle.resets_at <= $2 THEN 0 ELSE gh_throttle.refused_at END
	WHERE gh_throttle.resets_at <= $2 OR gh_throttle.failures < $4
	RETURNING failures`

// Count adds one failure to each bucket, or to none when one of them is full.
func (db *DB) Count(ctx context.Context, buckets []limit.Bucket, now time.Time) (refusal limit.Refusal, err error) {
	buckets = ordered(buckets)
	err = db.write(ctx, "Count", func(t *tx) error {
		var err error
		if refusal, err = t.refusal(buckets, now); err != nil || refusal.Wait > 0 {
			return err
		}
		for _, b := range buckets {
			full, err := t.count(b, now)
			if err != nil {
				return err
			}
			refusal.Wait = max(refusal.Wait, full)
		}
		if refusal.Wait > 0 {
			return errFull
		}
		return nil
	})
	if errors.Is(err, errFull) {
		err = nil
	}
	return refusal, err
}

// refusal looks whether one of the buckets is full. In a flood one nearly always is, and then only the first refusal of a window is
// written.
func (t *tx) refusal(buckets []limit.Bucket, now time.Time) (r limit.Refusal, err error) {
	for _, b := range buckets {
		var resets, refused time.Time
		err := t.Get([]any{engine.TimeTo(&resets), engine.TimeTo(&refused)},
			`SELECT resets_at, refused_at FROM gh_throttle WHERE bucket = $1 AND resets_at > $2 AND failures >= $3`, b.Key, engine.Millis(now), b.Limit)
		if isNoRows(err) {
			continue
		}
		if err != nil {
			return limit.Refusal{}, err
		}
		r.Wait = max(r.Wait, resets.Sub(now))
		if !refused.IsZero() {
			continue
		}
		n, err := t.Change(`UPDATE gh_throttle SET refused_at = $2 WHERE bucket = $1 AND refused_at = 0`, b.Key, engine.Millis(now))
		if err != nil {
			return limit.Refusal{}, err
		}
		r.First = r.First || n > 0
	}
	return r, nil
}

// count adds a failure to one bucket. When the bucket is full, the result is how long it stays full.
func (t *tx) count(b limit.Bucket, now time.Time) (full time.Duration, err error) {
	var failures int
	err = t.ChangeGet([]any{&failures}, countQuery, b.Key, engine.Millis(now), engine.Millis(now.Add(b.Window)), b.Limit)
	switch {
	case isNoRows(err):
		var resets time.Time
		if err := t.Get([]any{engine.TimeTo(&resets)}, `SELECT resets_at FROM gh_throttle WHERE bucket = $1`, b.Key); err != nil {
			return 0, err
		}
		return max(resets.Sub(now), time.Millisecond), nil
	case err == nil && failures > b.Limit: // a limit of nothing
		return b.Window, nil
	}
	return 0, err
}

// Uncount takes back what Count added.
func (db *DB) Uncount(ctx context.Context, buckets []limit.Bucket, now time.Time) error {
	return db.write(ctx, "Uncount", func(t *tx) error {
		for _, b := range ordered(buckets) {
			if _, err := t.Change(`UPDATE gh_throttle SET failures = failures - 1 WHERE bucket = $1 AND failures > 0 AND resets_at > $2`,
				b.Key, engine.Millis(now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ordered is the buckets by key. All units of work lock them in this order, so none waits for another that waits for it.
func ordered(buckets []limit.Bucket) []limit.Bucket {
	return slices.SortedFunc(slices.Values(buckets), func(a, b limit.Bucket) int { return cmp.Compare(a.Key, b.Key) })
}
