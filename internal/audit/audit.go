// Package audit is what happened, to whom, by whom. It is a leaf: it defines events and says who is behind a call; the store appends them
// in the transaction of what they tell about, so that there is never one without the other.
//
// Events carry no secrets: no token, code, verifier or password, in whole or in part.
package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind is what happened.
type Kind string

// The kinds of events. Each is named for the noun and what became of it.
const (
	SignedIn            Kind = "sign_in.succeeded"
	SignInFailed        Kind = "sign_in.failed"
	SignedOut           Kind = "sign_out" // by the person, or because another one signed in at the browser
	SessionExpired      Kind = "session.expired"
	PasswordSet         Kind = "password.set"
	AppAdded            Kind = "authenticator_app.added"
	AppRemoved          Kind = "authenticator_app.removed"
	PasskeyAdded        Kind = "passkey.added"
	PasskeyRenamed      Kind = "passkey.renamed"
	PasskeyRemoved      Kind = "passkey.removed"
	PasskeyCloned       Kind = "passkey.cloned" // its counter did not grow, so it was refused
	RecoveryCodesMade   Kind = "recovery_codes.made"
	RecoveryCodeUsed    Kind = "recovery_codes.used"
	FactorsReset        Kind = "factors.reset"      // by the operator
	PasswordForgotten   Kind = "password.forgotten" // somebody asked for a link to set another
	PasswordReset       Kind = "password.reset"     // by such a link
	EmailProofAsked     Kind = "user.email_proof_asked"
	EmailChangeAsked    Kind = "user.email_change_asked"
	EmailChanged        Kind = "user.email_changed"  // by the person
	EmailRestored       Kind = "user.email_restored" // by somebody who has the former mailbox
	EmailSet            Kind = "user.email_set"      // by the operator
	UserEmptied         Kind = "user.emptied"        // its address was proven by somebody else
	SignUpAsked         Kind = "sign_up.asked"       // somebody asked for a link to make an account
	SignedUp            Kind = "sign_up.finished"
	UserAdded           Kind = "user.added"
	UserDisabled        Kind = "user.disabled"
	UserEnabled         Kind = "user.enabled"
	UserRemoved         Kind = "user.removed"
	AccountClosed       Kind = "user.closed" // removed by the person
	EmailVerified       Kind = "user.email_verified"
	IdentityLinked      Kind = "identity.linked"   // an account at another provider, by which the person can sign in from now on
	IdentityUnlinked    Kind = "identity.unlinked" // it can no longer be used
	ProfileChanged      Kind = "user.profile_changed"
	TeamAdded           Kind = "team.added"
	TeamRenamed         Kind = "team.renamed"
	TeamRemoved         Kind = "team.removed"
	TeamFactor          Kind = "team.second_factor" // required from now on, or no longer
	TeamProvider        Kind = "team.provider"      // the sign-in at it is required from now on, or none is
	MemberAdded         Kind = "member.added"
	MemberRemoved       Kind = "member.removed"
	MemberRoleChanged   Kind = "member.role_changed"
	ClientAdded         Kind = "client.added"
	ClientUpdated       Kind = "client.updated"
	ClientDisabled      Kind = "client.disabled"
	ClientEnabled       Kind = "client.enabled"
	ClientRemoved       Kind = "client.removed"
	ClientBlocked       Kind = "client.blocked"
	ClientUnblocked     Kind = "client.unblocked"
	PolicyChanged       Kind = "team.policy"
	ClientApproved      Kind = "client.approved"
	ClientDeclined      Kind = "client.declined"
	ApprovalRemoved     Kind = "client.approval_removed"
	ClientCut           Kind = "client.cut" // its connections in a team ended with a change of the policy
	ClientAskedFor      Kind = "client.asked_for"
	ClientAskedAgain    Kind = "client.asked_again"
	RequestWithdrawn    Kind = "client.request_withdrawn"
	SecretRotated       Kind = "client.secret_rotated"
	ClientAuthFailed    Kind = "client.authentication_failed"
	ConsentGiven        Kind = "consent.given"
	ConsentDenied       Kind = "consent.denied"
	GrantRevoked        Kind = "grant.revoked"
	TokenIssued         Kind = "token.issued" // a code was redeemed
	TokenRefreshed      Kind = "token.refreshed"
	MachineToken        Kind = "token.machine" // client_credentials
	TokenRevoked        Kind = "token.revoked" // by the client (RFC 7009)
	CodeRefused         Kind = "code.refused"
	CodeReplayed        Kind = "code.replayed" // its family has been ended
	RefreshRefused      Kind = "refresh.refused"
	RefreshReplayed     Kind = "refresh.replayed" // its family has been ended
	RefreshRetried      Kind = "refresh.retried"  // long after its token was replaced (authz.LateRetry)
	LimitReached        Kind = "limit.reached"    // what follows it is not recorded
	KeysRotated         Kind = "keys.rotated"
	MasterKeyReplaced   Kind = "keys.resealed"
	InvitationSent      Kind = "invitation.sent" // also when it is sent again
	InvitationWithdrawn Kind = "invitation.withdrawn"
	InvitationAccepted  Kind = "invitation.accepted"
	InvitationDeclined  Kind = "invitation.declined"
)

