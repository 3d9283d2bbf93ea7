package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// The rows of "GET, POST /o/authorize/", in their order.

// TestAuthorizeRefusesUnverifiedClientsWithAPage: nothing is redirected before client and redirect URI are verified.
func TestAuthorizeRefusesUnverifiedClientsWithAPage(t *testing.T) {
	onBoth(t, func(h *house) {
		disabled := h.register(client.Registration{Name: "Once", RedirectURIs: []string{"https://once.example/cb"}})
		h.ok(h.db.DisableClient(h.Context(), disabled.ID, h.clock.now()))
		for _, row := range []struct {
			name   string
			client app
			change []string
			says   string
		}{
			{"client_id missing", h.insight, []string{"client_id", ""}, "client_id is missing"},
			{"client_id unknown", h.insight, []string{"client_id", "nobody"}, "registered"},
			{"client disabled", disabled, nil, "disabled"},
			{"redirect_uri missing", h.insight, []string{"redirect_uri", ""}, "redirect_uri is missing"},
		} {
			b := h.signedIn(ana) // neither is signed in or not a difference
			for who, a := range map[string]*answer{
				"signed in": b.authorize(row.client, row.change...), "nobody": h.browser().authorize(row.client, row.change...),
				"posted": h.browser().post("/o/authorize/", parameters(row.client, row.change...)),
			} {
				t := h.TB
				t.Logf("%s, %s", row.name, who)
				a.wantPage(http.StatusBadRequest, row.says, "I am developing this application")
				if a.location() != "" {
					t.Errorf("%s: redirected to %q", row.name, a.location())
				}
			}
		}
	})
}

// TestAuthorizeComparesRedirectURIsByteForByte shows to the developer what was received, character for character, and never redirects there.
func TestAuthorizeComparesRedirectURIsByteForByte(t *testing.T) {
	onBoth(t, func(h *house) {
		second := "https://insight.example/cb;v=1?a=b&c=%20d"
		for _, received := range []string{
			"https://insight.example/callback/", "https://insight.example/Callback", "https://Insight.example/callback", "HTTPS://insight.example/callback",
			"http://insight.example/callback", "https://insight.example:443/callback", "https://insight.example/callback?", "https://insight.example/callback?a=b",
			"https://insight.example/callback#", "https://x@insight.example/callback", "https://insight.example/callback;v=1", "https://insight.example/%63allback",
			"https://insight.example/a/../callback", "https://insight.example//callback", "https://insight.example.evil.example/callback", "https://evil.example/callback",
			"https://insight.example/cb;v=1?c=%20d&a=b", "https://insight.example/cb;v=1?a=b&c=+d", "https://insight.example/cb;v=1?a=b&c=%20D", "https://insight.example/cb?a=b&c=%20d",
			"https://insight.example", "/callback", "javascript:alert(1)", " https://insight.example/callback", "https://insight.example/callback\n", "http://127.0.0.1/cb",
			"<script>alert(1)</script>",
		} {
			a := h.browser().authorize(h.insight, "redirect_uri", received)
			a.wantStatus(http.StatusBadRequest)
			if a.location() != "" {
				h.Errorf("%q: redirected to %q", received, a.location())
			}
			if shown := shownTo(a.body); !strings.Contains(shown, received) && !strings.ContainsAny(received, " \n") {
				h.Errorf("%q is not on the page as it was received:\n%s", received, shown)
			}
		}
		for _, registered := range []string{callback, second} {
			h.signedIn(ana).connect(app{h.insight.Client, h.insight.secret, registered}, h.atlas)
		}
	})
}

