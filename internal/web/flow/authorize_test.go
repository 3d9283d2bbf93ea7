package flow_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// The rows of "GET, POST /o/authorize/", in their order.

// TestAuthorizeRefusesUnverifiedClientsWithAPage: nothing is redirected before client and redirect URI are verified.
func TestAuthorizeRefusesUnverifiedClientsWithAPage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		disabled := h.Register(client.Registration{Name: "Once", RedirectURIs: []string{"https://once.example/cb"}})
		h.OK(h.DB.DisableClient(h.Context(), disabled.ID, h.Clock.Now()))
		for _, row := range []struct {
			name   string
			client webtest.App
			change []string
			says   string
		}{
			{"client_id missing", h.Insight, []string{"client_id", ""}, "client_id is missing"},
			{"client_id unknown", h.Insight, []string{"client_id", "nobody"}, "registered"},
			{"client disabled", disabled, nil, "disabled"},
			{"redirect_uri missing", h.Insight, []string{"redirect_uri", ""}, "redirect_uri is missing"},
		} {
			b := h.SignedIn(webtest.Ana) // neither is signed in or not a difference
			for who, a := range map[string]*webtest.Answer{
				"signed in": b.Authorize(row.client, row.change...), "nobody": h.Browser().Authorize(row.client, row.change...),
				"posted": h.Browser().Post("/o/authorize/", webtest.Parameters(row.client, row.change...)),
			} {
				t := h.TB
				t.Logf("%s, %s", row.name, who)
				a.WantPage(http.StatusBadRequest, row.says, "I am developing this application")
				if a.Location() != "" {
					t.Errorf("%s: redirected to %q", row.name, a.Location())
				}
			}
		}
	})
}

// TestAuthorizeComparesRedirectURIsByteForByte shows to the developer what was received, character for character, and never redirects there.
func TestAuthorizeComparesRedirectURIsByteForByte(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
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
			a := h.Browser().Authorize(h.Insight, "redirect_uri", received)
			a.WantStatus(http.StatusBadRequest)
			if a.Location() != "" {
				h.Errorf("%q: redirected to %q", received, a.Location())
			}
			if shown := webtest.ShownTo(a.Body); !strings.Contains(shown, received) && !strings.ContainsAny(received, " \n") {
				h.Errorf("%q is not on the page as it was received:\n%s", received, shown)
			}
		}
		for _, registered := range []string{webtest.Callback, second} {
			h.SignedIn(webtest.Ana).Connect(webtest.App{Client: h.Insight.Client, Secret: h.Insight.Secret, RedirectURI: registered}, h.Atlas)
		}
	})
}

// TestAuthorizeAcceptsAnyLoopbackPort: RFC 8252 §7.3, and nothing but the port.
func TestAuthorizeAcceptsAnyLoopbackPort(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		loopback := h.Register(client.Registration{Name: "Local", RedirectURIs: []string{"http://127.0.0.1/cb", "http://localhost/cb"}})
		for _, row := range []struct {
			client webtest.App
			uri    string
			ok     bool
		}{
			{h.Pocket, "http://127.0.0.1:49152/cb", true},
			{h.Pocket, "http://127.0.0.1/cb", true},
			{h.Pocket, "http://[::1]:1/cb", true},
			{h.Pocket, "http://localhost:65535/cb", true},
			{h.Pocket, "http://127.0.0.1:49152/cb/", false},
			{h.Pocket, "http://127.0.0.2:49152/cb", false},
			{h.Pocket, "https://127.0.0.1:49152/cb", false},
			{h.Pocket, "http://127.0.0.1:49152@evil.example/cb", false},
			{h.Pocket, "http://localhost.evil.example/cb", false},
			{h.Pocket, "http://127.0.0.1:99999/cb", false},
			{h.Pocket, "https://pocket.example:8443/cb", false},
			{loopback, "http://127.0.0.1:49152/cb", true},
			{loopback, "http://localhost:49152/cb", false},
		} {
			a := h.Browser().Authorize(row.client, "redirect_uri", row.uri)
			want := http.StatusBadRequest
			if row.ok {
				want = http.StatusSeeOther // to the sign-in page
			}
			if a.Status != want {
				h.Errorf("%s for %s: status %d, want %d", row.uri, row.client.Name, a.Status, want)
			}
		}
	})
}

