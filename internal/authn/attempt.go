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

// AttemptLifetime is how long a person may take from the password to the last factor.
const AttemptLifetime = 10 * time.Minute

const maxAttempt = 4096 // bytes of a sealed attempt; a longer one is not opened

// Attempt is a sign-in that has begun: what has been proved, and nothing that is still missing. It travels sealed in a cookie, so it is bound to
// the browser, and is not stored.
type Attempt struct {
	ID       string      `json:"id"`
	User     team.UserID `json:"user"`
	Email    string      `json:"email"`
	Password string      `json:"password"`           // a digest of the hash at that time: another password ends the attempt
	Methods  []string    `json:"methods"`            // what was proved
	Provider string      `json:"provider,omitempty"` // the id of the provider at which the person signed in
	Since    time.Time   `json:"since,omitzero"`     // when the person signed in there, if that was before
	Want     Level       `json:"want,omitempty"`     // what an application asked for
	Raises   string      `json:"raises,omitempty"`   // the ID of the session that is made stronger; "" for a new sign-in
}

// Needs is what an attempt is missing. Any one of them brings it on; when nothing is missing, the person is signed in.
type Needs struct {
	Password bool
	Code     bool // of the authenticator app
	Recovery bool // one of the recovery codes
	Passkey  bool
}

// Nothing reports whether nothing is missing.
func (n Needs) Nothing() bool { return n == Needs{} }

// next decides what is missing after these methods: a person who has a second factor signs in with two, and want may ask for more, as far as the
// person can reach it. It is pure, and the only place that decides.
func next(methods []string, have Factors, want Level) Needs {
	least := min(want, have.Reach())
	if have.Strong() {
		least = max(least, TwoFactors)
	}
	level := LevelOf(methods)
	switch {
	case level == 0:
		return Needs{Password: true}
	case level >= max(least, OneFactor):
		return Needs{}
	case hasPasskey(methods) && have.Password:
		return Needs{Password: true} // the device did not ask who holds it
	case hasPasskey(methods) && have.HasApp():
		return Needs{Code: true, Recovery: len(have.Recovery.Hashes) > 0}
	case least == PhishingResistant, hasPasskey(methods):
		return Needs{Passkey: true}
	}
	return Needs{Code: have.HasApp(), Recovery: len(have.Recovery.Hashes) > 0, Passkey: len(have.Passkeys) > 0}
}

// PendingError means that what was proved so far is right, and that something is missing. There is no session yet.
type PendingError struct {
	Attempt string // sealed, for the browser's cookie
	Methods []string
}

func (e *PendingError) Error() string { return "another factor is missing" }

// Waiting is an attempt that waits, for its page.
type Waiting struct {
	ID     string
	Email  string
	Needs  Needs
	Raises bool // somebody is signed in, and an application asked for more
}

// Waiting is the attempt of a browser. ErrNoAttempt when there is none, its time is over, or the password was changed or the person disabled since.
func (a *Authenticator) Waiting(ctx context.Context, sealed string) (Waiting, error) {
	attempt, err := a.openAttempt(sealed)
	if err != nil {
		return Waiting{}, err
	}
	_, have, err := a.current(ctx, attempt)
	if err != nil {
		return Waiting{}, err
	}
	return Waiting{ID: attempt.ID, Email: attempt.Email, Needs: next(attempt.Methods, have, attempt.Want), Raises: attempt.Raises != ""}, nil
}

func (a *Authenticator) openAttempt(sealed string) (attempt Attempt, err error) {
	if sealed == "" || len(sealed) > maxAttempt {
		return Attempt{}, ErrNoAttempt
	}
	err = a.keys.Open(token.PurposeAttempt, sealed, &attempt)
	if errors.Is(err, token.ErrWrongClock) {
		return Attempt{}, err
	}
	if err != nil {
		return Attempt{}, ErrNoAttempt
	}
	return attempt, nil
}

// attempt is an attempt of a person who has proved nothing yet.
func (a *Authenticator) attempt(ctx context.Context, user team.User) (Attempt, error) {
	_, hash, err := a.store.Password(ctx, user.Email)
	if err != nil {
		return Attempt{}, fmt.Errorf("load password: %w", err)
	}
	return Attempt{User: user.ID, Email: user.Email, Password: digest(hash)}, nil
}

