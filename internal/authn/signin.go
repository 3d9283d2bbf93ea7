package authn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// SignInRequest is one attempt.
type SignInRequest struct {
	Email    string
	Password string
	Address  netip.Addr
	Browser  string // the browser cookie, or ""; it shows whether this account has signed in with the browser before
	Device   Device // what is known of the browser
	Replaces string // the session cookie that the browser sent, or ""; that session ends
}

// SignedIn is a new session with the secrets for the browser's cookies.
type SignedIn struct {
	Session Session
	Cookie  token.Secret
	Browser string // the browser cookie, to be kept for long
}

// SignIn checks a password and starts a session with a new id. The error is ErrSignInFailed, *limit.ThrottledError, or a
// failure of the store. An unknown e-mail takes the same time as a wrong password.
func (a *Authenticator) SignIn(ctx context.Context, r SignInRequest) (SignedIn, error) {
	p, err := a.prove(ctx, r)
	if err != nil {
		return SignedIn{}, err
	}
	return a.start(ctx, p, r)
}

// proved is the user of an attempt whose password was right.
type proved struct {
	user    team.User
	hash    string
	current bool // the hash is of the password's prepared form
	browser browser
}

// prove checks the password of an attempt, and counts a wrong one.
func (a *Authenticator) prove(ctx context.Context, r SignInRequest) (proved, error) {
	email := team.NormalizeEmail(r.Email)
	user, hash, err := a.store.Password(ctx, email)
	if err != nil && !errors.Is(err, team.ErrNoUser) {
		return proved{}, fmt.Errorf("load password: %w", err)
	}
	browser := a.openBrowser(r.Browser)

	// A failure is counted before the password is checked. Otherwise parallel guesses could pass the limit together while their
	// hashes are computed.
	buckets := a.buckets(email, user, hash, r.Address, browser)
	if err := a.failures.Count(ctx, buckets...); err != nil {
		return proved{}, err
	}
	prepared, ok, err := a.verify(ctx, user, hash, r.Password)
	if err == nil && !ok {
		return proved{}, ErrSignInFailed
	}
	// From here on, nothing is a wrong guess.
	if err := a.failures.Uncount(context.WithoutCancel(ctx), buckets...); err != nil {
		return proved{}, err
	}
	if err != nil {
		return proved{}, err
	}
	return proved{user, hash, prepared, browser}, nil
}

// verify reports whether the password is the user's, and whether in its prepared form. It computes a hash even where nothing can match,
// so that the time does not reveal which accounts exist.
func (a *Authenticator) verify(ctx context.Context, user team.User, hash, password string) (prepared, ok bool, err error) {
	mayPass := hash != "" && user.DisabledAt.IsZero()
	if !mayPass {
		hash = a.hasher.unmatchable
	}
	form, err := preparePassword(password)
	if err == nil {
		if ok, err = a.hasher.verify(ctx, form, hash); ok || err != nil {
			return true, ok && mayPass, err
		}
		if form == password {
			return true, false, nil
		}
	}
	// It may have been hashed as it was typed, before passwords had one form.
	ok, err = a.hasher.verify(ctx, password, hash)
	return false, ok && mayPass, err
}

// start starts the session of a person whose password was right.
func (a *Authenticator) start(ctx context.Context, p proved, r SignInRequest) (SignedIn, error) {
	user, hash := p.user, p.hash
	now, cookie := a.rightTime(), token.NewSecret(token.PrefixSession)
	s := Session{ID: cookie.Hash(), Public: token.NewID(), User: user, AuthTime: now, Methods: []string{"pwd"}, ExpiresAt: now.Add(a.opts.SessionLifetime), Device: r.Device}
	s.Device.SeenAt = now
	if err := a.store.StartSession(ctx, s, SessionID(r.Replaces)); errors.Is(err, ErrSignInFailed) {
		return SignedIn{}, ErrSignInFailed
	} else if err != nil {
		return SignedIn{}, fmt.Errorf("start session of user %s: %w", user.ID, err)
	}
	if err := a.endIfOutdated(ctx, s, hash); err != nil {
		return SignedIn{}, err
	}
	if r.Replaces != "" {
		saved, err := a.store.Session(ctx, s.ID, now) // which may have the sid of the session that it replaced
		if err != nil {
			return SignedIn{}, fmt.Errorf("load the session of user %s: %w", user.ID, err)
		}
		s.Public = saved.Public
	}
	hash = a.rehash(ctx, p, r.Password)
	sealed, err := a.sealBrowser(p.browser, user.ID, hash)
	if err != nil {
		return SignedIn{}, fmt.Errorf("seal browser cookie: %w", err)
	}
	return SignedIn{Session: s, Cookie: cookie, Browser: sealed}, nil
}

// endIfOutdated ends a session whose user was disabled, or whose password was replaced, while the old password was being verified:
// the user's sessions were ended before this one was saved.
func (a *Authenticator) endIfOutdated(ctx context.Context, s Session, hash string) error {
	user, current, err := a.store.Password(ctx, s.User.Email)
	if err == nil && user.ID == s.User.ID && current == hash && user.DisabledAt.IsZero() {
		return nil
	}
	if err := a.store.EndSession(context.WithoutCancel(ctx), s.ID); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	if err != nil && !errors.Is(err, team.ErrNoUser) {
		return fmt.Errorf("load password again: %w", err)
	}
	return ErrSignInFailed
}

// rehash brings a hash up to the current cost and form, and returns the stored one. When it fails, the next sign-in tries again.
func (a *Authenticator) rehash(ctx context.Context, p proved, password string) string {
	if p.current && a.hasher.current(p.hash) {
		return p.hash
	}
	if prepared, err := preparePassword(password); err == nil {
		password = prepared
	} else if a.hasher.current(p.hash) {
		return p.hash // it has no other form
	}
	renewed, err := a.hasher.hash(ctx, password)
	if err != nil {
		return p.hash
	}
	if err := a.store.Rehash(ctx, p.user.ID, p.hash, renewed); err != nil {
		return p.hash
	}
	return renewed
}
