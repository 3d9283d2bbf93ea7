// Package client is registered applications: what one is, how a registration is checked, and how an application proves who it is.
//
// It does not know what people allow applications to do (authz), nor which application may reach which team (govern).
package client

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Client is a registered application. A global client (no Team) may be connected to any team; a team client acts only in its own.
type Client struct {
	ID           oauth.ClientID
	Name         string
	Owner        string // who registered it, as the consent page says it
	Public       bool   // has no secret
	Machine      bool   // acts for itself (client_credentials), always in its Team
	Team         team.Team
	RedirectURIs []string
	Scope        oauth.Scope // the most it may ask for; empty means every API scope
	Secrets      []Secret
	CreatedAt    time.Time
	DisabledAt   time.Time // zero while enabled

	FirstParty    bool        // the operator's own: teams' policies for applications are not for it, unless they say so. Only the operator may set it
	OptionalScope oauth.Scope // what it can do without, of what it asks for

	ResourceServer         string   // the audience whose tokens it may introspect; "" when it is no resource server
	Resources              []string // the audiences that its tokens may be for (RFC 8707); empty: the server's default only
	JWKS                   string   // its public keys as a JSON Web Key Set, for private_key_jwt; or JWKSURI
	JWKSURI                string
	IDTokenAlgorithm       string // "RS256" or "ES256"; "" is the server's default
	PostLogoutRedirectURIs []string
	BackchannelLogoutURI   string
	InitiateLoginURI       string // where people start to sign in to it (OpenID Connect Core §4)
	RequirePAR             bool   // takes no authorization request that was not pushed (RFC 9126 §6)
	RequireDPoP            bool   // takes no bearer tokens (RFC 9449 §5.2: dpop_bound_access_tokens)

	// PKCE is whether a request may have a nonce in place of a code_challenge. Then this server cannot tell whether the client compares
	// the nonce, so only the operator may allow it.
	PKCE oauth.PKCE

	// InsecureAssertionAudience accepts assertions whose audience is the token endpoint, or an array of one, as OpenID Connect
	// Core §9 has it. A malicious authorization server that the client also uses can then pass its assertions on to us.
	InsecureAssertionAudience bool
	// InsecureNoPKCENoNonce accepts requests with neither PKCE nor a nonce. It exists for one module of the official OpenID suite:
	// nothing protects such a client from an injected code.
	InsecureNoPKCENoNonce bool

	RefreshGrace time.Duration // how long a replaced refresh token gets its successor again, where that is shorter than the server's; 0 is the server's
}

// Secret is one of at most two live secrets of a client.
type Secret struct {
	Hash      string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: does not expire
}

// Used is a client with the last time that it got a token for itself; zero when it never did.
type Used struct {
	Client
	LastToken time.Time
}

// Method is how the client has to authenticate; a client with a secret may use Basic or the body.
func (c Client) Method() oauth.AuthMethod {
	switch {
	case c.Public:
		return oauth.AuthNone
	case c.JWKS != "" || c.JWKSURI != "":
		return oauth.AuthPrivateKeyJWT
	}
	return oauth.AuthBasic
}

// Global reports whether any team may connect the client.
func (c Client) Global() bool { return c.Team.ID == "" }

// Loosened names the settings that make the client less safe than the default. docs/security.md says what each costs.
func (c Client) Loosened() (settings []string) {
	if c.PKCE != oauth.PKCERequired {
		settings = append(settings, "pkce "+c.PKCE.String())
	}
	if c.InsecureAssertionAudience {
		settings = append(settings, "insecure_assertion_audience")
	}
	if c.InsecureNoPKCENoNonce {
		settings = append(settings, "insecure_no_pkce_no_nonce")
	}
	return settings
}

// PKCERule is how the client's requests have to be protected.
func (c Client) PKCERule() oauth.PKCE {
	if c.InsecureNoPKCENoNonce {
		return oauth.PKCENothing
	}
	return c.PKCE
}

// MayUse reports whether the client may use a grant type.
func (c Client) MayUse(g oauth.GrantType) bool {
	switch g {
	case oauth.GrantAuthorizationCode, oauth.GrantRefreshToken:
		// A resource server without a redirect URI only introspects.
		return !c.Machine && len(c.RedirectURIs) > 0
	case oauth.GrantClientCredentials:
		return c.Machine
	default:
		return false
	}
}

// Errors of the store.
var (
	ErrNoClient = errors.New("no such client")
	ErrUsed     = errors.New("the assertion was used before")
)

// Store keeps clients. Each method is one unit of work.
type Store interface {
	Reader
	Clients(ctx context.Context) ([]Client, error) // by name, with redirect URIs, without secrets
	// TeamClients is the clients that a team has to do with, in the same way: its own, those that a member connected to it, and those that
	// it blocks.
	TeamClients(ctx context.Context, id team.ID) ([]Used, error)
	AddClient(ctx context.Context, c Client) error // team.ErrNoTeam when c.Team.ID is set and gone
	// UpdateClient reads the client under a lock, and saves what change makes of it. change must be pure: it may run twice. Its error is
	// returned, and then nothing is saved. What a client is, its team and its secrets cannot be changed this way. ErrNoClient.
	UpdateClient(ctx context.Context, id oauth.ClientID, change func(Client) (Client, error)) (Client, error)
	// AddClientSecret adds a secret and keeps the newest `keep` of the earlier ones that are alive. ErrNoClient.
	AddClientSecret(ctx context.Context, id oauth.ClientID, s Secret, keep int) error
	DisableClient(ctx context.Context, id oauth.ClientID, at time.Time) error // ends its grants in the same transaction; ErrNoClient
	EnableClient(ctx context.Context, id oauth.ClientID) error                // revives nothing; ErrNoClient
	RemoveClient(ctx context.Context, id oauth.ClientID) error                // with its grants; ErrNoClient
	// PublicRedirectURIs is every redirect URI of every enabled public client: the origins that may call the token endpoint from a browser.
	PublicRedirectURIs(ctx context.Context) ([]string, error)
}

// Reader reads one client. What a Client refers to is shared, and must not be changed.
type Reader interface {
	Client(ctx context.Context, id oauth.ClientID) (Client, error) // ErrNoClient
}

// AssertionStore remembers which assertions were used.
type AssertionStore interface {
	// UseAssertion remembers an assertion until it expires; ErrUsed when it was there already.
	UseAssertion(ctx context.Context, client oauth.ClientID, jti string, expires time.Time) error
}
