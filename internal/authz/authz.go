// Package authz is the authorization server: grants, codes and tokens. It decides who gets what, and declares the stores that it needs.
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

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/go-jose/go-jose/v4"
)

// GrantID and FamilyID are opaque identifiers, kept apart by their types.
type (
	GrantID  string
	FamilyID string
)

// Grant is what one user lets one client do in one team: consent, remembered. One per (user, client, team); the team is never null.
// A grant that has ended is gone; connecting again makes another, with another id.
type Grant struct {
	ID        GrantID
	User      team.UserID
	Client    oauth.ClientID
	Team      team.ID
	Scope     oauth.Scope // what is left, under the team's policy, of what the person agreed to
	CreatedAt time.Time
	UpdatedAt time.Time // the last consent

	SuspendedAt time.Time // since when the team's policy leaves nothing of it; zero while it counts

	Seen Seen // read only where a consent page may follow: in a TeamStatus
}

// GrantDetail is a grant with the names that people know.
type GrantDetail struct {
	Grant
	User   team.User
	Client client.Client // without its secrets and redirect URIs
	Team   team.Team

	LastUsed time.Time // when a code of it was last redeemed or a refresh token used; zero when none was, or nothing of that is kept any more
}

// GrantFilter narrows a list of grants; empty fields do not narrow.
type GrantFilter struct {
	User   team.UserID
	Client oauth.ClientID
	Team   team.ID
}

// TeamStatus is one of a person's teams, as far as one client is concerned.
type TeamStatus struct {
	Team    team.Team
	Role    team.Role
	Grant   *Grant // nil when nothing was granted
	Policy  govern.Policy
	Row     govern.Row     // what the team decided about the client: state, scope, reason and time
	Verdict govern.Verdict // what follows for a request; set where one is evaluated

	NeedsFactor bool   // the team can be chosen only after a sign-in with two factors
	Provider    string // the team can be chosen only after a sign-in at the provider with this id; "" for any sign-in
}

// SignedInUser is the user of a session, with their teams as far as one client is concerned.
type SignedInUser struct {
	Session authn.Session // with its person
	Teams   []TeamStatus  // by the team's name
}

// Family is everything that came from one authorization code: its redemption, and what follows. One row.
type Family struct {
	ID        FamilyID // the code's id; it begins with its time
	Grant     GrantID
	Client    oauth.ClientID
	Scope     oauth.Scope
	AuthTime  time.Time
	CreatedAt time.Time // when the code was redeemed
	ExpiresAt time.Time // when everything issued under it is dead; then the row may be pruned

	Generation  int64     // of the newest refresh token; 0 is the first
	RotatedAt   time.Time // when that was issued; zero for the first
	UsedAt      time.Time // when a refresh token was last used; zero before the first refresh
	EndedAt     time.Time // zero while it lives
	TokenDeadAt time.Time // when the last access token issued under it has expired by every clock (ClockLeeway)
	Nonce       string    // for the ID tokens of this family
	Methods     []string  // amr
	SessionID   string    // sid: an identifier of the sign-in, not its cookie
	Resource    []string  // the audiences of its tokens; empty: the server's default
	DPoPKey     string    // what its tokens are bound to; ""

	LateRetryAt         time.Time // of the last late retry; zero without one
	LateRetryGeneration int64     // Generation at that time
}

// Rotation is one use of a refresh token.
type Rotation struct {
	Family      FamilyID
	Client      oauth.ClientID
	DPoPKey     string // of the proof that came along; must be the family's
	Generation  int64  // of the token presented
	Keep        bool   // the token stays the newest: it is not replaced, because holding it is not enough to use it
	At          time.Time
	TokenDeadAt time.Time // when the access tokens of this refresh, and of its retries within the grace, have expired by every clock
	Rule        RefreshRule
}

// Rotated is what a refresh found.
type Rotated struct {
	Family  Family // as it is now: Generation is that of the token to answer with. Without CreatedAt, and without what only a RefreshRule asks for.
	Subject Subject
	Retry   bool // the token was replaced before: the successor is the same, and within the grace nothing was written
}

// Connection is a family with everything that justifies it, as it is now.
type Connection struct {
	Family  Family
	Subject Subject
}

