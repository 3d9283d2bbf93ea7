package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
)

// Registry registers and changes clients: what the command line and the pages call.
type Registry struct {
	Store     Store
	Requests  usage.FailureStore // may be nil: then nobody asks for failures
	Catalogue scope.Catalogue
	Profile   oauth.Profile // clients that do not fit it are refused
	Audience  string        // of tokens that are asked for without a resource

	RefreshGrace time.Duration // the server's: clients can have less
	Now          func() time.Time
}

// Registration is what a new client brings.
type Registration struct {
	Name         string
	Owner        string    // optional
	Team         team.Team // zero for a global client
	Public       bool
	Machine      bool // must have a team, has no redirect URI
	RedirectURIs []string
	Scope        oauth.Scope // empty: every API scope

	FirstParty    bool        // see Client
	OptionalScope oauth.Scope // see Client

	ResourceServer         string   // the audience whose tokens it may introspect; such a client needs no redirect URI
	Resources              []string // audiences that its tokens may be for, besides the server's default
	JWKS                   string   // its public keys; such a client has no secret
	JWKSURI                string   // or where they are
	IDTokenAlgorithm       string   // "RS256", "ES256", or "" for the server's default
	PostLogoutRedirectURIs []string
	BackchannelLogoutURI   string
	InitiateLoginURI       string // see Client
	RequirePAR             bool
	RequireDPoP            bool

	PKCE                      oauth.PKCE // see Client; like the next one, only for the operator
	InsecureAssertionAudience bool       // see Client
	InsecureNoPKCENoNonce     bool       // see Client

	RefreshGrace time.Duration // 0: the server's
}

// AddClient registers a client and returns it with its secret, which is shown once (zero for a client that has none: a public one, or one with keys). What is wrong with
// the registration is an error for the person who registers; team.ErrNoTeam when the team is gone.
func (r *Registry) AddClient(ctx context.Context, actor team.Actor, reg Registration) (Client, token.Secret, error) {
	if err := team.May(actor, team.ManageClients, team.On{}); err != nil {
		return Client{}, token.Secret{}, err
	}
	now := r.Now()
	c := Client{
		ID: oauth.ClientID(token.NewID()), Name: strings.TrimSpace(reg.Name), Owner: strings.TrimSpace(reg.Owner), Public: reg.Public, Machine: reg.Machine,
		Team: reg.Team, RedirectURIs: distinct(reg.RedirectURIs), Scope: distinct(reg.Scope), CreatedAt: now,
		ResourceServer: reg.ResourceServer, Resources: distinct(reg.Resources), JWKS: strings.TrimSpace(reg.JWKS), JWKSURI: reg.JWKSURI,
		IDTokenAlgorithm: reg.IDTokenAlgorithm, PostLogoutRedirectURIs: distinct(reg.PostLogoutRedirectURIs), BackchannelLogoutURI: reg.BackchannelLogoutURI,
		InitiateLoginURI: reg.InitiateLoginURI, RequirePAR: reg.RequirePAR, RequireDPoP: reg.RequireDPoP, PKCE: reg.PKCE, InsecureAssertionAudience: reg.InsecureAssertionAudience,
		InsecureNoPKCENoNonce: reg.InsecureNoPKCENoNonce, RefreshGrace: reg.RefreshGrace,
		FirstParty: reg.FirstParty, OptionalScope: distinct(reg.OptionalScope),
	}
	if err := mayLoosen(actor, Client{}, c); err != nil {
		return Client{}, token.Secret{}, err
	}
	if err := r.check(c); err != nil {
		return Client{}, token.Secret{}, err
	}
	var secret token.Secret
	if c.Method() == oauth.AuthBasic {
		secret = token.NewSecret(token.PrefixClientSecret)
		c.Secrets = []Secret{{Hash: secret.Hash(), CreatedAt: now}}
	}
	if err := r.Store.AddClient(ctx, c); err != nil {
		return Client{}, token.Secret{}, fmt.Errorf("register %q: %w", c.Name, err)
	}
	return c, secret, nil
}

// Change is what to replace; nil fields stay.
type Change struct {
	Name         *string
	RedirectURIs []string
	Scope        oauth.Scope

	FirstParty    *bool
	OptionalScope oauth.Scope

	ResourceServer         *string
	Resources              []string
	JWKS                   *string // a client that gets keys instead of secrets keeps the secrets until it is rid of the keys, but they prove nothing meanwhile
	JWKSURI                *string
	IDTokenAlgorithm       *string
	PostLogoutRedirectURIs []string
	BackchannelLogoutURI   *string
	InitiateLoginURI       *string
	RequirePAR             *bool
	RequireDPoP            *bool

	PKCE                      *oauth.PKCE
	InsecureAssertionAudience *bool
	InsecureNoPKCENoNonce     *bool

	RefreshGrace *time.Duration
}

// apply is the client with what the change has.
func (change Change) apply(c Client) Client {
	replace(&c.Name, change.Name)
	replace(&c.ResourceServer, change.ResourceServer)
	replace(&c.JWKS, change.JWKS)
	replace(&c.JWKSURI, change.JWKSURI)
	replace(&c.IDTokenAlgorithm, change.IDTokenAlgorithm)
	replace(&c.BackchannelLogoutURI, change.BackchannelLogoutURI)
	replace(&c.InitiateLoginURI, change.InitiateLoginURI)
	replace(&c.RequirePAR, change.RequirePAR)
	replace(&c.RequireDPoP, change.RequireDPoP)
	replace(&c.PKCE, change.PKCE)
	replace(&c.InsecureAssertionAudience, change.InsecureAssertionAudience)
	replace(&c.InsecureNoPKCENoNonce, change.InsecureNoPKCENoNonce)
	replace(&c.RefreshGrace, change.RefreshGrace)
	replace(&c.FirstParty, change.FirstParty)
	c.Name, c.JWKS = strings.TrimSpace(c.Name), strings.TrimSpace(c.JWKS)
	if change.RedirectURIs != nil {
		c.RedirectURIs = distinct(change.RedirectURIs)
	}
	if change.Scope != nil {
		c.Scope = distinct(change.Scope)
	}
	if change.OptionalScope != nil {
		c.OptionalScope = distinct(change.OptionalScope)
	}
	if change.Resources != nil {
		c.Resources = distinct(change.Resources)
	}
	if change.PostLogoutRedirectURIs != nil {
		c.PostLogoutRedirectURIs = distinct(change.PostLogoutRedirectURIs)
	}
	return c
}