// TestAuthorizeRedirectsErrors is every row that answers with an error at the redirect URI before anybody is asked.
func TestAuthorizeRedirectsErrors(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		narrow := h.Register(client.Registration{Name: "Narrow", RedirectURIs: []string{"https://narrow.example/cb"}, Scope: []string{"chatbot:read"}})
		for _, row := range []struct {
			name   string
			client webtest.App
			change []string
			code   string
			says   string
		}{
			{"response_type missing", h.Insight, []string{"response_type", ""}, "invalid_request", "response_type"},
			{"response_type token", h.Insight, []string{"response_type", "token"}, "unsupported_response_type", "code"},
			{"response_type code id_token", h.Insight, []string{"response_type", "code id_token"}, "unsupported_response_type", "code"},
			{"code_challenge missing", h.Insight, []string{"code_challenge", ""}, "invalid_request", "code_challenge"},
			{"code_challenge short", h.Insight, []string{"code_challenge", webtest.Challenge[1:]}, "invalid_request", "43"},
			{"code_challenge long", h.Insight, []string{"code_challenge", webtest.Challenge + "A"}, "invalid_request", "43"},
			{"code_challenge not base64url", h.Insight, []string{"code_challenge", "+" + webtest.Challenge[1:]}, "invalid_request", "base64url"},
			{"code_challenge_method missing", h.Insight, []string{"code_challenge_method", ""}, "invalid_request", "S256"},
			{"code_challenge_method plain", h.Insight, []string{"code_challenge_method", "plain"}, "invalid_request", "S256"},
			{"code_challenge_method s256", h.Insight, []string{"code_challenge_method", "s256"}, "invalid_request", "S256"},
			{"public client without PKCE", h.Pocket, []string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request", "PKCE"},
			{"scope unknown", h.Insight, []string{"scope", "chatbot:read chatbot:eat"}, "invalid_scope", "chatbot:eat"},
			{"scope malformed", h.Insight, []string{"scope", "chatbot:read\tsession:read"}, "invalid_scope", "chatbot:read"},
			{"scope not allowed to the client", narrow, []string{"scope", "session:write"}, "invalid_scope", "session:write"},
			{"scope of another standard", h.Insight, []string{"scope", "openid address"}, "invalid_scope", "address"},
			{"request with response_mode=form_post", h.Insight, []string{"request", "eyJhbGciOiJub25lIn0.eyJyZXNwb25zZV9tb2RlIjoiZm9ybV9wb3N0In0."}, "request_not_supported", "request"},
			{"request_uri", h.Insight, []string{"request_uri", "https://insight.example/request.jwt"}, "request_uri_not_supported", "request_uri"},
			{"prompt none login", h.Insight, []string{"prompt", "none login"}, "invalid_request", "prompt=none"},
			{"max_age not a number", h.Insight, []string{"max_age", "soon"}, "invalid_request", "max_age"},
			{"max_age negative", h.Insight, []string{"max_age", "-1"}, "invalid_request", "max_age"},
			{"response_mode fragment", h.Insight, []string{"response_mode", "fragment"}, "invalid_request", "response_mode"},
			{"the client may not use this grant", h.Machine, nil, "unauthorized_client", ""},
		} {
			for how, a := range map[string]*webtest.Answer{
				"GET": h.Browser().Authorize(row.client, row.change...), "POST": h.Browser().Post("/o/authorize/", webtest.Parameters(row.client, row.change...)),
			} {
				h.Logf("%s, %s", row.name, how)
				if says := a.WantError(row.client.RedirectURI, row.code); !strings.Contains(says, row.says) {
					h.Errorf("%s: the description %q does not name %q", row.name, says, row.says)
				}
			}
		}
	})
}

