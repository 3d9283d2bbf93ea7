package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// What the rows of the contract say of less usual requests.

// TestPersonalPagesKeepTheRulesOfEveryEndpoint: with and without the slash, 405 with Allow, 413, text that is none, no-store, and nothing for strangers.
func TestPersonalPagesKeepTheRulesOfEveryEndpoint(t *testing.T) {
	onBoth(t, func(h *house) {
		admin := h.admin("atlas")
		for path, allow := range map[string]string{
			"/account/": "GET, HEAD", "/account/applications/": "GET, HEAD, POST", "/account/password/": "GET, HEAD, POST",
			"/teams/atlas/applications/": "GET, HEAD, POST", "/teams/atlas/audit/": "GET, HEAD",
		} {
			bare := strings.TrimSuffix(path, "/")
			with, without := admin.get(path).wantPage(http.StatusOK), admin.get(bare).wantPage(http.StatusOK)
			if with.header.Get("Cache-Control") != "no-store" || without.header.Get("Cache-Control") != "no-store" {
				h.Errorf("%s: Cache-Control %q and %q", path, with.header.Get("Cache-Control"), without.header.Get("Cache-Control"))
			}
			for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
				if slices.Contains(strings.Split(allow, ", "), method) {
					continue
				}
				for _, where := range []string{path, bare} {
					if a := admin.do(method, where, ""); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != allow {
						h.Errorf("%s %s: status %d, Allow %q", method, where, a.status, a.header.Get("Allow"))
					}
				}
			}
			if !strings.Contains(allow, "POST") {
				continue
			}
			for _, where := range []string{path, bare} {
				admin.post(where, pairs("decision", strings.Repeat("x", 64<<10))).wantPage(http.StatusRequestEntityTooLarge)
			}
			for _, name := range []string{"grant", "client", "decision", "reason", "current", "new", "again"} {
				for _, bad := range []string{"a\x00b", "\xff"} {
					if a := admin.post(path, pairs(name, bad)); a.status < 400 || a.status >= 500 {
						h.Errorf("POST %s with %s=%q: status %d", path, name, bad, a.status)
					}
				}
			}
		}
	})
}

// TestLessUsualParametersAreReadOnce: the ones that are only read in some requests cannot be sent twice either.
func TestLessUsualParametersAreReadOnce(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		for _, name := range []string{"request", "request_uri", "response_mode"} {
			values := parameters(h.insight)
			values[name] = []string{"", "x"}
			if says := b.get("/o/authorize/?"+values.Encode()).wantError(callback, "invalid_request"); !strings.Contains(says, name) {
				h.Errorf("%s: %q does not name it", name, says)
			}
		}
		got := b.connection(h.insight, h.atlas)
		for path, names := range map[string][]string{
			"/o/token/":        {"client_assertion", "resource"},
			"/o/revoke_token/": {"token", "client_assertion"},
			"/o/introspect/":   {"token", "client_assertion"},
			"/o/par/":          {"client_assertion", "request_uri", "request", "state", "redirect_uri"},
		} {
			for _, name := range names {
				form := parameters(h.insight, "client_secret", h.insight.secret, "token", "x", "grant_type", "refresh_token", "refresh_token", got.RefreshToken)
				form.Del(name)
				form[name] = []string{"a", "a"}
				if name == "resource" { // of which there may be several (RFC 8707 §2), but none that is not a URI
					h.program().post(path, form).wantJSON(http.StatusBadRequest, "invalid_target")
					continue
				}
				h.program().post(path, form).wantJSON(http.StatusBadRequest, "invalid_request")
			}
		}
		h.refresh(h.insight, got.RefreshToken).wantTokens() // none of them used it
	})
}

