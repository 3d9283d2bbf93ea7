package authn

import (
	"context"
	"fmt"
)

// ChangePassword replaces a password. It ends all sessions of the user, and starts a new one for the browser that asked. r is
// a sign-in with the current password, and is limited like one. The error is that of SignIn, or *WeakPasswordError; then
// nothing has changed.
func (a *Authenticator) ChangePassword(ctx context.Context, r SignInRequest, next string) (SignedIn, error) {
	p, err := a.prove(ctx, r)
	if err != nil {
		return SignedIn{}, err
	}
	if err := a.SetPassword(ctx, p.user, next); err != nil {
		return SignedIn{}, err
	}
	_, hash, err := a.store.Password(ctx, p.user.Email)
	if err != nil {
		return SignedIn{}, fmt.Errorf("load password: %w", err)
	}
	r.Password, r.Replaces = next, "" // the session of the request has ended with the others
	p.hash, p.current = hash, true
	return a.start(ctx, p, r)
}