// TestAuthorizeAcceptsAnyLoopbackPort: RFC 8252 §7.3, and nothing but the port.
func TestAuthorizeAcceptsAnyLoopbackPort(t *testing.T) {
	onBoth(t, func(h *house) {
		loopback := h.register(client.Registration{Name: "Local", RedirectURIs: []string{"http://127.0.0.1/cb", "http://localhost/cb"}})
		for _, row := range []struct {
			client app
			uri    string
			ok     bool
		}{
			{h.pocket, "http://127.0.0.1:49152/cb", true},
			{h.pocket, "http://127.0.0.1/cb", true},
			{h.pocket, "http://[::1]:1/cb", true},
			{h.pocket, "http://localhost:65535/cb", true},
			{h.pocket, "http://127.0.0.1:49152/cb/", false},
			{h.pocket, "http://127.0.0.2:49152/cb", false},
			{h.pocket, "https://127.0.0.1:49152/cb", false},
			{h.pocket, "http://127.0.0.1:49152@evil.example/cb", false},
			{h.pocket, "http://localhost.evil.example/cb", false},
			{h.pocket, "http://127.0.0.1:99999/cb", false},
			{h.pocket, "https://pocket.example:8443/cb", false},
			{loopback, "http://127.0.0.1:49152/cb", true},
			{loopback, "http://localhost:49152/cb", false},
		} {
			a := h.browser().authorize(row.client, "redirect_uri", row.uri)
			want := http.StatusBadRequest
			if row.ok {
				want = http.StatusSeeOther // to the sign-in page
			}
			if a.status != want {
				h.Errorf("%s for %s: status %d, want %d", row.uri, row.client.Name, a.status, want)
			}
		}
	})
}

// TestAuthorizeRedirectsErrors is every row that answers with an error at the redirect URI before anybody is asked.
func TestAuthorizeRedirectsErrors(t *testing.T) {
	onBoth(t, func(h *house) {
		narrow := h.register(client.Registration{Name: "Narrow", RedirectURIs: []string{"https://narrow.example/cb"}, Scope: []string{"chatbot:read"}})
		for _, row := range []struct {
			name   string
			client app
			change []string
			code   string
			says   string
		}{
			{"response_type missing", h.insight, []string{"response_type", ""}, "invalid_request", "response_type"},
			{"response_type token", h.insight, []string{"response_type", "token"}, "unsupported_response_type", "code"},
			{"response_type code id_token", h.insight, []string{"response_type", "code id_token"}, "unsupported_response_type", "code"},
			{"code_challenge missing", h.insight, []string{"code_challenge", ""}, "invalid_request", "code_challenge"},
			{"code_challenge short", h.insight, []string{"code_challenge", challenge[1:]}, "invalid_request", "43"},
			{"code_challenge long", h.insight, []string{"code_challenge", challenge + "A"}, "invalid_request", "43"},
			{"code_challenge not base64url", h.insight, []string{"code_challenge", "+" + challenge[1:]}, "invalid_request", "base64url"},
			{"code_challenge_method missing", h.insight, []string{"code_challenge_method", ""}, "invalid_request", "S256"},
			{"code_challenge_method plain", h.insight, []string{"code_challenge_method", "plain"}, "invalid_request", "S256"},
			{"code_challenge_method s256", h.insight, []string{"code_challenge_method", "s256"}, "invalid_request", "S256"},
			{"public client without PKCE", h.pocket, []string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request", "PKCE"},
			{"scope unknown", h.insight, []string{"scope", "chatbot:read chatbot:eat"}, "invalid_scope", "chatbot:eat"},
			{"scope malformed", h.insight, []string{"scope", "chatbot:read\tsession:read"}, "invalid_scope", "chatbot:read"},
			{"scope not allowed to the client", narrow, []string{"scope", "session:write"}, "invalid_scope", "session:write"},
			{"scope of another standard", h.insight, []string{"scope", "openid address"}, "invalid_scope", "address"},
			{"request", h.insight, []string{"request", "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported", "request"},
			{"request_uri", h.insight, []string{"request_uri", "https://insight.example/request.jwt"}, "request_uri_not_supported", "request_uri"},
			{"prompt none login", h.insight, []string{"prompt", "none login"}, "invalid_request", "prompt=none"},
			{"max_age not a number", h.insight, []string{"max_age", "soon"}, "invalid_request", "max_age"},
			{"max_age negative", h.insight, []string{"max_age", "-1"}, "invalid_request", "max_age"},
			{"response_mode fragment", h.insight, []string{"response_mode", "fragment"}, "invalid_request", "response_mode"},
			{"the client may not use this grant", h.machine, nil, "unauthorized_client", ""},
		} {
			for how, a := range map[string]*answer{
				"GET": h.browser().authorize(row.client, row.change...), "POST": h.browser().post("/o/authorize/", parameters(row.client, row.change...)),
			} {
				h.Logf("%s, %s", row.name, how)
				if says := a.wantError(row.client.redirectURI, row.code); !strings.Contains(says, row.says) {
					h.Errorf("%s: the description %q does not name %q", row.name, says, row.says)
				}
			}
		}
	})
}

// TestAuthorizeWithoutScopeAsksForAllThatIsAllowed.
func TestAuthorizeWithoutScopeAsksForAllThatIsAllowed(t *testing.T) {
	onBoth(t, func(h *house) {
		narrow := h.register(client.Registration{Name: "Narrow", RedirectURIs: []string{"https://narrow.example/cb"}, Scope: []string{"session:read", "chatbot:read"}})
		for client, want := range map[*app]string{&h.insight: "chatbot:read session:read session:write", &narrow: "chatbot:read session:read"} {
			code := h.signedIn(ana).connect(*client, h.atlas, "scope", "")
			if got := h.redeem(*client, code).wantTokens().Scope; got != want {
				h.Errorf("%s got the scope %q, want %q", client.Name, got, want)
			}
		}
	})
}

// TestAuthorizeReturnsStateExactly: on success and on error, up to 4 KiB.
func TestAuthorizeReturnsStateExactly(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		b.connect(h.insight, h.atlas)
		stateOf := func(a *answer) string {
			u, err := url.Parse(a.wantStatus(http.StatusSeeOther).location())
			h.ok(err)
			return u.Query().Get("state")
		}
		for _, state := range []string{
			"x", "a b+c%20d&e=f;g#h/?", `{"r":"\"/x\""}`, "日本語 🚪", "\u202e", strings.Repeat("s", 4096),
		} {
			granted := b.authorize(h.insight, "state", state, "team", "atlas")
			if got := stateOf(granted); got != state {
				h.Errorf("with a code: state %q, want %q", got, state)
			}
			if got := stateOf(b.authorize(h.insight, "state", state, "scope", "no")); got != state {
				h.Errorf("with an error: state %q, want %q", got, state)
			}
			cancelled := b.authorize(h.insight, "state", state, "prompt", "consent").decide("cancel", "")
			if got := stateOf(cancelled); got != state {
				h.Errorf("after Cancel: state %q, want %q", got, state)
			}
		}
		long := b.authorize(h.insight, "state", strings.Repeat("s", 4097)).wantStatus(http.StatusSeeOther).location()
		if !strings.Contains(long, "error=invalid_request") || strings.Contains(long, "state=") {
			h.Errorf("a state of 4097 bytes: %q, want invalid_request", long)
		}
		without := b.authorize(h.insight, "state", "", "team", "atlas").location()
		if strings.Contains(without, "state") {
			h.Errorf("no state was sent, and one came back: %q", without)
		}
	})
}

