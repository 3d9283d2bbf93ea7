package webtest

import (
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// OpenID Connect RP-Initiated Logout 1.0.

const Afterwards = "https://leaver.example/bye?x=1"

// Leaver registers a client that may send people on after they signed out.
func (h *House) Leaver() App {
	h.Helper()
	return h.Register(client.Registration{
		Name: "Leaver", RedirectURIs: []string{"https://leaver.example/cb"}, PostLogoutRedirectURIs: []string{Afterwards},
	})
}

func LogoutURL(namesAndValues ...string) string {
	return "/o/logout/?" + Pairs(namesAndValues...).Encode()
}

// SignedOut reports whether the session that the browser had is over on the server.
func (b *Browser) SignedOut(cookie string) bool {
	b.Helper()
	b.SetSession(cookie)
	return !strings.Contains(b.Get("/").Body, "@example.org")
}
