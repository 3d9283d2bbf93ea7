package authz

import (
	"cmp"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/flight"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Options are the settings of a Server. Defaults has their defaults; a zero is a zero.
type Options struct {
	Issuer              string          // the public URL, without a trailing slash
	Audience            string          // the API's identifier; Issuer when empty
	Catalogue           scope.Catalogue // API scopes
	CodeLifetime        time.Duration
	AccessTokenLifetime time.Duration
	RequestLifetime     time.Duration // how long a person may take over sign-in and consent

	Refresh             RefreshRule
	ConnectionsPerGrant int    // how many connections of one grant are kept when there are twice as many
	PushedRequests      int    // how many pushed requests of one client are kept at a time
	IDTokenAlgorithm    string // of clients that ask for none: "RS256" or "ES256"; "" is RS256, or ES256 under a profile that does not allow that
	Profile             oauth.Profile
	HighestLevel        authn.Level   // that people can sign in with at this server
	RequireSecondFactor authn.Require // who has to sign in with two factors, whatever teams and applications want
}

// Defaults is the options of a server that is told nothing. Issuer and Catalogue have no default.
func Defaults() Options {
	return Options{
		CodeLifetime:        time.Minute,
		AccessTokenLifetime: time.Hour,
		RequestLifetime:     time.Hour,
		Refresh:             RefreshRule{Idle: 720 * time.Hour, Absolute: 8760 * time.Hour, Grace: time.Minute, LateRetry: 168 * time.Hour},
		ConnectionsPerGrant: 100,
		PushedRequests:      100,
		HighestLevel:        authn.PhishingResistant,
		RequireSecondFactor: authn.RequireOff,
	}
}

// Server answers authorization and token requests, and what comes after them.
type Server struct {
	grants   GrantStore
	families FamilyStore
	machines MachineStore
	requests RequestStore
	factors  FactorStore
	clients  *client.Authenticator
	refusals audit.Recorder
	keys     *token.Keyring
	now      func() time.Time
	opts     Options
	ended    *flight.Value[signedList]
}

// New is a Server. now is the clock.
func New(stores Stores, keys *token.Keyring, now func() time.Time, opts Options) *Server {
	opts.Audience = cmp.Or(opts.Audience, opts.Issuer)
	if opts.IDTokenAlgorithm == "" {
		// Every OpenID Connect client knows RS256 (OpenID Connect Core §15.1). FAPI 2.0 Security Profile §5.4.1 does not allow it.
		opts.IDTokenAlgorithm = token.RS256
		if opts.Profile.FAPI2() {
			opts.IDTokenAlgorithm = token.ES256
		}
	}
	s := &Server{
		grants: stores.Grants, families: stores.Families, machines: stores.Machines, requests: stores.Requests, factors: stores.Factors, refusals: stores.Refusals, keys: keys, now: now, opts: opts,
		clients: &client.Authenticator{
			Clients: stores.Clients, Assertions: stores.Assertions, Refusals: stores.Refusals, Now: now, Issuer: opts.Issuer,
			Profile: opts.Profile, FetchJWKS: stores.FetchJWKS, WrongClock: keys.RightTime,
		},
	}
	s.ended = s.newEndedList()
	return s
}

// clockWrong reports whether this server's clock is wrong.
func (s *Server) clockWrong() bool {
	_, wrong := s.keys.RightTime(s.now())
	return wrong
}

// rightTime is now by the right clock, for what must not have a wrong time.
func (s *Server) rightTime() time.Time {
	now := s.now()
	if right, wrong := s.keys.RightTime(now); wrong {
		return right
	}
	return now
}

// Catalogue is the API scopes there are.
func (s *Server) Catalogue() scope.Catalogue { return slices.Clone(s.opts.Catalogue) }

// Profile is the profile that the server keeps.
func (s *Server) Profile() oauth.Profile { return s.opts.Profile }

// Describe is what a scope allows, in the words of the consent page.
func (s *Server) Describe(names oauth.Scope) []scope.Info { return s.opts.Catalogue.Describe(names) }