// TestTwoWaysOfAuthenticatingAreRefusedEverywhere, and whichever two they are: of two, one would be checked and the other believed.
func TestTwoWaysOfAuthenticatingAreRefusedEverywhere(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ana).connection(h.insight, h.atlas)
		keyed := h.newKeyed(client.Registration{Name: "Keyed", RedirectURIs: []string{"https://keyed.example/cb"}})
		header, other := basic(string(h.insight.ID), h.insight.secret), basic(string(h.notes.ID), h.notes.secret)
		form := func(namesAndValues ...string) url.Values {
			values := parameters(h.insight, "client_id", "", "token", "x", "grant_type", "refresh_token", "refresh_token", got.RefreshToken)
			for name, value := range pairs(namesAndValues...) {
				values[name] = value
			}
			return values
		}
		for _, path := range []string{"/o/token/", "/o/revoke_token/", "/o/introspect/", "/o/par/"} {
			p := h.program()
			for name, a := range map[string]*answer{
				"Basic and a secret":           p.post(path, form("client_secret", h.insight.secret), "Authorization", header),
				"Basic and another client_id":  p.post(path, form("client_id", string(h.notes.ID)), "Authorization", header),
				"Basic and an assertion":       p.post(path, by(keyed.assertion(h, nil), form()), "Authorization", header),
				"a secret and an assertion":    p.post(path, by(keyed.assertion(h, nil), form("client_id", string(keyed.ID), "client_secret", "x"))),
				"two headers":                  p.post(path, form(), "Authorization", header, "Authorization", other),
				"the same header twice":        p.post(path, form(), "Authorization", header, "Authorization", header),
				"a header that says nothing":   p.post(path, form(), "Authorization", "", "Authorization", header),
				"all there is":                 p.post(path, by(keyed.assertion(h, nil), form("client_id", string(h.insight.ID), "client_secret", "x")), "Authorization", header),
				"a secret without a client_id": p.post(path, form("client_secret", h.insight.secret)),
			} {
				h.Log(path, name)
				a.wantJSON(http.StatusBadRequest, "invalid_request")
			}
		}
		h.refresh(h.insight, got.RefreshToken).wantTokens()
	})
}

// TestPromptsTogether: what several values of prompt ask for happens one after the other.
func TestPromptsTogether(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas)
		for _, prompt := range []string{"login consent", "consent login", "select_account login consent"} {
			login := b.authorizeLater(h.insight, "prompt", prompt).wantSignIn()
			b.signIn(ben, url.Values{"request": {login.sealed()}}).follow().wantConsent().decide("authorize", h.atlas.ID).wantCode(callback)
		}
		chosen := b.authorizeLater(h.insight, "prompt", "consent select_account").wantPage(http.StatusOK, "Which account")
		b.post("/o/select-account/", url.Values{"request": {chosen.sealed()}, "decision": {"continue"}}).follow().wantConsent()
		login := b.authorizeLater(h.insight, "prompt", "select_account login").wantSignIn()
		b.signIn(ben, url.Values{"request": {login.sealed()}}).follow().wantCode(callback)
		for _, prompt := range []string{"none consent", "select_account none", "none none login", "None", "login,consent", "login\tconsent"} {
			b.authorize(h.insight, "prompt", prompt).wantError(callback, "invalid_request")
		}
		b.authorize(h.insight, "prompt", "none none").wantCode(callback)
		b.authorize(h.insight, "prompt", " ").wantCode(callback)
	})
}

// TestMaxAgeIsSeconds and nothing that a more lenient reader would make a number of.
func TestMaxAgeIsSeconds(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas)
		for _, bad := range []string{"+60", "1.5", "1e3", "0x10", " 60", "60 ", "1_000", "60s", "-0", "∞", "٣"} {
			if says := b.authorize(h.insight, "max_age", bad).wantError(callback, "invalid_request"); !strings.Contains(says, "max_age") {
				h.Errorf("max_age=%q: %q does not name it", bad, says)
			}
		}
		for _, long := range []string{"060", "31536000000", "9223372036854775807", strings.Repeat("9", 100)} {
			b.authorize(h.insight, "max_age", long).wantCode(callback)
		}
		b.authorizeLater(h.insight, "max_age", "0").wantSignIn()
		b.authorize(h.insight, "max_age", "59").wantSignIn()
		b.authorize(h.insight, "max_age", "60").wantCode(callback)
	})
}

