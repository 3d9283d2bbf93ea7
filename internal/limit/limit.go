// Package limit counts failures and refuses callers who have made too many: guessed passwords, wrong client secrets,
// refusals in the audit trail. The counters are in the database, so all servers share them. The store bounds their number.
//
// It is a leaf. It does not know what a failure is; the callers decide that.
package limit

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"time"
)

// Bucket is one counter with its limit.
type Bucket struct {
	Key    string // from Limiter.Key
	Limit  int    // failures in one Window
	Window time.Duration
}

// Store keeps the counters. Each method is one unit of work.
type Store interface {
	// Count adds one failure to each bucket. When one of them is full it adds nothing, and says so.
	Count(ctx context.Context, buckets []Bucket, now time.Time) (Refusal, error)
	// Uncount takes back what Count added, after a success.
	Uncount(ctx context.Context, buckets []Bucket, now time.Time) error
}

// Refusal is what Count says when a bucket is full. The zero Refusal means that none is.
type Refusal struct {
	Wait  time.Duration // until none is full
	First bool          // a bucket refuses for the first time in its window. It may stay false when two processes refuse at once
}

// ThrottledError means that there were too many failures. The caller may try again after Wait.
type ThrottledError struct{ Refusal }

func (e *ThrottledError) Error() string {
	return "too many attempts; wait " + e.Wait.Round(time.Second).String()
}

// Limiter counts failures in a store.
type Limiter struct {
	Store Store
	Now   func() time.Time
	MAC   func(message []byte) []byte // under a key that only the servers have
}

// Count adds one failure to each bucket. When one of them is full, it adds nothing and returns *ThrottledError.
func (l Limiter) Count(ctx context.Context, buckets ...Bucket) error {
	refusal, err := l.Store.Count(ctx, buckets, l.Now())
	if err != nil {
		return fmt.Errorf("count failure: %w", err)
	}
	if refusal.Wait > 0 {
		return &ThrottledError{refusal}
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

// Key is the key of a counter: the kind, and a MAC of the parts. Without the MAC key nobody can find two things that share a
// counter, nor read from the database who failed.
func (l Limiter) Key(kind string, parts ...string) string {
	var message []byte
	for _, part := range append([]string{kind}, parts...) {
		message = fmt.Appendf(message, "%d:%s", len(part), part)
	}
	return kind + ":" + base64.RawURLEncoding.EncodeToString(l.MAC(message))
}

// PerNetwork is the counters of an address: one for each of Networks. In a wider network there are more people, so each may have
// twice as many failures as the one inside it; the narrowest has the limit.
func (l Limiter) PerNetwork(kind string, address netip.Addr, limit int, window time.Duration) []Bucket {
	var buckets []Bucket
	for _, network := range Networks(address) {
		buckets = append(buckets, Bucket{Key: l.Key(kind, network.String()), Limit: limit, Window: window})
		limit *= 2
	}
	return buckets
}

// Networks is what counts as one caller: an IPv4 address, or the /64, the /56 and the /48 network of an IPv6 address, because a
// provider may give one customer any of these (RFC 6177 §2). All unknown addresses are one network.
func Networks(address netip.Addr) []netip.Prefix {
	address = address.Unmap().WithZone("")
	if !address.Is6() {
		return []netip.Prefix{netip.PrefixFrom(address, address.BitLen())}
	}
	var networks []netip.Prefix
	for _, bits := range []int{64, 56, 48} {
		networks = append(networks, netip.PrefixFrom(address, bits).Masked())
	}
	return networks
}

// Customer is the widest of Networks: all that one customer of a provider may have.
func Customer(address netip.Addr) netip.Prefix {
	networks := Networks(address)
	return networks[len(networks)-1]
}
