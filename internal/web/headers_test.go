package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestNothingSecretIsStoredByCaches. Redirects with codes and answers of the token endpoint are checked in every test that gets one.
func TestNothingSecretIsStoredByCaches(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		refused := h.SignedIn(webtest.Cleo)
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid")
		plain := b.Connection(h.Insight, h.Atlas, "scope", "chatbot:read")
		for name, a := range map[string]*webtest.Answer{
			"to sign-in": h.Browser().Authorize(h.Insight), "sign-in": h.Browser().Authorize(h.Insight).Follow(), "consent": b.Authorize(h.Insight),
			"no team": refused.Authorize(h.Insight), "signed in": b.SignIn(webtest.Ana, nil), "wrong password": b.SignIn(webtest.Ana, url.Values{"password": {"wrong"}}),
			"error page": b.Authorize(h.Insight, "client_id", ""), "home": b.Get("/"), "posted": b.Post("/o/authorize/", webtest.Parameters(h.Insight)),
			"signed out": b.Post("/logout/", nil), "404": b.Get("/nowhere"),
			"form_post":      b.Authorize(h.Insight, "response_mode", "form_post", "prompt", "none"),
			"logout":         b.Get("/o/logout/"),
			"logout, posted": b.Post("/o/logout/", webtest.Pairs("state", "x")),
			"no token":       b.Get("/o/userinfo/"), "userinfo": h.UserInfo(got.AccessToken), "no openid": h.UserInfo(plain.AccessToken),
			"introspection": h.Call("/o/introspect/", h.Insight, "token", got.AccessToken), "inactive": h.Call("/o/introspect/", h.Insight, "token", "x"),
			"PAR": h.Push(h.Insight), "PAR refused": h.Push(h.Insight, "scope", "no"),
			"refresh": h.Refresh(h.Insight, got.RefreshToken), "machine": h.MachineToken(h.NewMachine()),
			"revoked": h.Call("/o/revoke_token/", h.Insight, "token", got.AccessToken), "not revoked": h.Call("/o/revoke_token/", h.Insight),
		} {
			if got := a.Header.Get("Cache-Control"); got != "no-store" {
				h.Errorf("%s: Cache-Control %q, want no-store", name, got)
			}
		}
	})
}

func TestPagesHaveSecurityHeaders(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		const (
			stays = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
			leads = "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'" // to an application, by its form
			// Where a script of ours shows the password.
			shows      = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
			showsLeads = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"
		)
		pocket := func(uri string) *webtest.Answer {
			return b.Authorize(webtest.App{Client: h.Pocket.Client, RedirectURI: uri})
		}
		for _, row := range []struct {
			name     string
			page     *webtest.Answer
			policy   string
			referrer string
		}{
			{"home", b.Get("/"), stays, "same-origin"},
			{"sign-in", h.Browser().Get("/login/"), showsLeads, "same-origin"},
			{"sign-in for an application", h.Browser().Authorize(h.Insight).Follow(), showsLeads, "same-origin"},
			{"wrong password", b.SignIn(webtest.Ana, url.Values{"password": {"no"}, "request": {b.Authorize(h.Insight).Sealed()}}), showsLeads, "same-origin"},
			{"consent", b.Authorize(h.Insight), leads, "same-origin"},
			{"consent for loopback", pocket("http://127.0.0.1:49152/cb"), leads, "same-origin"},
			{"consent for IPv6 loopback", pocket("http://[::1]:49152/cb"), leads, "same-origin"},
			{"consent for a private scheme", pocket("com.example.pocket:/cb"), leads, "same-origin"},
			{"select account", b.Authorize(h.Insight, "prompt", "select_account"), leads, "same-origin"},
			{"no team", h.SignedIn(webtest.Cleo).Authorize(h.Insight), leads, "same-origin"},
			{"sign-out", b.Get("/logout/"), stays, "same-origin"},
			{"an application's sign-out", b.Get("/o/logout/"), leads, "same-origin"},
			{"password", b.Get("/account/password/"), shows, "same-origin"},
			{"error", b.Authorize(h.Insight, "redirect_uri", "https://evil.example"), stays, "no-referrer"},
			{"404", b.Get("/nowhere"), stays, "no-referrer"},
			{"guide", b.Get("/docs/guide/"), stays, "same-origin"},
		} {
			got := row.page.Header
			if got.Get("Content-Security-Policy") != row.policy {
				h.Errorf("%s: CSP %q, want %q", row.name, got.Get("Content-Security-Policy"), row.policy)
			}
			if got.Get("Referrer-Policy") != row.referrer || got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Strict-Transport-Security") != "" {
				h.Errorf("%s: headers are %v", row.name, got)
			}
			row.page.WantNothingOf(" style=", " onclick=")
			if scripts, allowed := strings.Count(row.page.Body, "<script"), strings.Contains(row.policy, "script-src"); (scripts > 0) != allowed ||
				scripts != strings.Count(row.page.Body, `<script src="`+ui.Asset("password.js")+`" defer></script>`) {
				h.Errorf("%s: %d <script> under %q", row.name, scripts, row.policy)
			}
		}
	})
}

