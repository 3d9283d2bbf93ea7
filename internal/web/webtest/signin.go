package webtest

import (
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
)

// The rows of "Sign-in", in their order. That an unknown e-mail costs the time of a wrong password is shown in authn.

// SessionOf is the session cookie that the browser has, or "".
func (b *Browser) SessionOf() string {
	u, err := url.Parse(b.base)
	b.OK(err)
	for _, c := range b.Client.Jar.Cookies(u) {
		if c.Name == browser.CookieName(b.Parts.Issuer, browser.SessionCookie) {
			return c.Value
		}
	}
	return ""
}

func (b *Browser) SetSession(value string) { b.setCookie(browser.SessionCookie, value) }

func (b *Browser) setCookie(purpose, value string) {
	u, err := url.Parse(b.base)
	b.OK(err)
	b.Client.Jar.SetCookies(u, []*http.Cookie{{Name: browser.CookieName(b.Parts.Issuer, purpose), Value: value, Path: "/"}})
}