// The kinds of endings.
const (
	EndedGrant  = "grant"
	EndedFamily = "family"
	EndedToken  = "token"  // one machine token, by its jti
	EndedClient = "client" // the machine tokens of a client that were issued until At

	NarrowedGrant = "narrowed" // the access tokens of a grant that were issued until At
)

// Ending says that something died before its access tokens did. It is kept until the last of them would have expired.
type Ending struct {
	Kind    string
	ID      string
	At      time.Time
	Expires time.Time
}

// Subject is who and what a redemption or a refresh is for, as they are now: as much as tokens and claims say of them.
type Subject struct {
	User          team.UserID
	Email         string
	EmailVerified bool
	Name          string
	Team          team.ID
	Slug          string // the team's
}

// SubjectDetail is what UserInfo tells beside a Subject.
type SubjectDetail struct {
	Profile  team.Profile
	Role     team.Role
	TeamName string
}

// Errors of the store.
var (
	ErrNoGrant  = errors.New("no such grant")
	ErrReplayed = errors.New("the code was redeemed before; its family has been ended")
	ErrNotLive  = errors.New("the grant, person, membership, team or client has ended")
	ErrReused   = errors.New("the refresh token was used before and its grace is over; its family has been ended")
	ErrNoFamily = errors.New("no such family, it has ended, or its time is over")

	ErrNoRequest   = errors.New("no such pushed request, or it was too old and is gone")
	ErrRequestUsed = errors.New("a code was issued for this pushed request before")
)

// Stores is what a Server needs of the database, by noun. Each method of a store is one unit of work, named for what happens.
type Stores struct {
	Clients    client.Reader
	Assertions client.AssertionStore
	Grants     GrantStore
	Families   FamilyStore
	Machines   MachineStore
	Requests   RequestStore
	Factors    FactorStore

	// Refusals records what was refused. The zero Recorder records nothing.
	Refusals audit.Recorder
	// FetchJWKS is as in client.Authenticator. Without it, clients with a jwks_uri cannot authenticate.
	FetchJWKS func(ctx context.Context, uri, kid string) (jose.JSONWebKeySet, error)
}

// FactorStore answers how people can sign in. It is asked when a request wants a stronger sign-in than the browser's.
type FactorStore interface {
	// Factors is what a person has; nothing for a person who does not exist. One query.
	Factors(ctx context.Context, user team.UserID) (authn.Factors, error)
}

// GrantStore keeps what people allowed, and answers who is at the browser.
type GrantStore interface {
	// TeamStatuses is each team that the person belongs to, by name, with what concerns the client. One query.
	TeamStatuses(ctx context.Context, user team.UserID, client oauth.ClientID) ([]TeamStatus, error)
	// SignedInUser is the user of a session that is alive at now. authn.ErrNoSession. One query.
	SignedInUser(ctx context.Context, session string, client oauth.ClientID, now time.Time) (SignedInUser, error)
	// CachedSignedInUser is an earlier answer of SignedInUser, if it is cached, without a query. It may lack a grant that was given or widened
	// since, and the end of a block, and nothing else.
	CachedSignedInUser(session string, client oauth.ClientID, now time.Time) (user SignedInUser, known bool)
	// SaveGrant creates the grant of (user, client, team), or adds g.Scope and g.Seen to the one there is, whose id and CreatedAt stay. It returns
	// the grant as saved.
	// ErrNotLive when the person is disabled or no member, the client disabled, gone or another team's, or when the team does not allow all of
	// g.Scope. forTeam approves the client for the whole team, if the person may decide that.
	SaveGrant(ctx context.Context, g Grant, forTeam bool) (Grant, error)
	Grant(ctx context.Context, id GrantID) (GrantDetail, error)       // ErrNoGrant
	Grants(ctx context.Context, f GrantFilter) ([]GrantDetail, error) // newest first
	RevokeGrant(ctx context.Context, id GrantID) error                // with its families; ErrNoGrant
}

