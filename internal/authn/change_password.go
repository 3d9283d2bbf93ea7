package authn

import (
	"context"
	"fmt"
)

// ChangePassword replaces the password of whoever knows the current one, ends all of the person's sessions and starts a new one for the browser that asked. r is a sign-in
// with the current password, and counts as one. The error is as for SignIn, or *WeakPasswordError, and then nothing has changed.
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
	r.Password, r.Replaces = next, "" // that session has ended with the others
	return a.start(ctx, p.user, hash, r, p.browser)
}
