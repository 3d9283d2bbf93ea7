package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// What the rows of the contract say of less usual requests.

// TestPersonalPagesKeepTheRulesOfEveryEndpoint: with and without the slash, 405 with Allow, 413, text that is none, no-store, and nothing for strangers.
func TestPersonalPagesKeepTheRulesOfEveryEndpoint(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		admin := h.Admin("atlas")
		for path, allow := range map[string]string{
			"/account/": "GET, HEAD", "/account/applications/": "GET, HEAD, POST", "/account/password/": "GET, HEAD, POST",
			"/teams/atlas/applications/": "GET, HEAD, POST", "/teams/atlas/audit/": "GET, HEAD",
		} {
			bare := strings.TrimSuffix(path, "/")
			with, without := admin.Get(path).WantPage(http.StatusOK), admin.Get(bare).WantPage(http.StatusOK)
			if with.Header.Get("Cache-Control") != "no-store" || without.Header.Get("Cache-Control") != "no-store" {
				h.Errorf("%s: Cache-Control %q and %q", path, with.Header.Get("Cache-Control"), without.Header.Get("Cache-Control"))
			}
			for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
				if slices.Contains(strings.Split(allow, ", "), method) {
					continue
				}
				for _, where := range []string{path, bare} {
					if a := admin.Do(method, where, ""); a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != allow {
						h.Errorf("%s %s: status %d, Allow %q", method, where, a.Status, a.Header.Get("Allow"))
					}
				}
			}
			if !strings.Contains(allow, "POST") {
				continue
			}
			for _, where := range []string{path, bare} {
				admin.Post(where, webtest.Pairs("decision", strings.Repeat("x", 64<<10))).WantPage(http.StatusRequestEntityTooLarge)
			}
			for _, name := range []string{"grant", "client", "decision", "reason", "current", "new", "again"} {
				for _, bad := range []string{"a\x00b", "\xff"} {
					if a := admin.Post(path, webtest.Pairs(name, bad)); a.Status < 400 || a.Status >= 500 {
						h.Errorf("POST %s with %s=%q: status %d", path, name, bad, a.Status)
					}
				}
			}
		}
	})
}

// TestLessUsualParametersAreReadOnce: the ones that are only read in some requests cannot be sent twice either.
func TestLessUsualParametersAreReadOnce(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		for _, name := range []string{"request", "request_uri", "response_mode"} {
			values := webtest.Parameters(h.Insight)
			values[name] = []string{"", "x"}
			if says := b.Get("/o/authorize/?"+values.Encode()).WantError(webtest.Callback, "invalid_request"); !strings.Contains(says, name) {
				h.Errorf("%s: %q does not name it", name, says)
			}
		}
		got := b.Connection(h.Insight, h.Atlas)
		for path, names := range map[string][]string{
			"/o/token/":        {"client_assertion", "resource"},
			"/o/revoke_token/": {"token", "client_assertion"},
			"/o/introspect/":   {"token", "client_assertion"},
			"/o/par/":          {"client_assertion", "request_uri", "request", "state", "redirect_uri"},
		} {
			for _, name := range names {
				form := webtest.Parameters(h.Insight, "client_secret", h.Insight.Secret, "token", "x", "grant_type", "refresh_token", "refresh_token", got.RefreshToken)
				form.Del(name)
				form[name] = []string{"a", "a"}
				if name == "resource" { // of which there may be several (RFC 8707 §2), but none that is not a URI
					h.Program().Post(path, form).WantJSON(http.StatusBadRequest, "invalid_target")
					continue
				}
				h.Program().Post(path, form).WantJSON(http.StatusBadRequest, "invalid_request")
			}
		}
		h.Refresh(h.Insight, got.RefreshToken).WantTokens() // none of them used it
	})
}