// TestAuthorizeWithoutScopeAsksForAllThatIsAllowed.
func TestAuthorizeWithoutScopeAsksForAllThatIsAllowed(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		narrow := h.Register(client.Registration{Name: "Narrow", RedirectURIs: []string{"https://narrow.example/cb"}, Scope: []string{"session:read", "chatbot:read"}})
		for client, want := range map[*webtest.App]string{&h.Insight: "chatbot:read session:read session:write", &narrow: "chatbot:read session:read"} {
			code := h.SignedIn(webtest.Ana).Connect(*client, h.Atlas, "scope", "")
			if got := h.Redeem(*client, code).WantTokens().Scope; got != want {
				h.Errorf("%s got the scope %q, want %q", client.Name, got, want)
			}
		}
	})
}

// TestAuthorizeReturnsStateExactly: on success and on error, up to 4 KiB.
func TestAuthorizeReturnsStateExactly(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Connect(h.Insight, h.Atlas)
		stateOf := func(a *webtest.Answer) string {
			u, err := url.Parse(a.WantStatus(http.StatusSeeOther).Location())
			h.OK(err)
			return u.Query().Get("state")
		}
		for _, state := range []string{
			"x", "a b+c%20d&e=f;g#h/?", `{"r":"\"/x\""}`, "日本語 🚪", "\u202e", strings.Repeat("s", 4096),
		} {
			granted := b.Authorize(h.Insight, "state", state, "team", "atlas")
			if got := stateOf(granted); got != state {
				h.Errorf("with a code: state %q, want %q", got, state)
			}
			if got := stateOf(b.Authorize(h.Insight, "state", state, "scope", "no")); got != state {
				h.Errorf("with an error: state %q, want %q", got, state)
			}
			cancelled := b.Authorize(h.Insight, "state", state, "prompt", "consent").Decide("cancel", "")
			if got := stateOf(cancelled); got != state {
				h.Errorf("after Cancel: state %q, want %q", got, state)
			}
		}
		long := b.Authorize(h.Insight, "state", strings.Repeat("s", 4097)).WantStatus(http.StatusSeeOther).Location()
		if !strings.Contains(long, "error=invalid_request") || strings.Contains(long, "state=") {
			h.Errorf("a state of 4097 bytes: %q, want invalid_request", long)
		}
		without := b.Authorize(h.Insight, "state", "", "team", "atlas").Location()
		if strings.Contains(without, "state") {
			h.Errorf("no state was sent, and one came back: %q", without)
		}
	})
}

// TestAuthorizeSignsInAndComesBackToTheSameRequest by way of the whole journey, for GET and for POST.
func TestAuthorizeSignsInAndComesBackToTheSameRequest(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for how, start := range map[string]func(b *webtest.Browser) *webtest.Answer{
			"GET": func(b *webtest.Browser) *webtest.Answer { return b.Authorize(h.Insight) },
			"POST": func(b *webtest.Browser) *webtest.Answer {
				a := b.Post("/o/authorize/", webtest.Parameters(h.Insight), "Sec-Fetch-Site", "cross-site", "Origin", "https://insight.example")
				return b.Get(a.WantStatus(http.StatusSeeOther).Location())
			},
		} {
			h.Log(how)
			b := h.Browser()
			login := start(b).WantSignIn().WantPage(http.StatusOK, "Insight")
			consent := b.SignIn(webtest.Ana, url.Values{"request": {login.Sealed()}}).Follow().WantConsent().
				WantPage(http.StatusOK, "Insight", "Insight Labs", webtest.Ana, "Atlas Research", "Borealis", "See the team's chatbots", "https://insight.example")
			code := consent.Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
			if got := h.Redeem(h.Insight, code).WantTokens(); got.Team != "atlas" || got.Scope != "chatbot:read session:read" {
				h.Errorf("%s: got a token for %q in %q", how, got.Scope, got.Team)
			}
		}
	})
}

// TestPostedRequestMeetsTheSessionAfterARedirect: a form from another site comes without our SameSite cookie, the GET that follows brings it.
func TestPostedRequestMeetsTheSessionAfterARedirect(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		stranger := h.Browser() // the same browser, but its cookies stay at home
		a := stranger.Post("/o/authorize/", webtest.Parameters(h.Insight), "Sec-Fetch-Site", "cross-site", "Origin", "https://insight.example")
		if !strings.HasPrefix(a.WantStatus(http.StatusSeeOther).Location(), "/o/consent/?request=") {
			h.Fatalf("Location %q, want the next step", a.Location())
		}
		h.SignedIn(webtest.Ana).Get(a.Location()).WantConsent()
	})
}

