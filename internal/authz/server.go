package authz

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/flight"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
)

// Options are the settings of a Server.
type Options struct {
	Issuer              string          // the public URL, without a trailing slash
	Audience            string          // the API's identifier; Issuer when empty
	Catalogue           scope.Catalogue // API scopes
	CodeLifetime        time.Duration   // 60 s when zero
	AccessTokenLifetime time.Duration   // 1 h when zero
	RequestLifetime     time.Duration   // how long a person may take over sign-in and consent: 1 h when zero

	RefreshIdleLifetime     time.Duration // a connection ends when it is not refreshed for this long: 720 h when zero
	RefreshAbsoluteLifetime time.Duration // a connection ends this long after consent, however often it is refreshed: 8760 h when zero
	RefreshGrace            time.Duration // how long a used refresh token still gets the same successor: 10 s when zero
	ConnectionsPerGrant     int           // how many connections of one grant are kept when there are twice as many: 100 when zero
	IDTokenAlgorithm        string        // of clients that ask for none: "RS256" when empty, or "ES256"

	// FetchJWKS fetches the keys of a client that registered a jwks_uri. The URI was chosen by a stranger: the function has to keep away from internal addresses, and to cache.
	// kid is the key that is looked for ("" for any): when what was cached has it not, the client may have a new one. Without the function such clients cannot authenticate.
	FetchJWKS func(ctx context.Context, uri, kid string) (jose.JSONWebKeySet, error)
	// Audit keeps refusals; all else is recorded by the stores. Without it they are not recorded.
	Audit audit.Store
}

// Server answers authorization and token requests, and what comes after them.
type Server struct {
	grants   GrantStore
	families FamilyStore
	machines MachineStore
	clients  *client.Authenticator
	refusals audit.Recorder
	keys     *token.Keyring
	now      func() time.Time
	opts     Options // with the defaults filled in
	ended    *flight.Value[signedList]
}

// New is a Server. now is the clock.
func New(stores Stores, keys *token.Keyring, now func() time.Time, opts Options) *Server {
	opts.Audience = cmp.Or(opts.Audience, opts.Issuer)
	opts.CodeLifetime = cmp.Or(opts.CodeLifetime, time.Minute)
	opts.AccessTokenLifetime = cmp.Or(opts.AccessTokenLifetime, time.Hour)
	opts.RequestLifetime = cmp.Or(opts.RequestLifetime, time.Hour)
	opts.RefreshIdleLifetime = cmp.Or(opts.RefreshIdleLifetime, 720*time.Hour)
	opts.RefreshAbsoluteLifetime = cmp.Or(opts.RefreshAbsoluteLifetime, 8760*time.Hour)
	opts.RefreshGrace = cmp.Or(opts.RefreshGrace, 10*time.Second)
	opts.ConnectionsPerGrant = cmp.Or(opts.ConnectionsPerGrant, 100)
	opts.IDTokenAlgorithm = cmp.Or(opts.IDTokenAlgorithm, token.RS256)
	refusals := audit.Recorder{Store: opts.Audit, Now: now}
	s := &Server{
		grants: stores.Grants, families: stores.Families, machines: stores.Machines, refusals: refusals, keys: keys, now: now, opts: opts,
		clients: &client.Authenticator{
			Clients: stores.Clients, Assertions: stores.Assertions, Refusals: refusals, Now: now, Issuer: opts.Issuer,
			Algorithms: oauth.ClientAlgorithms(false), FetchJWKS: opts.FetchJWKS,
		},
	}
	s.ended = s.newEndedList()
	return s
}

// Catalogue is the API scopes there are.
func (s *Server) Catalogue() scope.Catalogue { return slices.Clone(s.opts.Catalogue) }

// Describe is what a scope allows, in the words of the consent page.
func (s *Server) Describe(names oauth.Scope) []scope.Info { return s.opts.Catalogue.Describe(names) }