// TestNothingIsRedirectedBeforeTheRedirectURIIsVerified: not for prompt=none, which is answered without a person, nor as a form (RFC 9700 §4.11.2).
func TestNothingIsRedirectedBeforeTheRedirectURIIsVerified(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, b := range []*browser{h.browser(), h.signedIn(ana)} {
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
				for _, a := range []*answer{b.authorize(h.insight, change...), b.post("/o/authorize/", parameters(h.insight, change...))} {
					a.wantPage(http.StatusBadRequest)
					if a.location() != "" || strings.Contains(a.body, `action="https://evil`) || strings.Contains(a.header.Get("Content-Security-Policy"), "evil") {
						h.Errorf("%v: led to %q; %s", change, a.location(), a.header.Get("Content-Security-Policy"))
					}
				}
			}
		}
	})
}

// TestReusedSlugRevivesNothing: a team that is made anew under the slug of one that was removed is another team, to everybody.
func TestReusedSlugRevivesNothing(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		got := b.connection(h.insight, h.atlas, "scope", "openid chatbot:read")
		code := b.connect(h.insight, h.atlas, "scope", "openid chatbot:read")
		machine := h.newMachine()
		job := h.machineToken(machine).wantTokens()
		page := b.authorize(h.insight, "team", "atlas", "prompt", "consent").wantConsent()
		_, err := h.directory.RemoveTeam(h.Context(), team.CommandLine, "atlas")
		h.ok(err)
		again := h.addTeam("atlas", "Atlas Research")
		_, err = h.directory.AddMember(h.Context(), team.CommandLine, "atlas", ben, team.Member)
		h.ok(err)
		h.refresh(h.insight, got.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
		h.redeem(h.insight, code).wantJSON(http.StatusBadRequest, "invalid_grant")
		h.userInfo(got.AccessToken).wantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		if api := h.resourceServer(h.parts.Issuer); h.live(h.insight, got.AccessToken) || h.live(api, got.AccessToken) || h.live(api, job.AccessToken) {
			h.Error("introspection says that a token of the old team is alive")
		}
		h.machineToken(machine).wantJSON(http.StatusUnauthorized, "invalid_client")
		// Consent that was shown for the old team is none for the new one.
		if a := page.decide("authorize", again.ID); a.location() != "" {
			h.Errorf("consent to the old team led to %q", a.location())
		}
		if grants := h.grants(); len(grants) > 0 {
			h.Errorf("there are the grants %q", grants)
		}
		b.authorize(h.insight, "team", "atlas", "prompt", "none").wantError(callback, "consent_required")
	})
}

// TestLimitsAreOnByDefault: nobody has to know of them to have them.
func TestLimitsAreOnByDefault(t *testing.T) {
	onBoth(t, func(h *house) {
		last := 0
		for range 100 {
			if last = h.redeem(h.insight, "gh_ac_x", "client_secret", "gh_cs_wrong").status; last != http.StatusUnauthorized {
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
	onBoth(t, func(h *house) {
		good := parameters(h.insight)
		values := parameters(h.insight, "client_id", "nobody", "redirect_uri", "https://evil.example/", "response_type", "token", "code_challenge", "short",
			"code_challenge_method", "plain", "scope", "chatbot:eat", "request", "e30.e30.", "request_uri", "https://insight.example/r", "prompt", "none login", "max_age", "soon")
		b := h.browser()
		ask := func() *answer { return b.get("/o/authorize/?" + values.Encode()) }
		for _, name := range []string{"client_id", "redirect_uri"} {
			ask().wantPage(http.StatusBadRequest, name)
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
			if says := ask().wantError(callback, row.code); row.name != "scope" && row.name != "request" && !strings.Contains(says, row.name) {
				h.Errorf("%s: %q does not name it", row.name, says)
			}
			values.Del(row.name)
			if right := good.Get(row.name); right != "" {
				values.Set(row.name, right)
			}
		}
		ask().wantSignIn()
		bad := parameters(h.machine, "scope", "chatbot:eat", "max_age", "soon")
		b.get("/o/authorize/?"+bad.Encode()).wantError(h.machine.redirectURI, "invalid_scope")
		bad.Set("scope", "chatbot:read")
		b.get("/o/authorize/?"+bad.Encode()).wantError(h.machine.redirectURI, "invalid_request")
		bad.Del("max_age")
		b.get("/o/authorize/?"+bad.Encode()).wantError(h.machine.redirectURI, "unauthorized_client")
	})
}