// TestPagesOfPeopleAreNotForSearchEngines: only what is the same for everybody is. A page that is found by its address alone is none of these.
func TestPagesOfPeopleAreNotForSearchEngines(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Admin("atlas")
		const kept = "noindex"
		for name, row := range map[string]struct {
			page *webtest.Answer
			want string
		}{
			"start page of a person": {b.Get("/"), kept},
			"account":                {b.Get("/account/"), kept},
			"team":                   {b.Get("/teams/atlas/applications/"), kept},
			"consent":                {b.Authorize(h.Insight), kept},
			"sign-in":                {h.Browser().Get("/login/"), kept},
			"sign-in for a request":  {h.Browser().Authorize(h.Insight).Follow(), kept},
			"sign-out":               {b.Get("/logout/"), kept},
			"signed out":             {h.Browser().Get("/logout/"), kept},
			"refused request":        {h.Browser().Get("/o/authorize/?client_id=nobody"), kept},
			"nothing":                {h.Browser().Get("/nowhere/"), kept},
			"start page":             {h.Browser().Get("/"), ""},
			"documents":              {h.Browser().Get("/docs/"), ""},
			"guide":                  {b.Get("/docs/guide/"), ""},
		} {
			if got := row.page.Header.Get("X-Robots-Tag"); got != row.want {
				h.Errorf("%s: X-Robots-Tag %q, want %q", name, got, row.want)
			}
		}
	})
}

// secure makes the public URL https, as it is behind a proxy that ends TLS.
func secure(p *web.Parts) { p.Issuer = "https://auth.example" }

func TestHTTPSBringsHSTSAndHostCookies(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		a := h.Browser().SignIn(webtest.Ana, nil).WantStatus(http.StatusSeeOther)
		if got := a.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=") {
			h.Errorf("Strict-Transport-Security %q", got)
		}
		cookies := (&http.Response{Header: a.Header}).Cookies()
		if len(cookies) != 2 {
			h.Fatalf("cookies are %v, want two", cookies)
		}
		// The first eight hex digits of the SHA-256 of https://auth.example: servers of one host do not overwrite each other's cookies.
		names := []string{"__Host-gh_session_644d89f1", "__Host-gh_device_644d89f1"}
		for i, c := range cookies {
			if c.Name != names[i] || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
				h.Errorf("cookie %s", c.Raw)
			}
		}
	}, secure)
}

func TestCORSAnswersTheOriginsOfPublicClients(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		code := h.SignedIn(webtest.Ana).Connect(h.Pocket, h.Atlas)
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
			preflight := h.Program().Do(http.MethodOptions, "/o/token/", "", "Origin", row.origin, "Access-Control-Request-Method", "POST").WantStatus(http.StatusNoContent)
			asked := h.Program().Post("/o/token/", webtest.TokenRequest(h.Pocket, "gh_ac_x"), "Origin", row.origin)
			answers := map[string]*webtest.Answer{"preflight": preflight, "answer": asked}
			for _, path := range []string{"/o/revoke_token/", "/o/userinfo/"} {
				answers[path] = h.Program().Post(path, webtest.AsClient(h.Pocket, "token", "x"), "Origin", row.origin)
				answers["preflight of "+path] = h.Program().Do(http.MethodOptions, path, "", "Origin", row.origin,
					"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,dpop").WantStatus(http.StatusNoContent)
			}
			for what, a := range answers {
				want := ""
				if row.ok {
					want = row.origin
				}
				if got := a.Header.Get("Access-Control-Allow-Origin"); got != want || a.Header.Get("Access-Control-Allow-Credentials") != "" || a.Header.Get("Vary") != "Origin" {
					h.Errorf("%s, %s: Access-Control-Allow-Origin %q, want %q; headers are %v", row.origin, what, got, want, a.Header)
				}
			}
			if got := preflight.Header.Get("Access-Control-Allow-Methods"); (got == "POST") != row.ok {
				h.Errorf("%s: Access-Control-Allow-Methods %q", row.origin, got)
			}
			if got := answers["preflight of /o/userinfo/"].Header; row.ok && (got.Get("Access-Control-Allow-Methods") != "GET, POST" || got.Get("Access-Control-Allow-Headers") != "*, Authorization, DPoP") {
				h.Errorf("%s: userinfo's preflight has %v", row.origin, got)
			}
			if got := asked.Header.Get("Access-Control-Expose-Headers"); row.ok != strings.Contains(got, "DPoP-Nonce") {
				h.Errorf("%s: Access-Control-Expose-Headers %q", row.origin, got)
			}
		}
		h.Program().Post("/o/token/", webtest.TokenRequest(h.Pocket, code), "Origin", "https://pocket.example").WantTokens()
		// A change is known within ten seconds.
		h.OK(h.DB.DisableClient(h.Context(), h.Pocket.ID, h.Clock.Now()))
		h.Clock.Advance(10 * time.Second)
		gone := h.Program().Do(http.MethodOptions, "/o/token/", "", "Origin", "https://pocket.example", "Access-Control-Request-Method", "POST")
		if got := gone.Header.Get("Access-Control-Allow-Origin"); got != "" {
			h.Errorf("the client is disabled, Access-Control-Allow-Origin is %q", got)
		}
		for _, path := range []string{"/o/authorize/", "/o/consent/", "/o/introspect/", "/o/par/", "/o/logout/", "/login/", "/logout/", "/", "/docs/guide/"} {
			for name := range h.Browser().Get(path, "Origin", "http://localhost:5173").Header {
				if strings.HasPrefix(name, "Access-Control-") {
					h.Errorf("%s answers %s", path, name)
				}
			}
		}
	})
}