// TestTwoWaysOfAuthenticatingAreRefusedEverywhere, and whichever two they are: of two, one would be checked and the other believed.
func TestTwoWaysOfAuthenticatingAreRefusedEverywhere(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas)
		keyed := h.NewKeyed(client.Registration{Name: "Keyed", RedirectURIs: []string{"https://keyed.example/cb"}})
		header, other := webtest.Basic(string(h.Insight.ID), h.Insight.Secret), webtest.Basic(string(h.Notes.ID), h.Notes.Secret)
		form := func(namesAndValues ...string) url.Values {
			values := webtest.Parameters(h.Insight, "client_id", "", "token", "x", "grant_type", "refresh_token", "refresh_token", got.RefreshToken)
			for name, value := range webtest.Pairs(namesAndValues...) {
				values[name] = value
			}
			return values
		}
		for _, path := range []string{"/o/token/", "/o/revoke_token/", "/o/introspect/", "/o/par/"} {
			p := h.Program()
			for name, a := range map[string]*webtest.Answer{
				"Basic and a secret":           p.Post(path, form("client_secret", h.Insight.Secret), "Authorization", header),
				"Basic and another client_id":  p.Post(path, form("client_id", string(h.Notes.ID)), "Authorization", header),
				"Basic and an assertion":       p.Post(path, webtest.By(keyed.Assertion(h, nil), form()), "Authorization", header),
				"a secret and an assertion":    p.Post(path, webtest.By(keyed.Assertion(h, nil), form("client_id", string(keyed.ID), "client_secret", "x"))),
				"two headers":                  p.Post(path, form(), "Authorization", header, "Authorization", other),
				"the same header twice":        p.Post(path, form(), "Authorization", header, "Authorization", header),
				"a header that says nothing":   p.Post(path, form(), "Authorization", "", "Authorization", header),
				"all there is":                 p.Post(path, webtest.By(keyed.Assertion(h, nil), form("client_id", string(h.Insight.ID), "client_secret", "x")), "Authorization", header),
				"a secret without a client_id": p.Post(path, form("client_secret", h.Insight.Secret)),
			} {
				h.Log(path, name)
				a.WantJSON(http.StatusBadRequest, "invalid_request")
			}
		}
		h.Refresh(h.Insight, got.RefreshToken).WantTokens()
	})
}

// TestPromptsTogether: what several values of prompt ask for happens one after the other.
func TestPromptsTogether(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas)
		for _, prompt := range []string{"login consent", "consent login", "select_account login consent"} {
			login := b.AuthorizeLater(h.Insight, "prompt", prompt).WantSignIn()
			b.SignIn(webtest.Ben, url.Values{"request": {login.Sealed()}}).Follow().WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		}
		chosen := b.AuthorizeLater(h.Insight, "prompt", "consent select_account").WantPage(http.StatusOK, "Which account")
		b.Post("/o/select-account/", url.Values{"request": {chosen.Sealed()}, "decision": {"continue"}}).Follow().WantConsent()
		login := b.AuthorizeLater(h.Insight, "prompt", "select_account login").WantSignIn()
		b.SignIn(webtest.Ben, url.Values{"request": {login.Sealed()}}).Follow().WantCode(webtest.Callback)
		for _, prompt := range []string{"none consent", "select_account none", "none none login", "None", "login,consent", "login\tconsent"} {
			b.Authorize(h.Insight, "prompt", prompt).WantError(webtest.Callback, "invalid_request")
		}
		b.Authorize(h.Insight, "prompt", "none none").WantCode(webtest.Callback)
		b.Authorize(h.Insight, "prompt", " ").WantCode(webtest.Callback)
	})
}

// TestMaxAgeIsSeconds and nothing that a more lenient reader would make a number of.
func TestMaxAgeIsSeconds(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas)
		for _, bad := range []string{"+60", "1.5", "1e3", "0x10", " 60", "60 ", "1_000", "60s", "-0", "∞", "٣"} {
			if says := b.Authorize(h.Insight, "max_age", bad).WantError(webtest.Callback, "invalid_request"); !strings.Contains(says, "max_age") {
				h.Errorf("max_age=%q: %q does not name it", bad, says)
			}
		}
		for _, long := range []string{"060", "31536000000", "9223372036854775807", strings.Repeat("9", 100)} {
			b.Authorize(h.Insight, "max_age", long).WantCode(webtest.Callback)
		}
		b.AuthorizeLater(h.Insight, "max_age", "0").WantSignIn()
		b.Authorize(h.Insight, "max_age", "59").WantSignIn()
		b.Authorize(h.Insight, "max_age", "60").WantCode(webtest.Callback)
	})
}

// TestNothingIsRedirectedBeforeTheRedirectURIIsVerified: not for prompt=none, which is answered without a person, nor as a form (RFC 9700 §4.11.2).
func TestNothingIsRedirectedBeforeTheRedirectURIIsVerified(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, b := range []*webtest.Browser{h.Browser(), h.SignedIn(webtest.Ana)} {
			for _, change := range [][]string{
				{"prompt", "none"},
				{"prompt", "none login"},
				{"response_mode", "form_post"},
				{"response_type", ""},
				{"scope", "no"},
				{"state", "\xff"},
				{"request", "x"},
				{"request_uri", "https://evil.example/r"},
				{"response_mode", "form_post", "prompt", "none"},
			} {
				change = append(change, "redirect_uri", "https://evil.example/callback")
				for _, a := range []*webtest.Answer{b.Authorize(h.Insight, change...), b.Post("/o/authorize/", webtest.Parameters(h.Insight, change...))} {
					a.WantPage(http.StatusBadRequest)
					if a.Location() != "" || strings.Contains(a.Body, `action="https://evil`) || strings.Contains(a.Header.Get("Content-Security-Policy"), "evil") {
						h.Errorf("%v: led to %q; %s", change, a.Location(), a.Header.Get("Content-Security-Policy"))
					}
				}
			}
		}
	})
}

