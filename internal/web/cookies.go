package web

import (
	"net/http"
	"time"
)

// Names of the cookies. On https they have the prefix __Host-, so that no other host of the domain can set them (RFC 6265bis §4.1.3.2).
const (
	sessionCookie = "gatehouse_session"
	browserCookie = "gatehouse_browser" // tells a browser that an account has used from a stranger's
)

// browserCookieLifetime is the longest that browsers keep a cookie.
const browserCookieLifetime = 400 * 24 * time.Hour

func (s *server) cookieName(name string) string {
	if s.https {
		return "__Host-" + name
	}
	return name
}

// cookie is the value of a cookie that the browser sent, or "".
func (s *server) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie keeps a value in the browser for a while; an empty value removes the cookie.
func (s *server) setCookie(w http.ResponseWriter, name, value string, lifetime time.Duration) {
	c := &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/",
		MaxAge: int(lifetime.Seconds()), Secure: s.https, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}
