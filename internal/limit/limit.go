// Package limit counts failures and refuses callers who have made too many: guessed passwords, wrong client secrets,
// refusals in the audit trail. The counters are in the database, so all servers share them, and their number is bounded.
//
// It is a leaf. It does not know what a failure is; the callers decide that.
package limit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"
)

// Bucket is one counter with its limit.
type Bucket struct {
	Key    string // from Key, so that the number of counters is bounded
	Limit  int    // failures in one Window
	Window time.Duration
}

// Store keeps the counters. Each method is one unit of work.
type Store interface {
	// Count adds one failure to each bucket. When one of them is full it adds nothing, and wait is the time until none is full.
	Count(ctx context.Context, buckets []Bucket, now time.Time) (wait time.Duration, err error)
	// Uncount takes back what Count added, after a success.
	Uncount(ctx context.Context, buckets []Bucket, now time.Time) error
}

// ThrottledError means that there were too many failures. The caller may try again after Wait.
type ThrottledError struct{ Wait time.Duration }

func (e *ThrottledError) Error() string {
	return "too many attempts; wait " + e.Wait.Round(time.Second).String()
}

// Limiter counts failures in a store.
type Limiter struct {
	Store Store
	Now   func() time.Time
}

// Count adds one failure to each bucket. When one of them is full, it adds nothing and returns *ThrottledError.
func (l Limiter) Count(ctx context.Context, buckets ...Bucket) error {
	wait, err := l.Store.Count(ctx, buckets, l.Now())
	if err != nil {
		return fmt.Errorf("count failure: %w", err)
	}
	if wait > 0 {
		return &ThrottledError{Wait: wait}
	}
	return nil
}

// Uncount takes back what Count added, after a success.
func (l Limiter) Uncount(ctx context.Context, buckets ...Bucket) error {
	if err := l.Store.Uncount(ctx, buckets, l.Now()); err != nil {
		return fmt.Errorf("uncount failure: %w", err)
	}
	return nil
}

// Key is the key of a bucket: the kind, and a hash of the parts cut to 20 bits. So there are at most a million keys of a
// kind, whatever strangers send. Two callers whose keys collide share a limit. Where nobody may be able to fill another's
// bucket, the parts must include something that only its owner has.
func Key(kind string, parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return kind + ":" + hex.EncodeToString(h.Sum(nil))[:5]
}

// Network is what counts as one address: an IPv4 address, or the /64 network of an IPv6 address, because one subscriber
// can use all of it.
func Network(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := 64
	if address.Is4() {
		bits = 32
	}
	prefix, _ := address.Prefix(bits) // fails for the zero Addr only: all unknown addresses share one bucket
	return prefix
}
