package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// maxCookie is longer than any session cookie of ours, so a longer one is not hashed.
const maxCookie = 128

// Session is the session of a cookie, or ErrNoSession.
func (a *Authenticator) Session(ctx context.Context, cookie string) (Session, error) {
	id := SessionID(cookie)
	if id == "" {
		return Session{}, ErrNoSession
	}
	s, err := a.store.Session(ctx, id, a.now())
	if err != nil && !errors.Is(err, ErrNoSession) {
		return Session{}, fmt.Errorf("load session: %w", err)
	}
	return s, err
}

// SID is the public identifier of the sign-in, the sid of ID tokens and logout tokens. It reveals neither the cookie nor the
// session's ID, and it stays when the same person signs in again, although both of them are new then.
func (s Session) SID() string {
	if s.Public != "" {
		return s.Public
	}
	sum := sha256.Sum256([]byte("gatehouse sid\x00" + s.ID))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// SignOut ends the session of a cookie. A cookie without a session is no error.
func (a *Authenticator) SignOut(ctx context.Context, cookie string) error {
	id := SessionID(cookie)
	if id == "" {
		return nil
	}
	if err := a.store.EndSession(ctx, id); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// SessionID is the ID of a cookie's session, or "" when it cannot be one of our cookies.
func SessionID(cookie string) string {
	if len(cookie) > maxCookie || !strings.HasPrefix(cookie, token.PrefixSession) {
		return ""
	}
	return token.SecretFrom(cookie).Hash()
}