func replace[T any](field, change *T) {
	if change != nil {
		*field = *change
	}
}

// TeamClients is the clients that a team has to do with, by name: its own, those that a member connected to it, and those that it blocks.
func (r *Registry) TeamClients(ctx context.Context, actor team.Actor, id team.ID) ([]Used, error) {
	if err := team.May(actor, team.GovernApplications, team.On{Team: id}); err != nil {
		return nil, err
	}
	return r.Store.TeamClients(ctx, id)
}

// UpdateClient replaces what change has. It decides under the client's lock, so two changes at once are both kept.
// The error is ErrNoClient, or says what is wrong with the change.
func (r *Registry) UpdateClient(ctx context.Context, actor team.Actor, id oauth.ClientID, change Change) (Client, error) {
	if err := team.May(actor, team.ManageClients, team.On{}); err != nil {
		return Client{}, err
	}
	var invalid error
	c, err := r.Store.UpdateClient(ctx, id, func(before Client) (Client, error) {
		c := change.apply(before)
		if invalid = mayLoosen(actor, before, c); invalid == nil {
			invalid = r.check(c)
		}
		return c, invalid
	})
	if invalid != nil {
		return Client{}, invalid // a sentence for the person who changes it
	}
	if err != nil {
		return Client{}, fmt.Errorf("update client %q: %w", id, err)
	}
	return c, nil
}

// mayLoosen is team.ErrForbidden when a client becomes less strict than it was, or one that no team's policy is for, and the actor may not do that.
func mayLoosen(actor team.Actor, before, after Client) error {
	if after.FirstParty && !before.FirstParty {
		return team.May(actor, team.LoosenClients, team.On{})
	}
	for _, setting := range after.Loosened() {
		if !slices.Contains(before.Loosened(), setting) {
			return team.May(actor, team.LoosenClients, team.On{})
		}
	}
	return nil
}

// RotateSecret gives a client a new secret. The newest old one stays valid unless revokeOld: two live secrets at most. ErrNoClient.
func (r *Registry) RotateSecret(ctx context.Context, actor team.Actor, id oauth.ClientID, revokeOld bool) (token.Secret, error) {
	if err := team.May(actor, team.ManageClients, team.On{}); err != nil {
		return token.Secret{}, err
	}
	c, err := r.Store.Client(ctx, id)
	if err != nil {
		return token.Secret{}, fmt.Errorf("load client %q: %w", id, err)
	}
	switch c.Method() {
	case oauth.AuthNone:
		return token.Secret{}, errors.New("a public client has no secret")
	case oauth.AuthPrivateKeyJWT:
		return token.Secret{}, errors.New("this client authenticates by its own key and has no secret: replace its keys instead")
	}
	keep := 1
	if revokeOld {
		keep = 0
	}
	secret := token.NewSecret(token.PrefixClientSecret)
	if err := r.Store.AddClientSecret(ctx, id, Secret{Hash: secret.Hash(), CreatedAt: r.Now()}, keep); err != nil {
		return token.Secret{}, fmt.Errorf("rotate the secret of client %q: %w", id, err)
	}
	return secret, nil
}

// Client is one client. ErrNoClient.
func (r *Registry) Client(ctx context.Context, actor team.Actor, id oauth.ClientID) (Client, error) {
	if err := team.May(actor, team.ManageClients, team.On{}); err != nil {
		return Client{}, err
	}
	return r.Store.Client(ctx, id)
}

// Clients is every client, by name, without its secrets.
func (r *Registry) Clients(ctx context.Context, actor team.Actor) ([]Client, error) {
	if err := team.May(actor, team.ManageClients, team.On{}); err != nil {
		return nil, err
	}
	return r.Store.Clients(ctx)
}

// DisableClient ends a client's grants and keeps it out. ErrNoClient.
func (r *Registry) DisableClient(ctx context.Context, actor team.Actor, id oauth.ClientID) error {
	if err := team.May(actor, team.ManageClients, team.On{}); err != nil {
		return err
	}
	return r.Store.DisableClient(ctx, id, r.Now())
}

// EnableClient lets people connect a client again; it revives nothing. ErrNoClient.
func (r *Registry) EnableClient(ctx context.Context, actor team.Actor, id oauth.ClientID) error {
	if err := team.May(actor, team.ManageClients, team.On{}); err != nil {
		return err
	}
	return r.Store.EnableClient(ctx, id)
}

// RemoveClient removes a client with its grants. ErrNoClient.
func (r *Registry) RemoveClient(ctx context.Context, actor team.Actor, id oauth.ClientID) error {
	if err := team.May(actor, team.ManageClients, team.On{}); err != nil {
		return err
	}
	return r.Store.RemoveClient(ctx, id)
}

// distinct is values without repetition, in order.
func distinct[S ~[]string](values S) S {
	var result S
	for _, value := range values {
		if !slices.Contains(result, value) {
			result = append(result, value)
		}
	}
	return result
}