// TestPromptNone never shows a page.
func TestPromptNone(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Browser().Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "login_required")
		b := h.SignedIn(webtest.Ben)
		b.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "consent_required")
		b.Connect(h.Insight, h.Atlas)
		b.Authorize(h.Insight, "prompt", "none").WantCode(webtest.Callback)
		b.Authorize(h.Insight, "prompt", "none", "scope", "session:write").WantError(webtest.Callback, "consent_required")
		h.Clock.Advance(time.Second)
		b.Authorize(h.Insight, "prompt", "none", "max_age", "0").WantError(webtest.Callback, "login_required")
		h.SignedIn(webtest.Ana).Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "interaction_required") // which team?
		posted := b.Post("/o/authorize/", webtest.Parameters(h.Insight, "prompt", "none")).WantStatus(http.StatusSeeOther)
		b.Get(posted.Location()).WantCode(webtest.Callback)
	})
}

// TestPromptLoginSignsInAgain, really, whatever session there is, and whatever is done to the address.
func TestPromptLoginSignsInAgain(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, change := range [][]string{{"prompt", "login"}, {"max_age", "0"}, {"max_age", "60"}} {
			b := h.SignedIn(webtest.Ben)
			b.Connect(h.Insight, h.Atlas)
			h.Clock.Advance(61 * time.Second)
			login := b.Authorize(h.Insight, change...).WantSignIn().WantPage(http.StatusOK, "sign in again", webtest.Ben)
			step := "/o/consent/?" + url.Values{"request": {login.Sealed()}}.Encode()
			if a := b.Get(step); a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location(), "/login/") {
				h.Errorf("%v: without a new sign-in, %d to %q, want the sign-in page", change, a.Status, a.Location())
			}
			h.Clock.Advance(time.Second)
			b.SignIn(webtest.Ben, url.Values{"request": {login.Sealed()}}).Follow().WantCode(webtest.Callback)
		}
		b := h.SignedIn(webtest.Ben)
		h.Clock.Advance(59 * time.Second)
		b.Authorize(h.Insight, "max_age", "60").WantCode(webtest.Callback)
	})
}

// TestPromptConsentAsksAgain although a grant covers it.
func TestPromptConsentAsksAgain(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas)
		b.Authorize(h.Insight).WantCode(webtest.Callback)
		b.Authorize(h.Insight, "prompt", "consent").WantConsent().WantPage(http.StatusOK, "agreed to all of this before")
	})
}

// TestPromptSelectAccount offers to continue as this person or to sign in as another.
func TestPromptSelectAccount(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		h.Clock.Advance(time.Minute)
		choose := func() *webtest.Answer {
			return b.Authorize(h.Insight, "prompt", "select_account").WantPage(http.StatusOK, "Insight", "Ben Bakker", webtest.Ben)
		}
		press := func(a *webtest.Answer, decision string) *webtest.Answer {
			return b.Post("/o/select-account/", url.Values{"request": {a.Sealed()}, "decision": {decision}})
		}
		press(choose(), "continue").WantStatus(http.StatusSeeOther).Follow().WantConsent()
		press(choose(), "cancel").WantError(webtest.Callback, "access_denied")
		login := press(choose(), "another").WantStatus(http.StatusSeeOther).Follow().WantPage(http.StatusOK, `name="password"`)
		h.Clock.Advance(time.Second)
		b.SignIn(webtest.Ana, url.Values{"request": {login.Sealed()}}).Follow().WantConsent().WantPage(http.StatusOK, webtest.Ana)

		// Continuing chooses this person, not the person at the browser that takes the next step.
		other := h.SignedIn(webtest.Ben)
		continued := press(b.AuthorizeLater(h.Insight, "prompt", "select_account"), "continue").WantStatus(http.StatusSeeOther)
		other.Get(continued.Location()).WantPage(http.StatusOK, "Which account", webtest.Ben)
	})
}