// FamilyStore keeps what follows from authorization codes.
type FamilyStore interface {
	// Redeem saves the family of a code that is redeemed: one atomic insert, which happens only if no family has this id and the grant covers
	// f.Scope and it, its person, membership, team and client are alive and the team does not block the client. It returns who it is for.
	// ErrReplayed when the code was redeemed before: the family is ended in the same transaction. ErrNotLive otherwise.
	Redeem(ctx context.Context, f Family) (Subject, error)
	// EndReplayed ends the family of a code that was redeemed before, and is presented again by its client; true when it lived.
	EndReplayed(ctx context.Context, f Family) (bool, error)
	// Burn makes a code unredeemable that was not redeemed: it saves its family as ended. It does nothing to a family that exists.
	Burn(ctx context.Context, f Family) error
	// TrimFamilies lets the older families of a grant expire with their access tokens, unless they are refreshed before: those whose ids are
	// below `before` and not among the newest `keep`. Nobody may redeem a code with such an id any more. It does so when there are twice as many.
	TrimFamilies(ctx context.Context, grant GrantID, before FamilyID, keep int) error
	// Rotate uses a refresh token: one compare-and-swap on the generation, which happens only if the family is the client's, not ended, not
	// expired, bound to the same key, and everything that justifies it is alive. When the swap fails because the generation is older, the rule
	// decides: the same successor is the answer (Retry), or the family is ended in the same transaction, and ErrReused. Otherwise ErrNoFamily or
	// ErrNotLive, and nothing happens. Another client's token: ErrNoFamily.
	Rotate(ctx context.Context, r Rotation) (Rotated, error)
	// Connection is a family and what justifies it, all alive at now; ErrNoFamily otherwise. One query.
	Connection(ctx context.Context, id FamilyID, now time.Time) (Connection, error)
	// SubjectDetail is what UserInfo tells about a member of a team. ErrNotLive when they are none. One query.
	SubjectDetail(ctx context.Context, user team.UserID, in team.ID) (SubjectDetail, error)
	// EndFamily ends a family of this client; true when it lived. Unknown, foreign and ended families are no error.
	EndFamily(ctx context.Context, id FamilyID, client oauth.ClientID, at time.Time) (bool, error)
	// Endings is what has ended and might still be believed at now. One query.
	Endings(ctx context.Context, now time.Time) ([]Ending, error)
}

// PushedRequest is an authorization request that a client pushed.
type PushedRequest struct {
	ID        string // the end of its request_uri
	Client    oauth.ClientID
	Sealed    string // a Request
	ExpiresAt time.Time
}

// RequestStore keeps pushed requests, and which of them are used up.
type RequestStore interface {
	// PushRequest saves a pushed request. Of the client's, the newest `keep` stay, this one included. client.ErrNoClient.
	PushRequest(ctx context.Context, p PushedRequest, keep int) error
	// PushedRequest is a pushed request that may have expired, and whether a code was issued for it. ErrNoRequest. One query.
	PushedRequest(ctx context.Context, id string) (p PushedRequest, used bool, err error)
	// UseRequest notes that a code is issued for a pushed request, until nobody can go on with it any more. ErrRequestUsed when one was issued before.
	UseRequest(ctx context.Context, id string, until time.Time) error
	// RequestUsed reports whether a code was issued for a pushed request. One query.
	RequestUsed(ctx context.Context, id string) (bool, error)
}

// MachineStore keeps what machine clients were given, which have no grant.
type MachineStore interface {
	// IssueMachine records the issue of a machine token, if the client is one, and client and team are alive and the team does not block it:
	// ErrNotLive. An end of one of them at the same time came first, or waits; then the end that is noted is not before the token's iat,
	// which is taken before the call.
	IssueMachine(ctx context.Context, client oauth.ClientID, at time.Time, scope oauth.Scope) error
	// EndToken ends a machine token until it expires: one row.
	EndToken(ctx context.Context, jti string, client oauth.ClientID, at, expires time.Time) error
	// MachineLive is the client of a machine token with its team, when token, client and team are alive, and the client has not been disabled or
	// blocked since the token was issued (its iat); ErrNotLive otherwise. Without secrets and redirect URIs. One query.
	MachineLive(ctx context.Context, jti string, client oauth.ClientID, issued time.Time) (client.Client, error)
}