// Event is one thing that happened. Fields that do not apply are empty.
type Event struct {
	ID        int64     `json:"id,string"` // grows with time on one database
	At        time.Time `json:"at"`
	Kind      Kind      `json:"kind"`
	Actor     string    `json:"actor"`          // a user id, "client:ID", "command line", or "" for a stranger
	User      string    `json:"user,omitempty"` // whom it concerns: a user id
	Team      string    `json:"team_id,omitempty"`
	Client    string    `json:"client_id,omitempty"`
	Grant     string    `json:"grant_id,omitempty"`
	Family    string    `json:"family,omitempty"`
	Address   string    `json:"address,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
	Detail    string    `json:"detail,omitempty"` // a sentence or a value for people: a scope, a slug, the cause of a refusal
}

// Entry is an event in a list, with the names of those it names as they are now. A name is empty when there is nobody of that id any more.
type Entry struct {
	Event
	ActorName  string `json:"-"` // of a person or a client
	ActorEmail string `json:"-"`
	UserName   string `json:"-"`
	UserEmail  string `json:"-"`
	TeamSlug   string `json:"-"`
	ClientName string `json:"-"`
}

// Filter narrows a list of events; empty fields do not narrow. Newest first.
type Filter struct {
	Team   string
	User   string
	Client string
	Kind   Kind
	Since  time.Time
	Before int64 // only events with a smaller ID: the next page
	Limit  int   // 100 when zero
}

// Origin is who is behind a call, and from where.
type Origin struct {
	Actor     string // as Event.Actor
	Address   string
	RequestID string
}

type originKey struct{}

// WithOrigin is ctx with who is behind the call. Like the request id, it says where a call came from and decides nothing.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginFrom is who is behind a call; the zero Origin when nobody said.
func OriginFrom(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// By is a context in which events are recorded as this person's.
func By(ctx context.Context, actor string) context.Context {
	o := OriginFrom(ctx)
	o.Actor = actor
	return WithOrigin(ctx, o)
}

// Store appends and reads events.
type Store interface {
	// Record appends an event that belongs to no other unit of work: a failure, a refusal.
	Record(ctx context.Context, e Event) error
	// Events lists what a filter lets through, newest first.
	Events(ctx context.Context, f Filter) ([]Entry, error)
}

// Recorder records events that belong to no unit of work of the store.
type Recorder struct {
	Store Store // nil: nothing is recorded
	Now   func() time.Time

	// Admit says what is recorded of an event; nil admits all. Anyone can cause a refusal with a request that has no other
	// effect, so without a limit strangers could fill the disk. At the limit, it answers one event that says what is missing.
	Admit func(ctx context.Context, e Event) (admitted Event, ok bool, err error)
}

// Record appends an event with the time and the origin of the call.
func (r Recorder) Record(ctx context.Context, e Event) error {
	if r.Store == nil {
		return nil
	}
	origin := OriginFrom(ctx)
	e.At, e.Actor, e.Address, e.RequestID = r.Now(), origin.Actor, origin.Address, origin.RequestID
	if err := r.record(ctx, e); err != nil {
		return fmt.Errorf("record %s: %w", e.Kind, err)
	}
	return nil
}

func (r Recorder) record(ctx context.Context, e Event) error {
	if r.Admit != nil {
		admitted, ok, err := r.Admit(ctx, e)
		if err != nil || !ok {
			return err
		}
		e = admitted
	}
	return r.Store.Record(ctx, e)
}

// Unrecorded is the event that says that no more events like e are recorded until a time.
func Unrecorded(e Event, until time.Time) Event {
	e.Detail = fmt.Sprintf("too many %s: no more are recorded until %s", e.Kind, until.UTC().Format(time.RFC3339))
	e.Kind = LimitReached
	return e
}

// Refused records a refusal and returns it. When it cannot be recorded the answer stays the same, and the log hears of both.
//
// A code or a token that was never issued here is not worth a row: garbage costs nothing. The caller throttles what can be tried from outside.
func (r Recorder) Refused(ctx context.Context, e Event, refusal, cause error) error {
	e.Detail = cause.Error()
	if err := r.Record(ctx, e); err != nil {
		return errors.Join(refusal, err)
	}
	return refusal
}
