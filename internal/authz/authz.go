// Package authz is the authorization server: clients, grants, codes and tokens. It decides who gets what, and declares the Store it needs.
//
// It knows nothing of HTTP, HTML or SQL.
//
// Invariants:
//   - Nothing is redirected before the client and its redirect URI are verified: only a RedirectError travels there.
//   - A grant lives exactly as long as its user, membership, team and client. The store ends it with them, in one transaction.
//   - A code is redeemed once. One insert decides who wins; a replay by someone who proved possession ends what the winner got.
package authz

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// ClientID, GrantID and FamilyID are opaque identifiers, kept apart by their types.
type (
	ClientID string
	GrantID  string
	FamilyID string
)

// Client is a registered application. A global client (no Team) may be connected to any team; a team client acts only in its own.
type Client struct {
	ID           ClientID
	Name         string
	Owner        string // who registered it, as the consent page says it
	Public       bool   // has no secret
	Machine      bool   // acts for itself (client_credentials), always in its Team
	Team         team.Team
	RedirectURIs []string
	Scope        oauth.Scope // the most it may ask for; empty means every API scope
	Secrets      []ClientSecret
	CreatedAt    time.Time
	DisabledAt   time.Time // zero while enabled
}

// Global reports whether any team may connect the client.
func (c Client) Global() bool { return c.Team.ID == "" }

// ClientSecret is one of at most two live secrets of a client.
type ClientSecret struct {
	Hash      string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: does not expire
}

// Grant is what one user lets one client do in one team: consent, remembered. One per (user, client, team); the team is never null.
// A grant that has ended is gone; connecting again makes another, with another id.
type Grant struct {
	ID        GrantID
	User      team.UserID
	Client    ClientID
	Team      team.ID
	Scope     oauth.Scope
	CreatedAt time.Time
	UpdatedAt time.Time // the last consent
}

// GrantDetail is a grant with the names that people know.
type GrantDetail struct {
	Grant
	User   team.User
	Client Client // without its secrets and redirect URIs
	Team   team.Team
}

// GrantFilter narrows a list of grants; empty fields do not narrow.
type GrantFilter struct {
	User   team.UserID
	Client ClientID
	Team   team.ID
}

// Block is a team's refusal of a client, with the reason its admin gave.
type Block struct {
	Team      team.ID
	Client    ClientID
	Reason    string
	CreatedAt time.Time
}

// Standing is one of a person's teams, as far as one client is concerned.
type Standing struct {
	Team    team.Team
	Role    team.Role
	Grant   *Grant // nil when nothing was granted
	Blocked string // the reason of the team's admin; empty when not blocked
}

// Family is everything that came from one authorization code: its redemption, and what follows. One row.
type Family struct {
	ID        FamilyID // the code's id
	Grant     GrantID
	Client    ClientID
	Scope     oauth.Scope
	AuthTime  time.Time
	CreatedAt time.Time // when the code was redeemed
	ExpiresAt time.Time // when everything issued under it is dead; then the row may be pruned
}

// Live is who and what a redemption or a refresh is for, as they are now.
type Live struct {
	User team.User
	Team team.Team
}

// Errors of the store.
var (
	ErrNoClient = errors.New("no such client")
	ErrNoGrant  = errors.New("no such grant")
	ErrNoBlock  = errors.New("the team does not block this client")
	ErrReplayed = errors.New("the code was redeemed before; its family has been ended")
	ErrNotLive  = errors.New("the grant, person, membership, team or client has ended")
)

// Store keeps clients, grants and families. Each method is one unit of work, named for what happens; none is a transaction's half.
type Store interface {
	Client(ctx context.Context, id ClientID) (Client, error) // ErrNoClient
	Clients(ctx context.Context) ([]Client, error)           // by name, with redirect URIs, without secrets
	AddClient(ctx context.Context, c Client) error           // team.ErrNoTeam when c.Team.ID is set and gone
	// UpdateClient replaces name, redirect URIs and scope. ErrNoClient.
	UpdateClient(ctx context.Context, c Client) error
	// AddClientSecret adds a secret and keeps the newest `keep` of the earlier ones that are alive. ErrNoClient.
	AddClientSecret(ctx context.Context, id ClientID, s ClientSecret, keep int) error
	DisableClient(ctx context.Context, id ClientID, at time.Time) error // ends its grants in the same transaction; ErrNoClient
	EnableClient(ctx context.Context, id ClientID) error                // revives nothing; ErrNoClient
	RemoveClient(ctx context.Context, id ClientID) error                // with its grants; ErrNoClient
	// PublicRedirectURIs is every redirect URI of every enabled public client: the origins that may call the token endpoint from a browser.
	PublicRedirectURIs(ctx context.Context) ([]string, error)

	// Standings is each team that the person belongs to, by name, with what concerns the client. One query.
	Standings(ctx context.Context, user team.UserID, client ClientID) ([]Standing, error)
	// SaveGrant creates the grant of (user, client, team), or adds g.Scope to the one there is, whose id and CreatedAt stay. It returns the grant as saved.
	// ErrNotLive when the person is disabled or no member, the client disabled, gone or another team's, or blocked by the team.
	SaveGrant(ctx context.Context, g Grant) (Grant, error)
	Grants(ctx context.Context, f GrantFilter) ([]GrantDetail, error) // newest first
	RevokeGrant(ctx context.Context, id GrantID) error                // with its families; ErrNoGrant

	// Redeem saves the family of a code that is redeemed: one atomic insert, which happens only if no family has this id and the grant covers f.Scope and it, its person,
	// membership, team and client are alive and the team does not block the client. It returns who it is for.
	// ErrReplayed when the code was redeemed before: the family is ended in the same transaction. ErrNotLive otherwise.
	Redeem(ctx context.Context, f Family) (Live, error)
	// Burn makes a code unredeemable that was not redeemed: it saves its family as ended. It does nothing to a family that exists.
	Burn(ctx context.Context, f Family) error

	Block(ctx context.Context, b Block) error                         // ends the client's grants in the team in the same transaction; replaces the reason
	Unblock(ctx context.Context, team team.ID, client ClientID) error // ErrNoBlock
	Blocks(ctx context.Context, team team.ID) ([]Block, error)        // newest first
}
