package authn

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// pendingLifetime is how long somebody who was not recognised may take to sign in to their account, or to make one, and to link it.
const pendingLifetime = time.Hour

const maxPending = 3500 // bytes of a sealed identity; a longer one is not opened

// admission is what becomes of somebody who has signed in at a provider.
type admission int

const (
	admitLinked admission = iota + 1 // the identity is somebody's here
	admitLink                        // it is linked to the account that has the address, which the provider vouches for
	admitNew                         // a new account is made
	admitAsk                         // the person has to sign in to their account first, and then says whether to link it
)

// admit decides. linked is whether the identity is known here, known whether the address is. It is pure, and the only place that decides.
//
// An address alone never opens an account, nor makes one: anybody at the provider may be able to write it there. Somebody without an account gets the
// same answer, so that it does not tell whether there is an account; they prove the address in the ordinary way of signing up, and link the identity then.
func admit(c Claims, linked, known bool) admission {
	switch {
	case linked:
		return admitLinked
	case known && c.Proven:
		return admitLink
	case !known && c.SignUp && c.Proven:
		return admitNew
	}
	return admitAsk
}

// UnlinkedError means that nobody here has this account at the provider. Its person may sign in to their own account, and link it.
type UnlinkedError struct{ Pending string } // sealed, for the browser's cookie

func (e *UnlinkedError) Error() string {
	return "this account at the provider is linked to nobody here"
}

// SignInWith signs in somebody who has signed in at a provider. claims is what the provider says; the failures that are ErrClaims are counted. The error
// is that of claims, ErrClaims when the answer was used before, *UnlinkedError, ErrSignInFailed when the person is disabled,
// *limit.ThrottledError, or a failure of the store. Email and Password of the request do not count.
func (a *Authenticator) SignInWith(ctx context.Context, r SignInRequest, claims func(context.Context) (Claims, error)) (SignedIn, error) {
	c, err := a.claims(ctx, r, claims)
	if err != nil {
		return SignedIn{}, err
	}
	linked, err := a.store.Identity(ctx, c.Issuer, c.Subject)
	isLinked := err == nil
	if err != nil && !errors.Is(err, ErrNoIdentity) {
		return SignedIn{}, fmt.Errorf("load an identity: %w", err)
	}
	var known team.User
	if !isLinked && c.Email != "" {
		known, _, err = a.store.Password(ctx, c.Email)
		if err != nil && !errors.Is(err, team.ErrNoUser) {
			return SignedIn{}, fmt.Errorf("load the person of an address: %w", err)
		}
	}
	switch admit(c, isLinked, known.ID != "") {
	case admitLink:
		err = a.linkProven(ctx, c, known)
	case admitNew:
		if err = a.signUpWith(ctx, c, r); errors.Is(err, team.ErrUserTaken) { // just now, or it may be given back to its former owner
			err = a.unlinked(c)
		}
	case admitAsk:
		err = a.unlinked(c)
	}
	if err != nil {
		return SignedIn{}, err
	}
	if !isLinked {
		if linked, err = a.store.Identity(ctx, c.Issuer, c.Subject); err != nil {
			return SignedIn{}, fmt.Errorf("load an identity that was just linked: %w", err)
		}
	}
	return a.enter(ctx, linked, c, r)
}

// claims is what the provider says, once.
func (a *Authenticator) claims(ctx context.Context, r SignInRequest, claims func(context.Context) (Claims, error)) (Claims, error) {
	failures := a.failures.PerNetwork("provider", r.Address, a.opts.FailuresPerAddress, addressWindow)
	if err := a.failures.Count(ctx, failures...); err != nil {
		return Claims{}, err
	}
	c, err := claims(ctx)
	if err == nil {
		// The counters of failures are a bounded set that all servers share.
		err = a.failures.Count(ctx, limit.Bucket{Key: a.failures.Key("provider answer", c.Request), Limit: 1, Window: pendingLifetime})
		if _, again := errors.AsType[*limit.ThrottledError](err); again {
			err = fmt.Errorf("%w: it was used before", ErrClaims)
		}
	}
	if errors.Is(err, ErrClaims) {
		return Claims{}, err
	}
	if undo := a.failures.Uncount(context.WithoutCancel(ctx), failures...); undo != nil && err == nil {
		err = undo
	}
	return c, err
}

