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
	maxBrowser      = 2048 // bytes of a cookie that are worth opening
)

// browser is the content of the browser cookie: who has signed in here. It opens no door; it only says whose failures are counted apart from strangers'.
type browser struct {
	ID    string        `json:"id"`
	Users []browserUser `json:"users"` // the latest first
}

// browserUser is bound to the password of the time: who once knew an old password is a stranger to the new one.
type browserUser struct {
	User     team.UserID `json:"user"`
	Password string      `json:"password"` // a digest of its hash
}

func (b browser) knows(user team.UserID, hash string) bool {
	return user != "" && hash != "" && slices.Contains(b.Users, browserUser{user, digest(hash)})
}

// openBrowser is a browser that knows nobody when the cookie is not ours or has expired.
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

// sealBrowser is the cookie of a browser at which the person has signed in just now.
func (a *Authenticator) sealBrowser(b browser, user team.UserID, hash string) (string, error) {
	if b.ID == "" {
		b.ID = rand.Text()
	}
	others := slices.DeleteFunc(slices.Clone(b.Users), func(u browserUser) bool { return u.User == user })
	b.Users = append([]browserUser{{user, digest(hash)}}, others...)
	b.Users = b.Users[:min(len(b.Users), maxBrowserUsers)]
	return a.keys.Seal(token.PurposeBrowser, b, a.now().Add(browserLifetime))
}

func digest(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
