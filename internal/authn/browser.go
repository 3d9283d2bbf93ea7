package authn

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

const (
	browserLifetime = 365 * 24 * time.Hour
	maxBrowserUsers = 4    // people who share a browser
	maxBrowser      = 2048 // bytes of a cookie; a longer one is not opened
)

// browser is the content of the browser cookie: who has signed in with this browser. It proves nothing. It only decides which
// failed sign-ins are counted apart from those of strangers.
type browser struct {
	ID    string        `json:"id"`
	Users []browserUser `json:"users"` // the latest first
}

// browserUser is a user who has signed in. It is bound to the password: after a change of password, the browser is a
// stranger again.
type browserUser struct {
	User     team.UserID `json:"user"`
	Password string      `json:"password"` // a digest of its hash
}

func (b browser) knows(user team.UserID, hash string) bool {
	return user != "" && hash != "" && slices.Contains(b.Users, browserUser{user, digest(hash)})
}

// openBrowser reads a browser cookie. When it is not ours or has expired, nobody has signed in with the browser.
func (a *Authenticator) openBrowser(cookie string) browser {
	var b browser
	if cookie == "" || len(cookie) > maxBrowser {
		return browser{}
	}
	if err := a.keys.Open(token.PurposeBrowser, cookie, &b); err != nil {
		return browser{}
	}
	return b
}

// sealBrowser is the cookie of a browser in which the user has just signed in.
func (a *Authenticator) sealBrowser(b browser, user team.UserID, hash string) (string, error) {
	if b.ID == "" {
		b.ID = rand.Text()
	}
	others := slices.DeleteFunc(slices.Clone(b.Users), func(u browserUser) bool { return u.User == user })
	b.Users = append([]browserUser{{user, digest(hash)}}, others...)
	b.Users = b.Users[:min(len(b.Users), maxBrowserUsers)]
	return a.keys.Seal(token.PurposeBrowser, b, browserLifetime)
}

func digest(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
