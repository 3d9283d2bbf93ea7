package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/web"
)

// TestNothingSecretIsStoredByCaches. Redirects with codes and answers of the token endpoint are checked in every test that gets one.
func TestNothingSecretIsStoredByCaches(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		refused := h.signedIn(cleo)
		got := b.connection(h.insight, h.atlas, "scope", "openid")
		plain := b.connection(h.insight, h.atlas, "scope", "chatbot:read")
		for name, a := range map[string]*answer{
			"to sign-in": h.browser().authorize(h.insight), "sign-in": h.browser().authorize(h.insight).follow(), "consent": b.authorize(h.insight),
			"no team": refused.authorize(h.insight), "signed in": b.signIn(ana, nil), "wrong password": b.signIn(ana, url.Values{"password": {"wrong"}}),
			"error page": b.authorize(h.insight, "client_id", ""), "home": b.get("/"), "posted": b.post("/o/authorize/", parameters(h.insight)),
			"signed out": b.post("/logout/", nil), "404": b.get("/nowhere"),
			"form_post":      b.authorize(h.insight, "response_mode", "form_post", "prompt", "none"),
			"logout":         b.get("/o/logout/"),
			"logout, posted": b.post("/o/logout/", pairs("state", "x")),
			"no token":       b.get("/o/userinfo/"), "userinfo": h.userInfo(got.AccessToken), "no openid": h.userInfo(plain.AccessToken),
			"introspection": h.call("/o/introspect/", h.insight, "token", got.AccessToken), "inactive": h.call("/o/introspect/", h.insight, "token", "x"),
			"PAR": h.push(h.insight), "PAR refused": h.push(h.insight, "scope", "no"),
			"refresh": h.refresh(h.insight, got.RefreshToken), "machine": h.machineToken(h.newMachine()),
			"revoked": h.call("/o/revoke_token/", h.insight, "token", got.AccessToken), "not revoked": h.call("/o/revoke_token/", h.insight),
		} {
			if got := a.header.Get("Cache-Control"); got != "no-store" {
				h.Errorf("%s: Cache-Control %q, want no-store", name, got)
			}
		}
	})
}

func TestPagesHaveSecurityHeaders(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		policy := func(targets string) string {
			return "default-src 'none'; style-src 'self'; img-src 'self'; form-action " + targets + "; frame-ancestors 'none'; base-uri 'none'"
		}
		pocket := func(uri string) *answer { return b.authorize(app{h.pocket.Client, "", uri}) }
		for _, row := range []struct {
			name     string
			page     *answer
			targets  string
			referrer string
		}{
			{"home", b.get("/"), "'self'", "same-origin"},
			{"sign-in", b.get("/login/"), "'self'", "same-origin"},
			{"sign-in for an application", h.browser().authorize(h.insight).follow(), "'self' https://insight.example", "same-origin"},
			{"wrong password", b.signIn(ana, url.Values{"password": {"no"}, "request": {b.authorize(h.insight).sealed()}}), "'self' https://insight.example", "same-origin"},
			{"consent", b.authorize(h.insight), "'self' https://insight.example", "same-origin"},
			{"consent for loopback", pocket("http://127.0.0.1:49152/cb"), "'self' http://127.0.0.1:49152", "same-origin"},
			{"consent for IPv6 loopback", pocket("http://[::1]:49152/cb"), "'self' http:", "same-origin"},
			{"consent for a private scheme", pocket("com.example.pocket:/cb"), "'self' com.example.pocket:", "same-origin"},
			{"no team", h.signedIn(cleo).authorize(h.insight), "'self' https://insight.example", "same-origin"},
			{"sign-out", b.get("/logout/"), "'self'", "same-origin"},
			{"an application's sign-out", b.get("/o/logout/"), "'self'", "same-origin"},
			{"error", b.authorize(h.insight, "redirect_uri", "https://evil.example"), "'self'", "no-referrer"},
			{"404", b.get("/nowhere"), "'self'", "no-referrer"},
			{"guide", b.get("/docs/guide/"), "'self'", "same-origin"},
		} {
			got := row.page.header
			if got.Get("Content-Security-Policy") != policy(row.targets) {
				h.Errorf("%s: CSP %q, want %q", row.name, got.Get("Content-Security-Policy"), policy(row.targets))
			}
			if got.Get("Referrer-Policy") != row.referrer || got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Strict-Transport-Security") != "" {
				h.Errorf("%s: headers are %v", row.name, got)
			}
			row.page.wantNothingOf("<script", " style=", " onclick=")
		}
	})
}