// TestAuthorizeSignsInAndComesBackToTheSameRequest by way of the whole journey, for GET and for POST.
func TestAuthorizeSignsInAndComesBackToTheSameRequest(t *testing.T) {
	onBoth(t, func(h *house) {
		for how, start := range map[string]func(b *browser) *answer{
			"GET": func(b *browser) *answer { return b.authorize(h.insight) },
			"POST": func(b *browser) *answer {
				a := b.post("/o/authorize/", parameters(h.insight), "Sec-Fetch-Site", "cross-site", "Origin", "https://insight.example")
				return b.get(a.wantStatus(http.StatusSeeOther).location())
			},
		} {
			h.Log(how)
			b := h.browser()
			login := start(b).wantSignIn().wantPage(http.StatusOK, "Insight")
			consent := b.signIn(ana, url.Values{"request": {login.sealed()}}).follow().wantConsent().
				wantPage(http.StatusOK, "Insight", "Insight Labs", ana, "Atlas Research", "Borealis", "See the team's chatbots", "https://insight.example")
			code := consent.decide("authorize", h.atlas.ID).wantCode(callback)
			if got := h.redeem(h.insight, code).wantTokens(); got.Team != "atlas" || got.Scope != "chatbot:read session:read" {
				h.Errorf("%s: got a token for %q in %q", how, got.Scope, got.Team)
			}
		}
	})
}

