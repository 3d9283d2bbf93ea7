package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"
)

// The cookies, by what they are for.
const (
	SessionCookie  = "session"
	DeviceCookie   = "device"   // says that accounts have been used in this browser, so that sign-ins here are throttled apart from strangers'
	IdentityCookie = "identity" // an account at another provider that waits to be linked
)

// The cookies of a sign-in that has begun.
const (
	AttemptCookie = "attempt" // what has been proved, sealed
	SignUpCookie  = "sign_up" // where the person came from who asked for a link to sign up
	BoundCookie   = "bound"   // a secret that binds the challenge for a passkey to the browser
)

// boundCookieLifetime is longer than anybody has a page open on which passkeys are asked for.
const boundCookieLifetime = 24 * time.Hour

// deviceCookieLifetime is the longest that browsers keep a cookie.
const deviceCookieLifetime = 400 * 24 * time.Hour

// CookieName is the name of a server's cookie. It has a part of the issuer's hash, because browsers send the cookies of all servers of a
// host to each of them, whatever its port (RFC 6265 §8.5): without it they would overwrite each other's. On https it has the
// prefix __Host-, so that no other host of the domain can set it (RFC 6265bis §4.1.3.2).
func CookieName(issuer, purpose string) string {
	sum := sha256.Sum256([]byte(issuer))
	return hostPrefix(issuer) + "gh_" + purpose + "_" + hex.EncodeToString(sum[:4])
}

// oldCookieName is what a cookie was called up to version 0.1. It is read where there is none under the new name. It is never removed: it may be
// that of another server on this host, and what it stands for here has ended when there is a new one.
func oldCookieName(issuer, purpose string) string {
	names := map[string]string{SessionCookie: "gatehouse_session", DeviceCookie: "gatehouse_browser"}
	return hostPrefix(issuer) + names[purpose]
}

func hostPrefix(issuer string) string {
	if u, err := url.Parse(issuer); err == nil && u.Scheme == "https" {
		return "__Host-"
	}
	return ""
}

// Cookie is the value of a cookie that the browser sent, or "".
func (p *Pages) Cookie(r *http.Request, purpose string) string {
	names := []string{CookieName(p.Issuer, purpose)}
	if purpose == SessionCookie || purpose == DeviceCookie {
		names = append(names, oldCookieName(p.Issuer, purpose))
	}
	for _, name := range names {
		if c, err := r.Cookie(name); err == nil {
			return c.Value
		}
	}
	return ""
}

// KeepsCookies reports whether the browser has sent a cookie of ours. One that sent none may be new here, or may keep none.
func (p *Pages) KeepsCookies(r *http.Request) bool {
	return p.Cookie(r, SessionCookie) != "" || p.Cookie(r, DeviceCookie) != ""
}

// RememberSignUp keeps where a person came from until they open the link that they are mailed; "" forgets it. The value is no secret and decides
// nothing: it is a page of ours, or a sealed request, either of which can be opened by its address.
func (p *Pages) RememberSignUp(w http.ResponseWriter, r *http.Request, value string, lifetime time.Duration) {
	if value != "" || p.Cookie(r, SignUpCookie) != "" {
		p.setCookie(w, SignUpCookie, value, lifetime)
	}
}

// setCookie keeps a value in the browser for a while; an empty value removes the cookie.
func (p *Pages) setCookie(w http.ResponseWriter, purpose, value string, lifetime time.Duration) {
	seconds := int(lifetime.Seconds())
	if value == "" {
		seconds = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: CookieName(p.Issuer, purpose), Value: value, Path: "/", MaxAge: seconds, Secure: p.https, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
