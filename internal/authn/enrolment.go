package authn

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

const (
	freshness     = 10 * time.Minute // of the sign-in that changes factors
	setupLifetime = 15 * time.Minute // of the secret of an authenticator app before its first code
	maxSetup      = 1024
)

// Require says who has to have a second factor, whatever teams say.
type Require string

// The values of Require.
const (
	RequireOff       Require = "off"
	RequireOperators Require = "operators"
	RequireAll       Require = "all"
)

// Of reports whether a person has to have a second factor.
func (r Require) Of(u team.User) bool {
	return r == RequireAll || r == RequireOperators && u.Operator
}

// Weak reports whether a session is weaker than the operator requires of its person.
func (r Require) Weak(s Session) bool { return r.Of(s.User) && s.Level() < TwoFactors }

// TooWeak reports whether a session is weaker than the operator requires of its person. Nothing is read.
func (a *Authenticator) TooWeak(s Session) bool { return a.opts.RequireSecondFactor.Weak(s) }

// Enrolment adds, shows and removes people's factors.
type Enrolment struct{ auth *Authenticator }

// Enrolment is how factors are changed.
func (a *Authenticator) Enrolment() *Enrolment { return &Enrolment{a} }

// Factors is what a person has. Every method answers team.ErrForbidden to an actor who may not.
func (e *Enrolment) Factors(ctx context.Context, actor team.Actor, user team.User) (Factors, error) {
	if err := team.May(actor, team.SeeFactors, team.On{User: user.ID}); err != nil {
		return Factors{}, err
	}
	have, err := e.auth.factors(ctx, user.ID)
	have.Required = have.Required || e.auth.opts.RequireSecondFactor.Of(user)
	return have, err
}

// change is the factors of a person who wants to change them. ErrNotFresh when they signed in too long ago, or with less than they have now.
func (e *Enrolment) change(ctx context.Context, actor team.Actor, user team.User) (Factors, error) {
	if err := team.May(actor, team.ChangeFactors, team.On{User: user.ID}); err != nil {
		return Factors{}, err
	}
	have, err := e.Factors(ctx, actor, user)
	if err != nil {
		return Factors{}, err
	}
	if !Fresh(actor.AuthTime, e.auth.rightTime()) || !next(actor.Factors, have, 0).Nothing() {
		return Factors{}, ErrNotFresh
	}
	return have, nil
}

// Fresh reports whether a sign-in is of the last ten minutes.
func Fresh(signedIn, now time.Time) bool {
	age := now.Sub(signedIn)
	return age <= freshness && age >= -token.ClockLeeway
}

// MayChange is nil when the person may change their factors now. ErrNotFresh.
func (e *Enrolment) MayChange(ctx context.Context, actor team.Actor, user team.User) error {
	_, err := e.change(ctx, actor, user)
	return err
}

// AppSetup is an authenticator app that is being set up. Nothing is stored before its first code.
type AppSetup struct {
	Secret string // base32, for typing
	URI    string // for the QR code
	Sealed string
}

// sealedApp is the content of AppSetup.Sealed.
type sealedApp struct {
	User   team.UserID `json:"user"`
	Secret []byte      `json:"secret"`
}

// BeginApp is a new secret for an authenticator app; ErrNotFresh.
func (e *Enrolment) BeginApp(ctx context.Context, actor team.Actor, user team.User) (AppSetup, error) {
	if _, err := e.change(ctx, actor, user); err != nil {
		return AppSetup{}, err
	}
	return e.setup(user, newAppSecret())
}

func (e *Enrolment) setup(user team.User, secret []byte) (AppSetup, error) {
	sealed, err := e.auth.keys.Seal(token.PurposeAppSetup, sealedApp{user.ID, secret}, setupLifetime)
	if err != nil {
		return AppSetup{}, fmt.Errorf("seal the secret of an authenticator app: %w", err)
	}
	return AppSetup{
		Secret: base32Text.EncodeToString(secret), URI: appURI(secret, e.auth.opts.ServerName, user.Email), Sealed: sealed,
	}, nil
}

// AgainApp is the setup of an earlier page, after a wrong code. ErrNoAttempt when it is not the person's, or its time is over.
func (e *Enrolment) AgainApp(ctx context.Context, actor team.Actor, user team.User, sealed string) (AppSetup, error) {
	if _, err := e.change(ctx, actor, user); err != nil {
		return AppSetup{}, err
	}
	secret, err := e.openSetup(user, sealed)
	if err != nil {
		return AppSetup{}, err
	}
	return e.setup(user, secret)
}

func (e *Enrolment) openSetup(user team.User, sealed string) ([]byte, error) {
	var s sealedApp
	if len(sealed) > maxSetup || e.auth.keys.Open(token.PurposeAppSetup, sealed, &s) != nil || s.User != user.ID {
		return nil, ErrNoAttempt
	}
	return s.Secret, nil
}