// TestReusedSlugRevivesNothing: a team that is made anew under the slug of one that was removed is another team, to everybody.
func TestReusedSlugRevivesNothing(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		code := b.Connect(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		machine := h.NewMachine()
		job := h.MachineToken(machine).WantTokens()
		page := b.Authorize(h.Insight, "team", "atlas", "prompt", "consent").WantConsent()
		_, err := h.Directory.RemoveTeam(h.Context(), team.CommandLine, "atlas")
		h.OK(err)
		again := h.Reuse("atlas", "Atlas Research")
		_, err = h.Directory.AddMember(h.Context(), team.CommandLine, "atlas", webtest.Ben, team.Member)
		h.OK(err)
		h.Refresh(h.Insight, got.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
		h.Redeem(h.Insight, code).WantJSON(http.StatusBadRequest, "invalid_grant")
		h.UserInfo(got.AccessToken).WantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		if api := h.ResourceServer(h.Parts.Issuer); h.Live(h.Insight, got.AccessToken) || h.Live(api, got.AccessToken) || h.Live(api, job.AccessToken) {
			h.Error("introspection says that a token of the old team is alive")
		}
		h.MachineToken(machine).WantJSON(http.StatusUnauthorized, "invalid_client")
		// Consent that was shown for the old team is none for the new one.
		if a := page.Decide("authorize", again.ID); a.Location() != "" {
			h.Errorf("consent to the old team led to %q", a.Location())
		}
		if grants := h.Grants(); len(grants) > 0 {
			h.Errorf("there are the grants %q", grants)
		}
		b.Authorize(h.Insight, "team", "atlas", "prompt", "none").WantError(webtest.Callback, "consent_required")
	})
}

// TestLimitsAreOnByDefault: nobody has to know of them to have them.
func TestLimitsAreOnByDefault(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		last := 0
		for range 100 {
			if last = h.Redeem(h.Insight, "gh_ac_x", "client_secret", "gh_cs_wrong").Status; last != http.StatusUnauthorized {
				break
			}
		}
		if last != http.StatusTooManyRequests {
			h.Errorf("after a hundred wrong secrets: status %d, want 429", last)
		}
	})
}

// TestAuthorizeChecksInTheOrderOfTheContract: of everything that is wrong, what comes first there is answered.
func TestAuthorizeChecksInTheOrderOfTheContract(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		good := webtest.Parameters(h.Insight)
		values := webtest.Parameters(h.Insight, "client_id", "nobody", "redirect_uri", "https://evil.example/", "response_type", "token", "code_challenge", "short",
			"code_challenge_method", "plain", "scope", "chatbot:eat", "request", "e30.e30.", "request_uri", "https://insight.example/r", "prompt", "none login", "max_age", "soon")
		b := h.Browser()
		ask := func() *webtest.Answer { return b.Get("/o/authorize/?" + values.Encode()) }
		for _, name := range []string{"client_id", "redirect_uri"} {
			ask().WantPage(http.StatusBadRequest, name)
			values.Set(name, good.Get(name))
		}
		for _, row := range []struct{ name, code string }{
			{"response_type", "unsupported_response_type"},
			{"code_challenge", "invalid_request"},
			{"code_challenge_method", "invalid_request"},
			{"scope", "invalid_scope"},
			{"request", "request_not_supported"},
			{"request_uri", "request_uri_not_supported"},
			{"prompt", "invalid_request"},
			{"max_age", "invalid_request"},
		} {
			if says := ask().WantError(webtest.Callback, row.code); row.name != "scope" && row.name != "request" && !strings.Contains(says, row.name) {
				h.Errorf("%s: %q does not name it", row.name, says)
			}
			values.Del(row.name)
			if right := good.Get(row.name); right != "" {
				values.Set(row.name, right)
			}
		}
		ask().WantSignIn()
		bad := webtest.Parameters(h.Machine, "scope", "chatbot:eat", "max_age", "soon")
		b.Get("/o/authorize/?"+bad.Encode()).WantError(h.Machine.RedirectURI, "invalid_scope")
		bad.Set("scope", "chatbot:read")
		b.Get("/o/authorize/?"+bad.Encode()).WantError(h.Machine.RedirectURI, "invalid_request")
		bad.Del("max_age")
		b.Get("/o/authorize/?"+bad.Encode()).WantError(h.Machine.RedirectURI, "unauthorized_client")
	})
}
