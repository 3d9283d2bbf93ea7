package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestUnusualPathsAreNotRedirected: a browser that is redirected with a form loses it, or sends its secrets again (RFC 9700 §4.12). There is one spelling of each address.
func TestUnusualPathsAreNotRedirected(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		code := h.SignedIn(webtest.Ana).Connect(h.Insight, h.Atlas)
		for _, path := range []string{
			"//", "//o/token/", "/o//token/", "/o/token//", "/o/./token/", "/o/../o/token/", "/o/token/.", "/o/token/..", "//login/", "/login//", "/./login",
			"//evil.example/o/token/", "/%2e%2e/login/", "/o/%2e/token", "/static", "/static//x", "/docs//guide/", "/account//",
		} {
			for _, a := range []*webtest.Answer{
				h.Program().Post(path, webtest.TokenRequest(h.Insight, code)), h.Program().Get(path), h.Browser().Post(path, webtest.Pairs("email", webtest.Ana, "password", webtest.Password)),
			} {
				if a.Location() != "" || a.Status != http.StatusNotFound {
					h.Errorf("%s %s: status %d to %q, want 404", a.Request.Method, path, a.Status, a.Location())
				}
			}
		}
		h.Program().Get("/nowhere//").WantPage(http.StatusNotFound, "no page")
		h.Redeem(h.Insight, code).WantTokens() // none of them was the token endpoint
	})
}

// TestAPIAnswersAtItsRootAndWellKnownAddresses, with and without the slash, like everything here.
func TestAPIAnswersAtItsRootAndWellKnownAddresses(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, path := range []string{"/api", "/api/", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/"} {
			if a := h.Browser().Get(path); a.Status != http.StatusTeapot || strings.TrimSuffix(a.Body, "/") != strings.TrimSuffix(path, "/") {
				h.Errorf("%s: status %d, %.60q", path, a.Status, a.Body)
			}
		}
	}, func(p *webtest.WebParts) {
		p.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			w.Write([]byte(r.URL.Path))
		})
	})
}
