package authn

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// How often a code may be wrong: five times in an attempt, and then the person begins anew with the password; and so often for an account.
const (
	codesPerAttempt = 5
	codesPerQuarter = 10 // in 15 minutes
	codesPerDay     = 30
)

// FactorRequest is one more factor for an attempt.
type FactorRequest struct {
	SignInRequest        // without an e-mail; the password when that is what is missing
	Attempt       string // the browser's cookie
	ID            string // the attempt that the page was about: another one may have begun in this browser since
	Code          string // of the authenticator app, or a recovery code
}

// ProveCode goes on with an attempt by a code of the authenticator app or a recovery code. The error is *PendingError, ErrNoAttempt, ErrWrongCode,
// *limit.ThrottledError, or a failure of the store. Five wrong codes end the attempt.
func (a *Authenticator) ProveCode(ctx context.Context, r FactorRequest) (SignedIn, error) {
	attempt, err := a.openAttempt(r.Attempt)
	if err != nil {
		return SignedIn{}, err
	}
	if attempt.ID != r.ID {
		return SignedIn{}, ErrNoAttempt
	}
	p, have, err := a.current(ctx, attempt)
	if err != nil {
		return SignedIn{}, err
	}
	p.browser = a.openBrowser(r.Browser)
	needs := next(attempt.Methods, have, attempt.Want)
	if !needs.Code && !needs.Recovery {
		return SignedIn{}, ErrNoAttempt
	}
	// Counted before the code is checked, as for passwords.
	guesses := []limit.Bucket{{Key: a.failures.Key("attempt", attempt.ID), Limit: codesPerAttempt, Window: AttemptLifetime}}
	if err := a.failures.Count(ctx, guesses...); throttled(err) {
		return SignedIn{}, ErrNoAttempt
	} else if err != nil {
		return SignedIn{}, err
	}
	ofAccount := a.codeBuckets(p)
	if err := a.failures.Count(ctx, ofAccount...); err != nil {
		return SignedIn{}, err
	}
	methods, err := a.useCode(ctx, p, have, needs, r.Code)
	if err != nil {
		return SignedIn{}, err
	}
	if err := a.failures.Uncount(context.WithoutCancel(ctx), append(guesses, ofAccount...)...); err != nil {
		return SignedIn{}, err
	}
	return a.advance(ctx, attempt.proves(methods...), p, have, r.SignInRequest)
}

// useCode uses up a code, and returns what it proves. ErrWrongCode.
func (a *Authenticator) useCode(ctx context.Context, p proved, have Factors, needs Needs, typed string) ([]string, error) {
	now, code := a.rightTime(), typedCode(typed)
	if len(code) == codeDigits {
		if !needs.Code {
			return nil, ErrWrongCode
		}
		return []string{MethodCode}, a.useAppCode(ctx, p, have.App, code, now)
	}
	if !needs.Recovery {
		return nil, ErrWrongCode
	}
	hash, err := a.recoveryHash(ctx, code, have.Recovery.Hashes)
	if err != nil {
		return nil, err
	}
	if hash == "" {
		return nil, ErrWrongCode
	}
	return []string{MethodMFA}, a.store.UseRecoveryCode(ctx, p.user.ID, hash, now)
}

func (a *Authenticator) useAppCode(ctx context.Context, p proved, app App, code string, now time.Time) error {
	secret, err := a.keys.OpenKept(token.KeptAppSecret, string(p.user.ID), app.Secret)
	if err != nil {
		return fmt.Errorf("open the secret of the authenticator app of user %s: %w", p.user.ID, err)
	}
	step, ok := matchCode(secret, code, app.Step, now)
	if !ok {
		return ErrWrongCode
	}
	app.Step = step
	return a.store.UseCode(ctx, p.user.ID, app, now)
}

// codeBuckets are the counters of wrong codes of an account. Only somebody with the password can fill them, and not those of the browsers that the
// person uses.
func (a *Authenticator) codeBuckets(p proved) []limit.Bucket {
	from := "elsewhere"
	if p.browser.knows(p.user.ID, p.hash) {
		from = p.browser.ID
	}
	return []limit.Bucket{
		{Key: a.failures.Key("code", string(p.user.ID), from), Limit: codesPerQuarter, Window: 15 * time.Minute},
		{Key: a.failures.Key("code-day", string(p.user.ID), from), Limit: codesPerDay, Window: 24 * time.Hour},
	}
}

// ProvePassword goes on with an attempt whose passkey did not ask who holds it. The errors are those of SignIn, and ErrNoAttempt.
func (a *Authenticator) ProvePassword(ctx context.Context, r FactorRequest) (SignedIn, error) {
	attempt, err := a.openAttempt(r.Attempt)
	if err != nil {
		return SignedIn{}, err
	}
	_, have, err := a.current(ctx, attempt)
	if err != nil {
		return SignedIn{}, err
	}
	if attempt.ID != r.ID || !next(attempt.Methods, have, attempt.Want).Password {
		return SignedIn{}, ErrNoAttempt
	}
	r.Email = attempt.Email
	p, err := a.prove(ctx, r.SignInRequest)
	if err != nil {
		return SignedIn{}, err
	}
	if p.user.ID != attempt.User {
		return SignedIn{}, ErrNoAttempt
	}
	return a.advance(ctx, attempt.proves(MethodPassword), p, have, r.SignInRequest)
}
