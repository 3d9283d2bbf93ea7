package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// Pushed authorization requests (RFC 9126) and resource indicators (RFC 8707).

// pushed is a form for the PAR endpoint: an authorization request of a client that authenticates in the body.
func pushed(client app, changes ...string) url.Values {
	form := parameters(client, changes...)
	if client.secret != "" && !form.Has("client_secret") {
		form.Set("client_secret", client.secret)
	}
	return form
}

// wantRequestURI is the answer to a pushed request.
func (a *answer) wantRequestURI() string {
	a.Helper()
	a.wantStatus(http.StatusCreated)
	var got struct {
		RequestURI string `json:"request_uri"`
		ExpiresIn  int64  `json:"expires_in"`
	}
	a.ok(json.Unmarshal([]byte(a.body), &got))
	if !strings.HasPrefix(got.RequestURI, "urn:ietf:params:oauth:request_uri:") || got.ExpiresIn != 90 {
		a.Errorf("the answer is %s", a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" {
		a.Errorf("headers are %v", a.header)
	}
	return got.RequestURI
}

func (h *house) push(client app, changes ...string) *answer {
	h.Helper()
	return h.program().post("/o/par/", pushed(client, changes...))
}

// authorizePushed goes to the authorization endpoint with a request_uri.
func (b *browser) authorizePushed(client app, requestURI string, more ...string) *answer {
	b.Helper()
	return b.get("/o/authorize/?" + pairs(append([]string{"client_id", string(client.ID), "request_uri", requestURI}, more...)...).Encode())
}

// TestPushedRequestIsWhatCounts: of the address only client_id and request_uri are read.
func TestPushedRequestIsWhatCounts(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		for name, a := range map[string]*answer{
			"in the body": h.push(h.insight, "scope", "session:read", "team", "borealis"),
			"by Basic": h.program().post("/o/par/", parameters(h.insight, "scope", "session:read", "team", "borealis"),
				"Authorization", basic(string(h.insight.ID), h.insight.secret)),
			"without client_id": h.program().post("/o/par/", parameters(h.insight, "scope", "session:read", "team", "borealis", "client_id", ""),
				"Authorization", basic(string(h.insight.ID), h.insight.secret)),
		} {
			h.Log(name)
			page := b.authorizePushed(h.insight, a.wantRequestURI(), "scope", "session:write", "team", "atlas", "redirect_uri", "https://evil.example", "state", "other", "prompt", "consent")
			if page.location() != "" { // agreed to before
				page.wantCode(callback)
				continue
			}
			code := page.wantConsent().decide("authorize", h.atlas.ID).wantCode(callback)
			if got := h.redeem(h.insight, code).wantTokens(); got.Scope != "session:read" || got.Team != "borealis" {
				h.Errorf("got %q in %q", got.Scope, got.Team)
			}
		}
		public := b.authorizePushed(h.pocket, h.push(h.pocket).wantRequestURI()).wantConsent().decide("authorize", h.atlas.ID).wantCode(h.pocket.redirectURI)
		h.redeem(h.pocket, public).wantTokens()
	})
}

