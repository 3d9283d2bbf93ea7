package authn

import (
	"context"
	"errors"
	"fmt"
)

// ChangePassword replaces a password. It ends all sessions of the user, and starts a new one for the browser that asked. r is
// a sign-in with the current password, and is limited like one. The error is that of SignIn, or *WeakPasswordError; then
// nothing has changed. The new session is as strong as the one of the browser.
func (a *Authenticator) ChangePassword(ctx context.Context, r SignInRequest, next string) (SignedIn, error) {
	p, err := a.prove(ctx, r)
	if err != nil {
		return SignedIn{}, err
	}
	attempt, err := a.changing(ctx, p, r)
	if err != nil {
		return SignedIn{}, err
	}
	if err := a.SetPassword(ctx, p.user, next); err != nil {
		return SignedIn{}, err
	}
	if _, p.hash, err = a.store.Password(ctx, p.user.Email); err != nil {
		return SignedIn{}, fmt.Errorf("load password: %w", err)
	}
	r.Replaces = "" // the session of the request has ended with the others
	s, cookie := a.newSession(p.user, attempt.Methods, r.Device)
	return a.start(ctx, p, r, s, cookie)
}

// changing is an attempt with the password and with what the browser's session has proved. *PendingError when that is not enough.
func (a *Authenticator) changing(ctx context.Context, p proved, r SignInRequest) (Attempt, error) {
	have, err := a.factors(ctx, p.user.ID)
	if err != nil {
		return Attempt{}, err
	}
	s, err := a.Session(ctx, r.Replaces)
	if err != nil && !errors.Is(err, ErrNoSession) {
		return Attempt{}, err
	}
	attempt := Attempt{User: p.user.ID, Email: p.user.Email, Password: digest(p.hash)}
	if s.User.ID == p.user.ID {
		attempt.Methods = s.Methods
	}
	attempt = attempt.proves(MethodPassword)
	if !next(attempt.Methods, have, 0).Nothing() {
		return Attempt{}, a.pending(attempt)
	}
	return attempt, nil
}
