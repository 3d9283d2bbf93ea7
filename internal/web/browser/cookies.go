package browser

import (
	"net/http"
	"time"
)

// The cookies. On https their names have the prefix __Host-, so that no other host of the domain can set them (RFC 6265bis §4.1.3.2).
const (
	SessionCookie = "gatehouse_session"
	DeviceCookie  = "gatehouse_browser" // says that accounts have been used in this browser, so that sign-ins here are throttled apart from strangers'
)

// deviceCookieLifetime is the longest that browsers keep a cookie.
const deviceCookieLifetime = 400 * 24 * time.Hour

func (p *Pages) cookieName(name string) string {
	if p.https {
		return "__Host-" + name
	}
	return name
}

// Cookie is the value of a cookie that the browser sent, or "".
func (p *Pages) Cookie(r *http.Request, name string) string {
	c, err := r.Cookie(p.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie keeps a value in the browser for a while; an empty value removes the cookie.
func (p *Pages) setCookie(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	c := &http.Cookie{
		Name: p.cookieName(name), Value: value, Path: "/",
		MaxAge: int(lifetime.Seconds()), Secure: p.https, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
