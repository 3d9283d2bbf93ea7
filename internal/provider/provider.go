// Package provider signs people in at OpenID Connect providers of others: here Gatehouse is the relying party. It builds the authentication
// request, exchanges the code, and checks the ID token (OpenID Connect Core §3.1). What it returns is what a provider says about somebody.
//
// It does not know who that is here (authn), and stores nothing.
//
// Every provider has a redirect URI of its own, so an answer of one cannot be given to another (mix-up, RFC 9700 §4.4).
package provider

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/outbound"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"golang.org/x/sync/singleflight"
)

const (
	mostBytes       = 128 << 10        // of one answer
	defaultTimeout  = 8 * time.Second  // for everything that one request of a browser asks of a provider
	metadataFresh   = 10 * time.Minute // how long metadata is used before it is read again
	metadataRetry   = 3 * time.Second  // the least time between two attempts to read metadata
	requestLifetime = 5 * time.Minute  // how long a person may take at the provider
)

// Errors that callers tell apart. *RefusedError is another.
var (
	ErrUnknown     = errors.New("no such provider is configured")
	ErrUnavailable = errors.New("the provider does not answer as an OpenID Connect provider")
	ErrOver        = errors.New("the sign-in at the provider was begun in another browser, too long ago, or it is over already")
	ErrInvalid     = authn.ErrClaims // a wrong ID token, the answer of another provider
)

// RefusedError is an error that the provider sent (OpenID Connect Core §3.1.2.6).
type RefusedError struct{ Code string }

func (e *RefusedError) Error() string { return "the provider answered " + e.Code }

// Denied reports whether the person did not want to go on, or may not.
func (e *RefusedError) Denied() bool { return e.Code == "access_denied" }

// Options is what all providers have in common.
type Options struct {
	PublicURL   string // ours
	ThisMachine bool   // providers may be on this machine, because we are on it alone
	Keys        *token.Keyring
	Now         func() time.Time
	Timeout     time.Duration // 8 s when zero
}

// Providers are the providers of the configuration.
type Providers struct {
	list []*Provider
	keys *token.Keyring
	now  func() time.Time
}

// Provider is one of them. Its metadata is read when it is first needed, so a provider that is down does not stop the server.
type Provider struct {
	Settings
	secret   atomic.Pointer[token.Secret]
	redirect string
	outbound *outbound.Client
	http     *http.Client
	jwks     *client.KeyCache
	now      func() time.Time
	timeout  time.Duration

	flight singleflight.Group
	mu     sync.Mutex
	known  found
}

// New is the providers of a configuration, which Check has accepted.
func New(all []Settings, opts Options) *Providers {
	ps := &Providers{keys: opts.Keys, now: opts.Now}
	for _, s := range all {
		out := outbound.New(outbound.Options{InternalNetworks: s.InternalNetworks, ThisMachine: opts.ThisMachine})
		p := &Provider{
			Settings: s, redirect: opts.PublicURL + CallbackPath(s.ID), outbound: out, http: out.HTTP(mostBytes), jwks: client.NewKeyCache(out, opts.Now),
			now: opts.Now, timeout: cmp.Or(opts.Timeout, defaultTimeout),
		}
		secret := s.Secret
		p.secret.Store(&secret)
		ps.list = append(ps.list, p)
	}
	return ps
}

// Path is where a sign-in at a provider begins.
func Path(id string) string { return "/login/provider/" + id + "/" }

// CallbackPath is where a provider sends the browser back.
func CallbackPath(id string) string { return Path(id) + "callback/" }

// All is every provider, in the order of the configuration.
func (ps *Providers) All() []*Provider {
	if ps == nil {
		return nil
	}
	return ps.list
}

// ByID is a provider; ErrUnknown.
func (ps *Providers) ByID(id string) (*Provider, error) {
	for _, p := range ps.All() {
		if p.ID == id {
			return p, nil
		}
	}
	return nil, ErrUnknown
}

// Issuers is every issuer, by which the identities of people are known.
func (ps *Providers) Issuers() (issuers []string) {
	for _, p := range ps.All() {
		issuers = append(issuers, p.Issuer)
	}
	return issuers
}

// Name is what people call a provider; its id when it is not configured any more.
func (ps *Providers) Name(id string) string {
	if p, err := ps.ByID(id); err == nil {
		return p.Settings.Name
	}
	return id
}

// UseSecrets takes the client secrets of a configuration that was read again, and returns the ids of those that are new. Everything else stays.
func (ps *Providers) UseSecrets(all []Settings) (changed []string) {
	for _, p := range ps.All() {
		i := slices.IndexFunc(all, func(s Settings) bool { return s.ID == p.ID })
		if i < 0 {
			continue
		}
		secret := all[i].Secret
		if old := p.secret.Swap(&secret); old.Reveal() != secret.Reveal() {
			changed = append(changed, p.ID)
		}
	}
	return changed
}

// RedirectURI is what has to be registered at the provider.
func (p *Provider) RedirectURI() string { return p.redirect }

// Close closes the connections that are not in use.
func (ps *Providers) Close() {
	for _, p := range ps.All() {
		p.outbound.Close()
	}
}

// bounded is a context for everything that one request of a browser asks of the provider.
func (p *Provider) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, p.timeout)
}

// ForTeams is the providers that a team may require.
func (ps *Providers) ForTeams() (providers []team.Provider) {
	for _, p := range ps.All() {
		providers = append(providers, team.Provider{ID: p.ID, Issuer: p.Issuer, Name: p.Settings.Name})
	}
	return providers
}
