package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// Linking is what people and the operator do with identities.
type Linking struct {
	Store  IdentityStore
	People team.People
	// Issuers are the issuers of the providers that are configured: an identity at another one is no way to sign in.
	Issuers []string
	Now     func() time.Time
}

// Identities is a person's identities. Every method answers team.ErrForbidden to an actor who may not.
func (l *Linking) Identities(ctx context.Context, actor team.Actor, user team.UserID) ([]Identity, error) {
	if err := team.May(actor, team.SeeFactors, team.On{User: user}); err != nil {
		return nil, err
	}
	all, err := l.Store.Identities(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("list the identities of %s: %w", user, err)
	}
	return all, nil
}

// Link links an account at a provider to a person who is signed in, because that person asked for it. ErrIdentityTaken.
func (l *Linking) Link(ctx context.Context, actor team.Actor, user team.UserID, c Claims) (Identity, error) {
	if err := team.May(actor, team.ChangeFactors, team.On{User: user}); err != nil {
		return Identity{}, err
	}
	i := newIdentity(c, user, l.Now().UTC().Truncate(time.Millisecond))
	if err := l.Store.LinkIdentity(ctx, i, false, isEnabled); err != nil {
		return Identity{}, fmt.Errorf("link an identity at %s to %s: %w", c.Provider, user, err)
	}
	return i, nil
}

// Unlink removes an identity of a person, if there is another way to sign in. ErrNoIdentity, ErrLastWay.
func (l *Linking) Unlink(ctx context.Context, actor team.Actor, user team.UserID, id string) error {
	if err := team.May(actor, team.ChangeFactors, team.On{User: user}); err != nil {
		return err
	}
	err := l.Store.Unlink(ctx, user, id, l.Now().UTC().Truncate(time.Millisecond), func(w Ways) error { return l.mayUnlink(w, id) })
	if err != nil {
		return fmt.Errorf("unlink identity %s of %s: %w", id, user, err)
	}
	return nil
}

// mayUnlink decides. An identity that is of no use any more may always go.
func (l *Linking) mayUnlink(w Ways, id string) error {
	unusable := func(i Identity) bool { return !slices.Contains(l.Issuers, i.Issuer) }
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
func (l *Linking) LockedOut(ctx context.Context, actor team.Actor) ([]Linked, error) {
	if err := team.May(actor, team.OperateServer, team.On{}); err != nil {
		return nil, err
	}
	all, err := l.Store.OnlyIdentities(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the people who sign in at providers only: %w", err)
	}
	in := map[team.UserID]bool{}
	for _, i := range all {
		in[i.Person.ID] = in[i.Person.ID] || slices.Contains(l.Issuers, i.Issuer)
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

// byProvider begins the method of a sign-in at another provider. The id of the provider follows. Applications see methodFederated instead.
const (
	byProvider      = "provider:"
	methodFederated = "fed"
	methodTwo       = "mfa"
)

// Provider is the id of the provider at which the person signed in; "" when they signed in here.
func (s Session) Provider() string {
	for _, m := range s.Methods {
		if id, ok := strings.CutPrefix(m, byProvider); ok {
			return id
		}
	}
	return ""
}

// AMR is the methods as applications see them (RFC 8176).
func (s Session) AMR() []string {
	if s.Provider() == "" {
		return s.Methods
	}
	var amr []string
	for _, m := range s.Methods {
		if strings.HasPrefix(m, byProvider) {
			m = methodFederated
		}
		amr = append(amr, m)
	}
	return amr
}