// TestRememberedConsentAnswersWithoutAPage, and only for what was granted.
func TestRememberedConsentAnswersWithoutAPage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Connect(h.Insight, h.Atlas)
		b.Authorize(h.Insight, "team", "atlas").WantCode(webtest.Callback)
		b.Authorize(h.Insight, "team", "atlas", "scope", "session:read").WantCode(webtest.Callback)
		b.Authorize(h.Insight, "team", "borealis").WantConsent()
		more := b.Authorize(h.Insight, "team", "atlas", "scope", "chatbot:read session:write").WantConsent().
			WantPage(http.StatusOK, "New since you last agreed", "Start conversations")
		more.Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		b.Authorize(h.Insight, "team", "atlas", "scope", "").WantCode(webtest.Callback) // one and the other make all
		if got := h.Grants(); len(got) != 1 || got[0] != "ana@example.org Insight atlas chatbot:read session:read session:write" {
			h.Errorf("grants are %q", got)
		}
	})
}

// TestAuthorizeAndCancel are the two answers of a person.
func TestAuthorizeAndCancel(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		b.Authorize(h.Insight).WantConsent().Decide("cancel", h.Atlas.ID).WantError(webtest.Callback, "access_denied")
		if got := h.Grants(); len(got) != 0 {
			h.Errorf("Cancel left the grants %q", got)
		}
		b.Authorize(h.Insight).WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		if got := h.Grants(); len(got) != 1 {
			h.Errorf("Authorize left the grants %q, want one", got)
		}
		b.Authorize(h.Insight).Decide("perhaps", h.Atlas.ID).WantPage(http.StatusBadRequest, "decision must be")
	})
}

// TestConsentIsForThePersonWhoSawThePage: another one at the same browser has to look for themselves.
func TestConsentIsForThePersonWhoSawThePage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		page := b.Authorize(h.Insight).WantConsent()
		b.SignIn(webtest.Ben, nil).WantStatus(http.StatusSeeOther)
		page.Decide("authorize", h.Atlas.ID).WantPage(http.StatusUnprocessableEntity, webtest.Ben)
		b.Post("/logout/", nil).WantStatus(http.StatusOK)
		page.Decide("authorize", h.Atlas.ID).WantSignIn()
		if got := h.Grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
	})
}

// TestPendingRequestsCannotBeEditedAndExpire.
func TestPendingRequestsCannotBeEditedAndExpire(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		page := b.Authorize(h.Insight).WantConsent()
		sealed := page.Sealed()
		flip := sealed[:len(sealed)-2] + map[bool]string{true: "AA", false: "BB"}[sealed[len(sealed)-2:] != "AA"]
		code := b.Connect(h.Insight, h.Atlas)
		for _, forged := range []string{"", "x", flip, sealed + "A", code, strings.TrimPrefix(code, "gh_ac_")} {
			for _, a := range []*webtest.Answer{
				b.Get("/o/consent/?" + url.Values{"request": {forged}}.Encode()),
				b.Post("/o/consent/", url.Values{"request": {forged}, "team": {string(h.Atlas.ID)}, "decision": {"authorize"}}),
				b.Post("/o/consent/", url.Values{"request": {forged}, "decision": {"cancel"}}),
			} {
				a.WantPage(http.StatusBadRequest, "no longer valid")
			}
		}
		h.Clock.Advance(time.Hour)
		page.Decide("authorize", h.Atlas.ID).WantPage(http.StatusBadRequest, "no longer valid")
		page.Decide("cancel", team.ID("")).WantPage(http.StatusBadRequest, "no longer valid")
	})
}

// TestClientIsCheckedAgainAtEveryStep: what was true when the request began may have ended since.
func TestClientIsCheckedAgainAtEveryStep(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		page := b.Authorize(h.Insight).WantConsent()
		_, err := h.Registry.UpdateClient(h.Context(), team.CommandLine, h.Insight.ID, client.Change{RedirectURIs: []string{"https://insight.example/new"}})
		h.OK(err)
		page.Decide("authorize", h.Atlas.ID).WantPage(http.StatusBadRequest, "not registered")

		page = b.Authorize(h.Pocket).WantConsent()
		h.OK(h.DB.DisableClient(h.Context(), h.Pocket.ID, h.Clock.Now()))
		page.Decide("authorize", h.Atlas.ID).WantPage(http.StatusBadRequest, "disabled")
		if got := h.Grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
	})
}