// TestPushedRequestIsCheckedAtOnce, and the error is for the client, not for the person.
func TestPushedRequestIsCheckedAtOnce(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, row := range []struct {
			code   string
			change []string
		}{
			{"invalid_request", []string{"redirect_uri", "https://evil.example/"}},
			{"invalid_request", []string{"redirect_uri", ""}},
			{"invalid_request", []string{"response_type", ""}},
			{"unsupported_response_type", []string{"response_type", "token"}},
			{"invalid_request", []string{"code_challenge", ""}},
			{"invalid_request", []string{"code_challenge_method", "plain"}},
			{"invalid_scope", []string{"scope", "nothing"}},
			{"invalid_request", []string{"request_uri", "urn:ietf:params:oauth:request_uri:x"}},
			{"request_not_supported", []string{"request", "eyJhbGciOiJub25lIn0.e30."}},
			{"invalid_target", []string{"resource", "https://elsewhere.example"}},
			{"invalid_request", []string{"prompt", "none login"}},
			{"invalid_request", []string{"state", "a\x00b"}},
		} {
			h.push(h.insight, row.change...).wantJSON(http.StatusBadRequest, row.code)
		}
		if a := h.push(h.newMachine(), "redirect_uri", "https://x.example/"); a.status != http.StatusBadRequest {
			h.Errorf("a machine: status %d", a.status)
		}
		h.push(h.insight, "client_secret", "gh_cs_wrong").wantJSON(http.StatusUnauthorized, "invalid_client")
		h.push(h.insight, "client_id", "nobody").wantJSON(http.StatusUnauthorized, "invalid_client")
		h.program().post("/o/par/", parameters(h.insight)).wantJSON(http.StatusUnauthorized, "invalid_client") // unsigned, so to say
		h.program().post("/o/par/", parameters(h.insight, "client_id", string(h.notes.ID)), "Authorization", basic(string(h.insight.ID), h.insight.secret)).
			wantJSON(http.StatusBadRequest, "invalid_request")
		h.program().post("/o/par/?"+pushed(h.insight).Encode(), nil).wantJSON(http.StatusBadRequest, "invalid_request")
		h.program().get("/o/par/").wantJSON(http.StatusMethodNotAllowed, "invalid_request")
	})
}

// TestRequestURIsThatWereNotPushedHere, or by another client, or too long ago.
func TestRequestURIsThatWereNotPushedHere(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas)
		requestURI := h.push(h.insight).wantRequestURI()
		sealed := b.authorize(h.insight, "prompt", "consent").sealed()
		const prefix = "urn:ietf:params:oauth:request_uri:"
		for _, forged := range []string{prefix, prefix + "x", requestURI + "A", requestURI[:len(requestURI)-3] + "AAA", prefix + sealed} {
			a := b.authorizePushed(h.insight, forged).wantPage(http.StatusBadRequest, "request_uri")
			if a.location() != "" {
				h.Errorf("redirected to %q", a.location())
			}
			b.authorizePushed(h.insight, forged, "redirect_uri", callback, "response_type", "code", "code_challenge", challenge, "code_challenge_method", "S256").
				wantPage(http.StatusBadRequest)
		}
		// A request_uri that is an address is never fetched.
		b.authorize(h.insight, "request_uri", "https://insight.example/request.jwt").wantError(callback, "request_uri_not_supported")
		b.authorizePushed(h.notes, requestURI).wantPage(http.StatusBadRequest, "another client")
		b.get("/o/authorize/?"+pairs("request_uri", requestURI).Encode()).wantPage(http.StatusBadRequest, "client_id")

		h.clock.advance(89 * time.Second)
		b.authorizePushed(h.insight, requestURI).wantCode(callback)
		b.authorizePushed(h.insight, requestURI).wantCode(callback) // a reload of the page is no attack
		h.clock.advance(time.Second)
		b.authorizePushed(h.insight, requestURI).wantError(callback, "invalid_request_uri")
	})
}

// TestPushedRequestOutlivesItselfOnceBegun: the person may take longer over sign-in and consent than the request_uri lives.
func TestPushedRequestOutlivesItselfOnceBegun(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.browser()
		login := b.authorizePushed(h.insight, h.push(h.insight).wantRequestURI()).wantSignIn()
		h.clock.advance(5 * time.Minute)
		b.signIn(ana, url.Values{"request": {login.sealed()}}).follow().wantConsent().decide("authorize", h.atlas.ID).wantCode(callback)
	})
}

// TestClientsThatHaveToPush (RFC 9126 §6).
func TestClientsThatHaveToPush(t *testing.T) {
	onBoth(t, func(h *house) {
		pusher := h.register(client.Registration{Name: "Pusher", RedirectURIs: []string{"https://pusher.example/cb"}, RequirePAR: true})
		b := h.signedIn(ben)
		for _, prompt := range []string{"", "none"} {
			if says := b.authorize(pusher, "prompt", prompt).wantError(pusher.redirectURI, "invalid_request"); !strings.Contains(says, "/o/par/") {
				h.Errorf("%q does not say where", says)
			}
		}
		b.authorizePushed(pusher, h.push(pusher).wantRequestURI()).wantConsent().decide("authorize", h.atlas.ID).wantCode(pusher.redirectURI)
	})
}