// current is an attempt's person as they are now, with their factors. ErrNoAttempt when the attempt does not count any more.
func (a *Authenticator) current(ctx context.Context, attempt Attempt) (proved, Factors, error) {
	user, hash, err := a.store.Password(ctx, attempt.Email)
	switch {
	case errors.Is(err, team.ErrNoUser):
		return proved{}, Factors{}, ErrNoAttempt
	case err != nil:
		return proved{}, Factors{}, fmt.Errorf("load the person of an attempt: %w", err)
	case user.ID != attempt.User, digest(hash) != attempt.Password, !user.DisabledAt.IsZero():
		return proved{}, Factors{}, ErrNoAttempt
	}
	have, err := a.factors(ctx, user.ID)
	return proved{user: user, hash: hash}, have, err
}

func (a *Authenticator) factors(ctx context.Context, user team.UserID) (Factors, error) {
	have, err := a.store.Factors(ctx, user)
	if err != nil {
		return Factors{}, fmt.Errorf("load the factors of user %s: %w", user, err)
	}
	return have, nil
}

// advance goes on with an attempt that has proved something more: it starts the session, or is *PendingError.
func (a *Authenticator) advance(ctx context.Context, attempt Attempt, p proved, have Factors, r SignInRequest) (SignedIn, error) {
	if !next(attempt.Methods, have, attempt.Want).Nothing() {
		return SignedIn{}, a.pending(attempt)
	}
	s, cookie := a.newSession(p.user, attempt.Methods, r.Device)
	s.Provider = attempt.Provider
	if !attempt.Since.IsZero() && attempt.Since.Before(s.AuthTime) {
		s.AuthTime = attempt.Since.UTC().Truncate(time.Millisecond)
	}
	if attempt.Raises != "" {
		raised, err := a.raised(ctx, attempt, r.Replaces)
		if err != nil {
			return SignedIn{}, err
		}
		// How long ago the person signed in does not change.
		s.AuthTime, s.ExpiresAt, s.Provider = raised.AuthTime, raised.ExpiresAt, raised.Provider
	}
	signedIn, err := a.start(ctx, p, r, s, cookie)
	signedIn.Raised = attempt.Raises
	return signedIn, err
}

// pending is the *PendingError of an attempt.
func (a *Authenticator) pending(attempt Attempt) error {
	if attempt.ID == "" {
		attempt.ID = token.NewID()
	}
	sealed, err := a.keys.Seal(token.PurposeAttempt, attempt, AttemptLifetime)
	if err != nil {
		return fmt.Errorf("seal an attempt: %w", err)
	}
	return &PendingError{Attempt: sealed, Methods: attempt.Methods}
}

// raised is the session that an attempt makes stronger. ErrNoAttempt when this browser does not have it any more.
func (a *Authenticator) raised(ctx context.Context, attempt Attempt, cookie string) (Session, error) {
	s, err := a.Session(ctx, cookie)
	if errors.Is(err, ErrNoSession) || err == nil && (s.ID != attempt.Raises || s.User.ID != attempt.User) {
		return Session{}, ErrNoAttempt
	}
	return s, err
}

// Raise begins to make the session of a cookie stronger, as far as its person can: the error is *PendingError. Without an error it is as strong as it
// has to be. ErrNoFactor when the person has nothing that could make it as strong as want. ErrNoSession.
func (a *Authenticator) Raise(ctx context.Context, cookie string, want Level) error {
	s, err := a.Session(ctx, cookie)
	if err != nil {
		return err
	}
	attempt, err := a.attempt(ctx, s.User)
	if err != nil {
		return err
	}
	have, err := a.factors(ctx, s.User.ID)
	if err != nil {
		return err
	}
	attempt.Methods, attempt.Want, attempt.Raises = s.Methods, want, s.ID
	switch nothing := next(attempt.Methods, have, want).Nothing(); {
	case nothing && s.Level() < want:
		return ErrNoFactor
	case nothing:
		return nil
	}
	return a.pending(attempt)
}

// proves is an attempt that has proved something more. Two different factors are MethodMFA.
func (t Attempt) proves(more ...string) Attempt {
	t.Methods = with(t.Methods, more...)
	first := slices.Contains(t.Methods, MethodPassword) || slices.Contains(t.Methods, MethodFederated)
	if first && (hasPasskey(t.Methods) || slices.Contains(t.Methods, MethodCode)) ||
		hasPasskey(t.Methods) && slices.Contains(t.Methods, MethodCode) {
		t.Methods = with(t.Methods, MethodMFA)
	}
	return t
}
