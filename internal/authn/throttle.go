package authn

import (
	"errors"
	"net/netip"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// throttled reports whether an error is that there were too many failures.
func throttled(err error) bool {
	_, ok := errors.AsType[*limit.ThrottledError](err)
	return ok
}

// How long a failure counts.
const (
	pairWindow    = 15 * time.Minute
	addressWindow = 15 * time.Minute
	accountWindow = time.Hour
)

// buckets is the counters that an attempt adds to. Guesses are limited per account and network, per network, and per account.
// Strangers can fill the last two for the owner of the account, so a browser that has signed in to the account before has
// a counter of its own.
//
// For one account, all networks of one customer count together. Otherwise a household with a /56 could fill the account's
// counter by itself.
func (a *Authenticator) buckets(email string, user team.User, hash string, address netip.Addr, b browser) []limit.Bucket {
	key := a.failures.Key
	if b.knows(user.ID, hash) {
		return []limit.Bucket{{Key: key("browser", b.ID, string(user.ID)), Limit: a.opts.FailuresPerPair, Window: pairWindow}}
	}
	return append(
		a.failures.PerNetwork("address", address, a.opts.FailuresPerAddress, addressWindow),
		limit.Bucket{Key: key("pair", email, limit.Customer(address).String()), Limit: a.opts.FailuresPerPair, Window: pairWindow},
		limit.Bucket{Key: key("account", email), Limit: a.opts.FailuresPerAccount, Window: accountWindow},
	)
}