// TestPostedRequestMeetsTheSessionAfterARedirect: a form from another site comes without our SameSite cookie, the GET that follows brings it.
func TestPostedRequestMeetsTheSessionAfterARedirect(t *testing.T) {
	onBoth(t, func(h *house) {
		stranger := h.browser() // the same browser, but its cookies stay at home
		a := stranger.post("/o/authorize/", parameters(h.insight), "Sec-Fetch-Site", "cross-site", "Origin", "https://insight.example")
		if !strings.HasPrefix(a.wantStatus(http.StatusSeeOther).location(), "/o/consent/?request=") {
			h.Fatalf("Location %q, want the next step", a.location())
		}
		h.signedIn(ana).get(a.location()).wantConsent()
	})
}

// TestPromptNone never shows a page.
func TestPromptNone(t *testing.T) {
	onBoth(t, func(h *house) {
		h.browser().authorize(h.insight, "prompt", "none").wantError(callback, "login_required")
		b := h.signedIn(ben)
		b.authorize(h.insight, "prompt", "none").wantError(callback, "consent_required")
		b.connect(h.insight, h.atlas)
		b.authorize(h.insight, "prompt", "none").wantCode(callback)
		b.authorize(h.insight, "prompt", "none", "scope", "session:write").wantError(callback, "consent_required")
		h.clock.advance(time.Second)
		b.authorize(h.insight, "prompt", "none", "max_age", "0").wantError(callback, "login_required")
		h.signedIn(ana).authorize(h.insight, "prompt", "none").wantError(callback, "consent_required") // which team?
		posted := b.post("/o/authorize/", parameters(h.insight, "prompt", "none")).wantStatus(http.StatusSeeOther)
		b.get(posted.location()).wantCode(callback)
	})
}

// TestPromptLoginSignsInAgain, really, whatever session there is, and whatever is done to the address.
func TestPromptLoginSignsInAgain(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, change := range [][]string{{"prompt", "login"}, {"max_age", "0"}, {"max_age", "60"}} {
			b := h.signedIn(ben)
			b.connect(h.insight, h.atlas)
			h.clock.advance(61 * time.Second)
			login := b.authorize(h.insight, change...).wantSignIn().wantPage(http.StatusOK, "sign in again", ben)
			step := "/o/consent/?" + url.Values{"request": {login.sealed()}}.Encode()
			if a := b.get(step); a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), "/login/") {
				h.Errorf("%v: without a new sign-in, %d to %q, want the sign-in page", change, a.status, a.location())
			}
			h.clock.advance(time.Second)
			b.signIn(ben, url.Values{"request": {login.sealed()}}).follow().wantCode(callback)
		}
		b := h.signedIn(ben)
		h.clock.advance(59 * time.Second)
		b.authorize(h.insight, "max_age", "60").wantCode(callback)
	})
}

// TestPromptConsentAsksAgain although a grant covers it.
func TestPromptConsentAsksAgain(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas)
		b.authorize(h.insight).wantCode(callback)
		b.authorize(h.insight, "prompt", "consent").wantConsent().wantPage(http.StatusOK, "agreed to all of this before")
	})
}

// TestPromptSelectAccount offers to continue as this person or to sign in as another.
func TestPromptSelectAccount(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		h.clock.advance(time.Minute)
		choose := func() *answer {
			return b.authorize(h.insight, "prompt", "select_account").wantPage(http.StatusOK, "Insight", "Ben Bakker", ben)
		}
		press := func(a *answer, decision string) *answer {
			return b.post("/o/select-account/", url.Values{"request": {a.sealed()}, "decision": {decision}})
		}
		press(choose(), "continue").wantStatus(http.StatusSeeOther).follow().wantConsent()
		press(choose(), "cancel").wantError(callback, "access_denied")
		login := press(choose(), "another").wantStatus(http.StatusSeeOther).follow().wantPage(http.StatusOK, `name="password"`)
		h.clock.advance(time.Second)
		b.signIn(ana, url.Values{"request": {login.sealed()}}).follow().wantConsent().wantPage(http.StatusOK, ana)

		// Continuing chooses this person, not whoever is at the browser that takes the next step.
		other := h.signedIn(ben)
		continued := press(b.authorizeLater(h.insight, "prompt", "select_account"), "continue").wantStatus(http.StatusSeeOther)
		other.get(continued.location()).wantPage(http.StatusOK, "Which account", ben)
	})
}

// authorizeLater is authorize a minute after the sign-in.
func (b *browser) authorizeLater(client app, changes ...string) *answer {
	b.clock.advance(time.Minute)
	return b.authorize(client, changes...)
}

