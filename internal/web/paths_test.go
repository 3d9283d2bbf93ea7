package web_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestUnusualPathsAreNotRedirected: whoever is redirected with a form loses it, or sends its secrets again (RFC 9700 §4.12). There is one spelling of each address.
func TestUnusualPathsAreNotRedirected(t *testing.T) {
	onBoth(t, func(h *house) {
		code := h.signedIn(ana).connect(h.insight, h.atlas)
		for _, path := range []string{
			"//", "//o/token/", "/o//token/", "/o/token//", "/o/./token/", "/o/../o/token/", "/o/token/.", "/o/token/..", "//login/", "/login//", "/./login",
			"//evil.example/o/token/", "/%2e%2e/login/", "/o/%2e/token", "/static", "/static//x", "/docs//guide/", "/account//",
		} {
			for _, a := range []*answer{
				h.program().post(path, tokenRequest(h.insight, code)), h.program().get(path), h.browser().post(path, pairs("email", ana, "password", password)),
			} {
				if a.location() != "" || a.status != http.StatusNotFound {
					h.Errorf("%s %s: status %d to %q, want 404", a.request.Method, path, a.status, a.location())
				}
			}
		}
		h.program().get("/nowhere//").wantPage(http.StatusNotFound, "no page")
		h.redeem(h.insight, code).wantTokens() // none of them was the token endpoint
	})
}

// TestAPIAnswersAtItsRootAndWellKnownAddresses, with and without the slash, like everything here.
func TestAPIAnswersAtItsRootAndWellKnownAddresses(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, path := range []string{"/api", "/api/", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/"} {
			if a := h.browser().get(path); a.status != http.StatusTeapot || strings.TrimSuffix(a.body, "/") != strings.TrimSuffix(path, "/") {
				h.Errorf("%s: status %d, %.60q", path, a.status, a.body)
			}
		}
	}, func(p *webParts) {
		p.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			w.Write([]byte(r.URL.Path))
		})
	})
}