// AddApp saves an authenticator app after one good code. With the first strong factor there are new recovery codes, which are shown once. The code
// counts for the session of the request's browser, which gets a new one. ErrNotFresh, ErrNoAttempt, ErrWrongCode.
func (e *Enrolment) AddApp(ctx context.Context, actor team.Actor, user team.User, r SignInRequest, sealed, code string) (codes []string, s SignedIn, err error) {
	have, err := e.change(ctx, actor, user)
	if err != nil {
		return nil, SignedIn{}, err
	}
	secret, err := e.openSetup(user, sealed)
	if err != nil {
		return nil, SignedIn{}, err
	}
	now := e.auth.rightTime()
	step, ok := matchCode(secret, typedCode(code), 0, now)
	if !ok {
		return nil, SignedIn{}, ErrWrongCode
	}
	if codes, err = e.saveApp(ctx, user, have, secret, App{Step: step, CreatedAt: now}); err != nil {
		return nil, SignedIn{}, err
	}
	s, err = e.strengthen(ctx, user, r, MethodCode)
	return codes, s, err
}

// saveApp saves an authenticator app, and returns new recovery codes if it is the first strong factor.
func (e *Enrolment) saveApp(ctx context.Context, user team.User, have Factors, secret []byte, app App) (codes []string, err error) {
	if app.Secret, err = e.auth.keys.SealKept(token.KeptAppSecret, string(user.ID), secret); err != nil {
		return nil, err
	}
	codes, hashes, err := e.firstCodes(ctx, have)
	if err != nil {
		return nil, err
	}
	if err := e.auth.store.SetApp(ctx, user.ID, app, hashes); err != nil {
		return nil, fmt.Errorf("save the authenticator app of user %s: %w", user.ID, err)
	}
	return codes, nil
}

// strengthen makes the session of a browser stronger whose person has just used a new factor. The zero SignedIn when it has ended meanwhile.
func (e *Enrolment) strengthen(ctx context.Context, user team.User, r SignInRequest, methods ...string) (SignedIn, error) {
	session, err := e.auth.Session(ctx, r.Replaces)
	if err != nil || session.User.ID != user.ID {
		return SignedIn{}, nil //nolint:nilerr // the factor is saved; the next sign-in asks for it
	}
	attempt, err := e.auth.attempt(ctx, session.User)
	if err != nil {
		return SignedIn{}, err
	}
	attempt.Methods, attempt.Raises = session.Methods, session.ID
	p, have, err := e.auth.current(ctx, attempt)
	if err != nil {
		return SignedIn{}, nil //nolint:nilerr // as above
	}
	p.browser = e.auth.openBrowser(r.Browser)
	s, err := e.auth.advance(ctx, attempt.proves(methods...), p, have, r)
	if err != nil {
		return SignedIn{}, nil //nolint:nilerr // as above
	}
	return s, nil
}

// firstCodes is new recovery codes for somebody who has no strong factor yet; none for others.
func (e *Enrolment) firstCodes(ctx context.Context, have Factors) (codes, hashes []string, err error) {
	if have.Strong() {
		return nil, nil, nil
	}
	return e.auth.newRecoveryCodes(ctx)
}

// RemoveApp removes the authenticator app. ErrNotFresh, ErrNoFactor, ErrLastFactor.
func (e *Enrolment) RemoveApp(ctx context.Context, actor team.Actor, user team.User) error {
	have, err := e.change(ctx, actor, user)
	if err != nil {
		return err
	}
	return e.auth.store.RemoveApp(ctx, user.ID, have.Required, e.auth.rightTime())
}

// NewRecoveryCodes replaces the recovery codes. ErrNotFresh, and ErrNoFactor for somebody without a second factor.
func (e *Enrolment) NewRecoveryCodes(ctx context.Context, actor team.Actor, user team.User) ([]string, error) {
	have, err := e.change(ctx, actor, user)
	if err != nil {
		return nil, err
	}
	if !have.Strong() {
		return nil, ErrNoFactor
	}
	codes, hashes, err := e.auth.newRecoveryCodes(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.auth.store.SetRecoveryCodes(ctx, user.ID, hashes, e.auth.rightTime()); err != nil {
		return nil, fmt.Errorf("save the recovery codes of user %s: %w", user.ID, err)
	}
	return codes, nil
}

// Reset removes all factors of a person but the password, and ends their sessions: the way back in for somebody who has lost them. team.ErrNoUser.
func (e *Enrolment) Reset(ctx context.Context, actor team.Actor, user team.User) error {
	if err := team.May(actor, team.ManagePeople, team.On{}); err != nil {
		return err
	}
	return e.auth.store.ResetFactors(ctx, user.ID, e.auth.rightTime())
}

const maxPasskeyName = 60 // characters

// passkeyName is the name of a passkey as it is kept; "" when it has none.
func passkeyName(typed string) string {
	name := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(typed, "")), " "))
	return string(name[:min(len(name), maxPasskeyName)])
}
