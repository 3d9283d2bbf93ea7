package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Errors about identities that callers tell apart.
var (
	ErrClaims        = errors.New("the provider's answer is not valid")
	ErrNoIdentity    = errors.New("no such identity")
	ErrIdentityTaken = errors.New("this account at the provider is linked to another account here")
	ErrLastWay       = errors.New("there is no other way to sign in to this account")
)

// Ways is how a person can sign in. Identities are those at providers that are configured.
type Ways struct {
	Password   bool
	Passkeys   int
	Identities []Identity
}

// without reports whether a way is left when an identity goes.
func (w Ways) without(id string) bool {
	return w.Password || w.Passkeys > 0 || slices.ContainsFunc(w.Identities, func(i Identity) bool { return i.ID != id })
}

// Linked is an identity with its person.
type Linked struct {
	Identity
	Person team.User
	Hash   string // of the password; "" for none
}

// IdentityStore keeps identities. Each method is one unit of work.
type IdentityStore interface {
	// Identity is found by issuer and subject, with its person. ErrNoIdentity.
	Identity(ctx context.Context, issuer, subject string) (Linked, error)
	// UseIdentity notes that the person has signed in with it.
	UseIdentity(ctx context.Context, id string, at time.Time) error
	// Identities is a person's, in the order in which they were linked.
	Identities(ctx context.Context, user team.UserID) ([]Identity, error)
	// LinkIdentity saves an identity of an existing person. check gets the person under a lock and decides; it must be pure. With proves, the provider
	// proves the address of the account; if it was not proven before, what somebody else may have put into the account goes first: its password, factors,
	// identities, sessions and connections. ErrIdentityTaken, team.ErrNoUser, or what check says.
	LinkIdentity(ctx context.Context, i Identity, proves bool, check func(team.User) error) error
	// AddUserWith saves a new person with an identity. team.ErrUserTaken, ErrIdentityTaken.
	AddUserWith(ctx context.Context, u team.User, i Identity) error
	// Unlink removes an identity of a person. check gets the ways in which the person can sign in under a lock, and decides; it must be pure.
	// ErrNoIdentity, or what check says.
	Unlink(ctx context.Context, user team.UserID, id string, at time.Time, check func(Ways) error) error
	// OnlyIdentities is the people who can sign in by identities alone, each identity with its person. For the doctor.
	OnlyIdentities(ctx context.Context) ([]Linked, error)
}

// Identities is a person's accounts at other providers.
func (e *Enrolment) Identities(ctx context.Context, actor team.Actor, user team.User) ([]Identity, error) {
	if err := team.May(actor, team.SeeFactors, team.On{User: user.ID}); err != nil {
		return nil, err
	}
	all, err := e.auth.store.Identities(ctx, user.ID)
	if err != nil {
		return nil, fmt.Errorf("list the identities of %s: %w", user.ID, err)
	}
	return all, nil
}

// Link links an account at a provider to a person who is signed in, because that person asked for it. ErrNotFresh, ErrIdentityTaken.
func (e *Enrolment) Link(ctx context.Context, actor team.Actor, user team.User, c Claims) error {
	if _, err := e.change(ctx, actor, user); err != nil {
		return err
	}
	if err := e.auth.store.LinkIdentity(ctx, newIdentity(c, user.ID, e.auth.rightTime()), false, isEnabled); err != nil {
		return fmt.Errorf("link an identity at %s to %s: %w", c.Provider, user.ID, err)
	}
	return nil
}

// LinkAnswer is Link for the answer of a provider, which counts once. The error may be one that claims returns.
func (e *Enrolment) LinkAnswer(ctx context.Context, actor team.Actor, user team.User, r SignInRequest, claims func(context.Context) (Claims, error)) error {
	if err := e.MayChange(ctx, actor, user); err != nil { // before the answer is used up
		return err
	}
	c, err := e.auth.claims(ctx, r, claims)
	if err != nil {
		return err
	}
	return e.Link(ctx, actor, user, c)
}

// Unlink removes an identity of a person, if there is another way to sign in. ErrNotFresh, ErrNoIdentity, ErrLastWay.
func (e *Enrolment) Unlink(ctx context.Context, actor team.Actor, user team.User, id string) error {
	if _, err := e.change(ctx, actor, user); err != nil {
		return err
	}
	err := e.auth.store.Unlink(ctx, user.ID, id, e.auth.rightTime(), func(w Ways) error { return w.mayUnlink(id, e.auth.opts.Issuers) })
	if err != nil {
		return fmt.Errorf("unlink identity %s of %s: %w", id, user.ID, err)
	}
	return nil
}

// mayUnlink decides. issuers are those of the configuration: an identity at another one is no way to sign in, and may always go.
func (w Ways) mayUnlink(id string, issuers []string) error {
	unusable := func(i Identity) bool { return !slices.Contains(issuers, i.Issuer) }
	if slices.ContainsFunc(w.Identities, func(i Identity) bool { return i.ID == id && unusable(i) }) {
		return nil
	}
	w.Identities = slices.DeleteFunc(slices.Clone(w.Identities), unusable)
	if !w.without(id) {
		return ErrLastWay
	}
	return nil
}

// LockedOut is the people who cannot sign in, because their only way is a provider that is not configured any more. For the operator.
func (e *Enrolment) LockedOut(ctx context.Context, actor team.Actor) ([]Linked, error) {
	if err := team.May(actor, team.OperateServer, team.On{}); err != nil {
		return nil, err
	}
	all, err := e.auth.store.OnlyIdentities(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the people who sign in at providers only: %w", err)
	}
	in := map[team.UserID]bool{}
	for _, i := range all {
		in[i.Person.ID] = in[i.Person.ID] || slices.Contains(e.auth.opts.Issuers, i.Issuer)
	}
	return slices.DeleteFunc(all, func(i Linked) bool { return in[i.Person.ID] }), nil
}

// newIdentity is an identity that begins now.
func newIdentity(c Claims, user team.UserID, now time.Time) Identity {
	return Identity{ID: token.NewID(), User: user, Issuer: c.Issuer, Subject: c.Subject, Provider: c.Provider, Email: c.Email, LinkedAt: now}
}

func isEnabled(u team.User) error {
	if !u.DisabledAt.IsZero() {
		return ErrSignInFailed
	}
	return nil
}
