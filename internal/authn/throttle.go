package authn

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// How far back failures count.
const (
	pairWindow    = 15 * time.Minute
	addressWindow = 15 * time.Minute
	accountWindow = time.Hour
)

// Throttle counts failures of anyone else who can guess: the token endpoint's clients. It is *ThrottledError when one of the buckets is full.
func (a *Authenticator) Throttle(ctx context.Context, buckets []Bucket) error {
	wait, err := a.store.Count(ctx, buckets, a.now())
	if err != nil {
		return fmt.Errorf("count failure: %w", err)
	}
	if wait > 0 {
		return &ThrottledError{Wait: wait}
	}
	return nil
}

// BucketKey is a key for a Bucket: the kind and the parts hashed to 20 bits. There are at most a million of a kind, whatever strangers send. Two that
// collide share a limit, so a key that nobody may be able to fill for another must hold something that only its owner has.
func BucketKey(kind string, parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return kind + ":" + hex.EncodeToString(h.Sum(nil))[:5]
}

// Network is what counts as one address: an IPv4 address, or the /64 that one IPv6 subscriber can roam in.
func Network(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := 64
	if address.Is4() {
		bits = 32
	}
	prefix, _ := address.Prefix(bits) // fails for the zero Addr only: the unknown addresses share one bucket
	return prefix
}

// buckets is where an attempt counts. Guesses are limited by the pair of account and address, by the address, and by the account. The last one lets strangers
// spoil it for the owner, and at a shared address so does the second; a browser that has signed in to the account is therefore counted on its own.
func (a *Authenticator) buckets(email string, user team.User, hash string, address netip.Addr, b browser) []Bucket {
	if b.knows(user.ID, hash) {
		return []Bucket{{Key: BucketKey("browser", b.ID, string(user.ID)), Limit: a.opts.FailuresPerPair, Window: pairWindow}}
	}
	network := Network(address).String()
	return []Bucket{
		{Key: BucketKey("pair", email, network), Limit: a.opts.FailuresPerPair, Window: pairWindow},
		{Key: BucketKey("address", network), Limit: a.opts.FailuresPerAddress, Window: addressWindow},
		{Key: BucketKey("account", email), Limit: a.opts.FailuresPerAccount, Window: accountWindow},
	}
}