// linkProven links an identity to the account with the address that the provider vouches for.
func (a *Authenticator) linkProven(ctx context.Context, c Claims, known team.User) error {
	i := newIdentity(c, known.ID, a.rightTime())
	err := a.store.LinkIdentity(ctx, i, true, func(u team.User) error {
		if team.NormalizeEmail(u.Email) != team.NormalizeEmail(c.Email) {
			return ErrSignInFailed // the address has passed to somebody else meanwhile
		}
		return isEnabled(u)
	})
	if err != nil {
		return fmt.Errorf("link an identity at %s to user %s: %w", c.Provider, known.ID, err)
	}
	return nil
}

// signUpWith makes an account for somebody who has none.
func (a *Authenticator) signUpWith(ctx context.Context, c Claims, r SignInRequest) error {
	if err := a.failures.Count(ctx, a.failures.PerNetwork("provider sign-up", r.Address, a.opts.FailuresPerAddress, time.Hour)...); err != nil {
		return err
	}
	name := c.Name
	if name == "" {
		name, _, _ = strings.Cut(c.Email, "@")
	}
	now := a.rightTime()
	u := team.User{ID: team.UserID(rand.Text()), Email: c.Email, Name: name, EmailVerified: true, CreatedAt: now}
	if err := a.store.AddUserWith(ctx, u, newIdentity(c, u.ID, now)); err != nil {
		return fmt.Errorf("add a user from %s: %w", c.Provider, err)
	}
	return nil
}

// unlinked is the *UnlinkedError for claims.
func (a *Authenticator) unlinked(c Claims) error {
	sealed, err := a.keys.Seal(token.PurposeIdentity, c, pendingLifetime)
	if err != nil {
		return fmt.Errorf("seal an identity: %w", err)
	}
	return &UnlinkedError{sealed}
}

// PendingClaims is what an UnlinkedError's sealed value says. ErrNoIdentity when there is none, or its time is over; token.ErrWrongClock.
func (a *Authenticator) PendingClaims(sealed string) (c Claims, err error) {
	if sealed == "" || len(sealed) > maxPending {
		return Claims{}, ErrNoIdentity
	}
	err = a.keys.Open(token.PurposeIdentity, sealed, &c)
	if err != nil && !errors.Is(err, token.ErrWrongClock) {
		return Claims{}, ErrNoIdentity
	}
	return c, err
}

// enter goes on with the person of an identity. An identity is the first factor: the second factor that the person has is asked for here, unless the
// configuration trusts the provider to have asked for two.
func (a *Authenticator) enter(ctx context.Context, linked Linked, c Claims, r SignInRequest) (SignedIn, error) {
	if err := isEnabled(linked.Person); err != nil {
		return SignedIn{}, err
	}
	if err := a.store.UseIdentity(ctx, linked.ID, a.rightTime()); err != nil {
		return SignedIn{}, fmt.Errorf("use identity %s: %w", linked.ID, err)
	}
	have, err := a.factors(ctx, linked.Person.ID)
	if err != nil {
		return SignedIn{}, err
	}
	attempt := Attempt{User: linked.Person.ID, Email: linked.Person.Email, Password: digest(linked.Hash), Provider: c.Provider, Since: c.AuthTime}
	methods := []string{MethodFederated}
	if c.TwoFactors {
		methods = append(methods, MethodMFA)
	}
	return a.advance(ctx, attempt.proves(methods...), proved{linked.Person, linked.Hash, a.openBrowser(r.Browser)}, have, r)
}