// TestRememberedConsentAnswersWithoutAPage, and only for what was granted.
func TestRememberedConsentAnswersWithoutAPage(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		b.connect(h.insight, h.atlas)
		b.authorize(h.insight, "team", "atlas").wantCode(callback)
		b.authorize(h.insight, "team", "atlas", "scope", "session:read").wantCode(callback)
		b.authorize(h.insight, "team", "borealis").wantConsent()
		more := b.authorize(h.insight, "team", "atlas", "scope", "chatbot:read session:write").wantConsent().
			wantPage(http.StatusOK, "New since you last agreed", "Start conversations")
		more.decide("authorize", h.atlas.ID).wantCode(callback)
		b.authorize(h.insight, "team", "atlas", "scope", "").wantCode(callback) // one and the other make all
		if got := h.grants(); len(got) != 1 || got[0] != "ana@example.org Insight atlas chatbot:read session:read session:write" {
			h.Errorf("grants are %q", got)
		}
	})
}

// TestAuthorizeAndCancel are the two answers of a person.
func TestAuthorizeAndCancel(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		b.authorize(h.insight).wantConsent().decide("cancel", h.atlas.ID).wantError(callback, "access_denied")
		if got := h.grants(); len(got) != 0 {
			h.Errorf("Cancel left the grants %q", got)
		}
		b.authorize(h.insight).wantConsent().decide("authorize", h.atlas.ID).wantCode(callback)
		if got := h.grants(); len(got) != 1 {
			h.Errorf("Authorize left the grants %q, want one", got)
		}
		b.authorize(h.insight).decide("perhaps", h.atlas.ID).wantPage(http.StatusBadRequest, "decision must be")
	})
}

// TestConsentIsForThePersonWhoSawThePage: another one at the same browser has to look for themselves.
func TestConsentIsForThePersonWhoSawThePage(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		page := b.authorize(h.insight).wantConsent()
		b.signIn(ben, nil).wantStatus(http.StatusSeeOther)
		page.decide("authorize", h.atlas.ID).wantPage(http.StatusUnprocessableEntity, ben)
		b.post("/logout/", nil).wantStatus(http.StatusOK)
		page.decide("authorize", h.atlas.ID).wantSignIn()
		if got := h.grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
	})
}

// TestPendingRequestsCannotBeEditedAndExpire.
func TestPendingRequestsCannotBeEditedAndExpire(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		page := b.authorize(h.insight).wantConsent()
		sealed := page.sealed()
		flip := sealed[:len(sealed)-2] + map[bool]string{true: "AA", false: "BB"}[sealed[len(sealed)-2:] != "AA"]
		code := b.connect(h.insight, h.atlas)
		for _, forged := range []string{"", "x", flip, sealed + "A", code, strings.TrimPrefix(code, "gh_ac_")} {
			for _, a := range []*answer{
				b.get("/o/consent/?" + url.Values{"request": {forged}}.Encode()),
				b.post("/o/consent/", url.Values{"request": {forged}, "team": {string(h.atlas.ID)}, "decision": {"authorize"}}),
				b.post("/o/consent/", url.Values{"request": {forged}, "decision": {"cancel"}}),
			} {
				a.wantPage(http.StatusBadRequest, "no longer valid")
			}
		}
		h.clock.advance(time.Hour)
		page.decide("authorize", h.atlas.ID).wantPage(http.StatusBadRequest, "no longer valid")
		page.decide("cancel", team.ID("")).wantPage(http.StatusBadRequest, "no longer valid")
	})
}

// TestClientIsCheckedAgainAtEveryStep: what was true when the request began may have ended since.
func TestClientIsCheckedAgainAtEveryStep(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		page := b.authorize(h.insight).wantConsent()
		_, err := h.registry.UpdateClient(h.Context(), team.CommandLine, h.insight.ID, client.Change{RedirectURIs: []string{"https://insight.example/new"}})
		h.ok(err)
		page.decide("authorize", h.atlas.ID).wantPage(http.StatusBadRequest, "not registered")

		page = b.authorize(h.pocket).wantConsent()
		h.ok(h.db.DisableClient(h.Context(), h.pocket.ID, h.clock.now()))
		page.decide("authorize", h.atlas.ID).wantPage(http.StatusBadRequest, "disabled")
		if got := h.grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
	})
}