// TestDisabledClientCannotUseWhatItPushed.
func TestDisabledClientCannotUseWhatItPushed(t *testing.T) {
	onBoth(t, func(h *house) {
		requestURI := h.push(h.insight).wantRequestURI()
		h.ok(h.db.DisableClient(h.Context(), h.insight.ID, h.clock.now()))
		h.signedIn(ben).authorizePushed(h.insight, requestURI).wantPage(http.StatusBadRequest, "disabled")
		h.push(h.insight).wantJSON(http.StatusUnauthorized, "invalid_client")
	})
}

// TestResourceRestrictsTheAudience (RFC 8707): of what is registered for the client, what is asked for; and the token works nowhere else.
func TestResourceRestrictsTheAudience(t *testing.T) {
	onBoth(t, func(h *house) {
		const billing, search = "https://billing.example/api", "https://search.example"
		reporter := h.register(client.Registration{Name: "Shop", RedirectURIs: []string{"https://shop.example/cb"}, Resources: []string{billing, search}})
		b := h.signedIn(ben)
		audience := func(got tokens) any { return h.claims(got.AccessToken)["aud"] }
		connect := func(resources ...string) tokens {
			h.Helper()
			values := parameters(reporter, "scope", "openid chatbot:read", "prompt", "consent")
			values["resource"] = resources
			code := b.get("/o/authorize/?"+values.Encode()).wantConsent().decide("authorize", h.atlas.ID).wantCode(reporter.redirectURI)
			return h.redeem(reporter, code).wantTokens()
		}
		if got := audience(connect()); got != h.parts.Issuer {
			h.Errorf("without resource: aud %v", got)
		}
		one := connect(billing)
		if got := audience(one); got != billing {
			h.Errorf("aud %v, want %q", got, billing)
		}
		h.userInfo(one.AccessToken).wantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		if !h.live(h.resourceServer(billing), one.AccessToken) || h.live(h.resourceServer(search), one.AccessToken) || h.live(h.resourceServer(h.parts.Issuer), one.AccessToken) {
			h.Error("introspection does not go by the audience")
		}
		if got := audience(h.refresh(reporter, one.RefreshToken).wantTokens()); got != billing {
			h.Errorf("refreshed: aud %v", got)
		}
		both := connect(billing, search)
		if got := asJSON(h, audience(both)); got != asJSON(h, []string{billing, search}) {
			h.Errorf("aud %s", got)
		}
		narrowed := h.refresh(reporter, both.RefreshToken, "resource", search).wantTokens()
		if got := audience(narrowed); got != search {
			h.Errorf("narrowed: aud %v", got)
		}
		h.refresh(reporter, narrowed.RefreshToken, "resource", "https://elsewhere.example").wantJSON(http.StatusBadRequest, "invalid_target")
		h.refresh(reporter, one.RefreshToken, "resource", search).wantStatus(http.StatusBadRequest)
		if got := asJSON(h, audience(h.refresh(reporter, narrowed.RefreshToken).wantTokens())); got != asJSON(h, []string{billing, search}) {
			h.Errorf("the next: aud %s", got)
		}
		for _, bad := range []string{"https://elsewhere.example", "not a uri", billing + "#x", billing + "/", "/relative"} {
			b.authorize(reporter, "resource", bad).wantError(reporter.redirectURI, "invalid_target")
			b.authorize(h.insight, "resource", bad).wantError(callback, "invalid_target")
		}
		b.authorize(h.insight, "resource", billing).wantError(callback, "invalid_target") // registered for another reporter
		b.authorize(h.insight, "resource", h.parts.Issuer).wantConsent()

		machine := h.register(client.Registration{Name: "Biller", Machine: true, Team: h.atlas, Resources: []string{billing}})
		if got := audience(h.machineToken(machine, "resource", billing).wantTokens()); got != billing {
			h.Errorf("a machine: aud %v", got)
		}
		h.machineToken(machine, "resource", search).wantJSON(http.StatusBadRequest, "invalid_target")
	})
}
