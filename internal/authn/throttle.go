package authn

import (
	"net/netip"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// How long a failure counts.
const (
	pairWindow    = 15 * time.Minute
	addressWindow = 15 * time.Minute
	accountWindow = time.Hour
)

// buckets is the counters that an attempt adds to. Guesses are limited per account and address, per address, and per account.
// Strangers can fill the last two for the owner of the account, so a browser that has signed in to the account before has
// a counter of its own.
func (a *Authenticator) buckets(email string, user team.User, hash string, address netip.Addr, b browser) []limit.Bucket {
	if b.knows(user.ID, hash) {
		return []limit.Bucket{{Key: limit.Key("browser", b.ID, string(user.ID)), Limit: a.opts.FailuresPerPair, Window: pairWindow}}
	}
	network := limit.Network(address).String()
	return []limit.Bucket{
		{Key: limit.Key("pair", email, network), Limit: a.opts.FailuresPerPair, Window: pairWindow},
		{Key: limit.Key("address", network), Limit: a.opts.FailuresPerAddress, Window: addressWindow},
		{Key: limit.Key("account", email), Limit: a.opts.FailuresPerAccount, Window: accountWindow},
	}
}