// secure makes the public URL https, as it is behind a proxy that ends TLS.
func secure(p *web.Parts) { p.Issuer = "https://auth.example" }

func TestHTTPSBringsHSTSAndHostCookies(t *testing.T) {
	onBoth(t, func(h *house) {
		a := h.browser().signIn(ana, nil).wantStatus(http.StatusSeeOther)
		if got := a.header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=") {
			h.Errorf("Strict-Transport-Security %q", got)
		}
		cookies := (&http.Response{Header: a.header}).Cookies()
		if len(cookies) != 2 {
			h.Fatalf("cookies are %v, want two", cookies)
		}
		for _, c := range cookies {
			if !strings.HasPrefix(c.Name, "__Host-gatehouse_") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				h.Errorf("cookie %s", c.Raw)
			}
		}
	}, secure)
}

func TestCORSAnswersTheOriginsOfPublicClients(t *testing.T) {
	onBoth(t, func(h *house) {
		code := h.signedIn(ana).connect(h.pocket, h.atlas)
		for _, row := range []struct {
			origin string
			ok     bool
		}{
			{"https://pocket.example", true},
			{"http://localhost:5173", true},
			{"http://127.0.0.1:5173", true},
			{"http://[::1]:5173", true},
			{"https://insight.example", false}, // of a confidential client
			{"https://evil.example", false},
			{"null", false},
			{"http://pocket.example", false},
			{"https://pocket.example:8443", false},
			{"https://pocket.example.evil.example", false},
			{"https://localhost:5173", false},
			{"http://192.0.2.1:5173", false},
			{"com.example.pocket:", false},
		} {
			preflight := h.program().do(http.MethodOptions, "/o/token/", "", "Origin", row.origin, "Access-Control-Request-Method", "POST").wantStatus(http.StatusNoContent)
			asked := h.program().post("/o/token/", tokenRequest(h.pocket, "gh_ac_x"), "Origin", row.origin)
			answers := map[string]*answer{"preflight": preflight, "answer": asked}
			for _, path := range []string{"/o/revoke_token/", "/o/userinfo/"} {
				answers[path] = h.program().post(path, asClient(h.pocket, "token", "x"), "Origin", row.origin)
				answers["preflight of "+path] = h.program().do(http.MethodOptions, path, "", "Origin", row.origin,
					"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,dpop").wantStatus(http.StatusNoContent)
			}
			for what, a := range answers {
				want := ""
				if row.ok {
					want = row.origin
				}
				if got := a.header.Get("Access-Control-Allow-Origin"); got != want || a.header.Get("Access-Control-Allow-Credentials") != "" || a.header.Get("Vary") != "Origin" {
					h.Errorf("%s, %s: Access-Control-Allow-Origin %q, want %q; headers are %v", row.origin, what, got, want, a.header)
				}
			}
			if got := preflight.header.Get("Access-Control-Allow-Methods"); (got == "POST") != row.ok {
				h.Errorf("%s: Access-Control-Allow-Methods %q", row.origin, got)
			}
			if got := answers["preflight of /o/userinfo/"].header; row.ok && (got.Get("Access-Control-Allow-Methods") != "GET, POST" || got.Get("Access-Control-Allow-Headers") != "*, Authorization, DPoP") {
				h.Errorf("%s: userinfo's preflight has %v", row.origin, got)
			}
			if got := asked.header.Get("Access-Control-Expose-Headers"); row.ok != strings.Contains(got, "DPoP-Nonce") {
				h.Errorf("%s: Access-Control-Expose-Headers %q", row.origin, got)
			}
		}
		h.program().post("/o/token/", tokenRequest(h.pocket, code), "Origin", "https://pocket.example").wantTokens()
		// A change is known within ten seconds.
		h.ok(h.db.DisableClient(h.Context(), h.pocket.ID, h.clock.now()))
		h.clock.advance(10 * time.Second)
		gone := h.program().do(http.MethodOptions, "/o/token/", "", "Origin", "https://pocket.example", "Access-Control-Request-Method", "POST")
		if got := gone.header.Get("Access-Control-Allow-Origin"); got != "" {
			h.Errorf("the client is disabled, Access-Control-Allow-Origin is %q", got)
		}
		for _, path := range []string{"/o/authorize/", "/o/consent/", "/o/introspect/", "/o/par/", "/o/logout/", "/login/", "/logout/", "/", "/docs/guide/"} {
			for name := range h.browser().get(path, "Origin", "http://localhost:5173").header {
				if strings.HasPrefix(name, "Access-Control-") {
					h.Errorf("%s answers %s", path, name)
				}
			}
		}
	})
}
