package endpoint_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestPushedRequestIsWhatCounts: of the address only client_id and request_uri are read.
func TestPushedRequestIsWhatCounts(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		for name, a := range map[string]*webtest.Answer{
			"in the body": h.Push(h.Insight, "scope", "session:read", "team", "borealis"),
			"by Basic": h.Program().Post("/o/par/", webtest.Parameters(h.Insight, "scope", "session:read", "team", "borealis"),
				"Authorization", webtest.Basic(string(h.Insight.ID), h.Insight.Secret)),
			"without client_id": h.Program().Post("/o/par/", webtest.Parameters(h.Insight, "scope", "session:read", "team", "borealis", "client_id", ""),
				"Authorization", webtest.Basic(string(h.Insight.ID), h.Insight.Secret)),
		} {
			h.Log(name)
			page := b.AuthorizePushed(h.Insight, a.WantRequestURI(), "scope", "session:write", "team", "atlas", "redirect_uri", "https://evil.example", "state", "other", "prompt", "consent")
			if page.Location() != "" { // agreed to before
				page.WantCode(webtest.Callback)
				continue
			}
			code := page.WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
			if got := h.Redeem(h.Insight, code).WantTokens(); got.Scope != "session:read" || got.Team != "borealis" {
				h.Errorf("got %q in %q", got.Scope, got.Team)
			}
		}
		public := b.AuthorizePushed(h.Pocket, h.Push(h.Pocket).WantRequestURI()).WantConsent().Decide("authorize", h.Atlas.ID).WantCode(h.Pocket.RedirectURI)
		h.Redeem(h.Pocket, public).WantTokens()
	})
}

// TestPushedRequestIsCheckedAtOnce, and the error is for the client, not for the person.
func TestPushedRequestIsCheckedAtOnce(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
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
			h.Push(h.Insight, row.change...).WantJSON(http.StatusBadRequest, row.code)
		}
		if a := h.Push(h.NewMachine(), "redirect_uri", "https://x.example/"); a.Status != http.StatusBadRequest {
			h.Errorf("a machine: status %d", a.Status)
		}
		h.Push(h.Insight, "client_secret", "gh_cs_wrong").WantJSON(http.StatusUnauthorized, "invalid_client")
		h.Push(h.Insight, "client_id", "nobody").WantJSON(http.StatusUnauthorized, "invalid_client")
		h.Program().Post("/o/par/", webtest.Parameters(h.Insight)).WantJSON(http.StatusUnauthorized, "invalid_client") // unsigned, so to say
		h.Program().Post("/o/par/", webtest.Parameters(h.Insight, "client_id", string(h.Notes.ID)), "Authorization", webtest.Basic(string(h.Insight.ID), h.Insight.Secret)).
			WantJSON(http.StatusBadRequest, "invalid_request")
		h.Program().Post("/o/par/?"+webtest.Pushed(h.Insight).Encode(), nil).WantJSON(http.StatusBadRequest, "invalid_request")
		h.Program().Get("/o/par/").WantJSON(http.StatusMethodNotAllowed, "invalid_request")
	})
}

// TestRequestURIsThatWereNotPushedHere, or by another client, or too long ago.
func TestRequestURIsThatWereNotPushedHere(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas)
		requestURI := h.Push(h.Insight).WantRequestURI()
		sealed := b.Authorize(h.Insight, "prompt", "consent").Sealed()
		const prefix = "urn:ietf:params:oauth:request_uri:"
		for _, forged := range []string{prefix, prefix + "x", requestURI + "A", requestURI[:len(requestURI)-3] + "AAA", prefix + sealed} {
			a := b.AuthorizePushed(h.Insight, forged).WantPage(http.StatusBadRequest, "request_uri")
			if a.Location() != "" {
				h.Errorf("redirected to %q", a.Location())
			}
			b.AuthorizePushed(h.Insight, forged, "redirect_uri", webtest.Callback, "response_type", "code", "code_challenge", webtest.Challenge, "code_challenge_method", "S256").
				WantPage(http.StatusBadRequest)
		}
		// A request_uri that is an address is never fetched.
		b.Authorize(h.Insight, "request_uri", "https://insight.example/request.jwt").WantError(webtest.Callback, "request_uri_not_supported")
		b.AuthorizePushed(h.Notes, requestURI).WantPage(http.StatusBadRequest, "another client")
		b.Get("/o/authorize/?"+webtest.Pairs("request_uri", requestURI).Encode()).WantPage(http.StatusBadRequest, "client_id")

		inTime := h.Push(h.Insight).WantRequestURI()
		h.Clock.Advance(89 * time.Second)
		b.AuthorizePushed(h.Insight, inTime).WantCode(webtest.Callback)
		h.Clock.Advance(time.Second)
		b.AuthorizePushed(h.Insight, requestURI).WantError(webtest.Callback, "invalid_request_uri")
	})
}

// TestPushedRequestMakesTheAddressShort, however much was pushed.
func TestPushedRequestMakesTheAddressShort(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, state := range []string{"", strings.Repeat("\x01", 3900)} {
			requestURI := h.Push(h.Insight, "state", state).WantRequestURI()
			address := "/o/authorize/?" + webtest.Pairs("client_id", string(h.Insight.ID), "request_uri", requestURI).Encode()
			if len(address) > 140 {
				h.Errorf("with a state of %d bytes the address has %d: %s", len(state), len(address), address)
			}
		}
	})
}

// TestPushedRequestsAreBounded: the oldest of the same client goes first, and only it, and one address cannot fill a public client's share.
func TestPushedRequestsAreBounded(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		push := func(client webtest.App) string {
			h.Clock.Advance(time.Millisecond)
			return h.Push(client).WantRequestURI()
		}
		other, first, second := push(h.Notes), push(h.Insight), push(h.Insight)
		for range 99 {
			push(h.Insight)
		}
		b.AuthorizePushed(h.Insight, first).WantPage(http.StatusBadRequest, "too old")
		b.AuthorizePushed(h.Insight, second).WantConsent()
		b.AuthorizePushed(h.Notes, other).WantConsent()

		from := func(address string) *webtest.Answer {
			return h.Program().Post("/o/par/", webtest.Pushed(h.Pocket), "X-Forwarded-For", address)
		}
		mine := from("192.0.2.1").WantRequestURI()
		for range 20 {
			from("192.0.2.66").WantRequestURI()
		}
		a := from("192.0.2.66")
		a.WantJSON(http.StatusTooManyRequests, "temporarily_unavailable")
		if a.Header.Get("Retry-After") == "" || !strings.Contains(a.Body, "pushed") {
			h.Errorf("%s, Retry-After %q", a.Body, a.Header.Get("Retry-After"))
		}
		b.AuthorizePushed(h.Pocket, mine).WantConsent()
		h.Push(h.Insight).WantRequestURI()
		h.Clock.Advance(90 * time.Second)
		from("192.0.2.66").WantRequestURI()
	}, webtest.TrustLoopback)
}

// TestRequestURIGivesOneCode (RFC 9126 §7.3): it may be opened again, in any browser, until a code was issued for it.
func TestRequestURIGivesOneCode(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		ana, ben := h.SignedIn(webtest.Ana), h.SignedIn(webtest.Ben)
		requestURI := h.Push(h.Insight).WantRequestURI()
		first := ana.AuthorizePushed(h.Insight, requestURI).WantConsent()
		again, other := ana.AuthorizePushed(h.Insight, requestURI).WantConsent(), ben.AuthorizePushed(h.Insight, requestURI).WantConsent()
		visitor := h.Browser()
		login := visitor.AuthorizePushed(h.Insight, requestURI).WantSignIn()

		again.Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		for name, late := range map[string]func() *webtest.Answer{
			"the same page again": func() *webtest.Answer { return again.Decide("authorize", h.Atlas.ID) },
			"another page":        func() *webtest.Answer { return first.Decide("authorize", h.Atlas.ID) },
			"another browser":     func() *webtest.Answer { return other.Decide("authorize", h.Atlas.ID) },
			"opened again":        func() *webtest.Answer { return ana.AuthorizePushed(h.Insight, requestURI) },
			"in another browser":  func() *webtest.Answer { return h.SignedIn(webtest.Ben).AuthorizePushed(h.Insight, requestURI) },
			"without a session":   func() *webtest.Answer { return h.Browser().AuthorizePushed(h.Insight, requestURI) },
			"after another's login": func() *webtest.Answer {
				return visitor.SignIn(webtest.Ben, url.Values{"request": {login.Sealed()}}).Follow()
			},
		} {
			h.Log(name)
			if says := late().WantError(webtest.Callback, "invalid_request_uri"); !strings.Contains(says, "used up") {
				h.Errorf("%q does not say why", says)
			}
		}
		if grants, err := h.DB.Grants(h.Context(), authz.GrantFilter{Client: h.Insight.ID}); err != nil || len(grants) != 1 {
			h.Errorf("%d grants, %v; want that of the one code", len(grants), err)
		}

		// Consent is remembered now, so each opening could be answered at once: one of them is.
		requestURI = h.Push(h.Insight, "team", "atlas").WantRequestURI()
		var codes, refusals atomic.Int64
		var done sync.WaitGroup
		var browsers []*webtest.Browser
		for range 20 {
			browsers = append(browsers, h.SignedIn(webtest.Ana))
		}
		for _, b := range browsers {
			done.Go(func() {
				switch location := b.AuthorizePushed(h.Insight, requestURI).Location(); {
				case strings.Contains(location, "code="):
					codes.Add(1)
				case strings.Contains(location, "error=invalid_request_uri"):
					refusals.Add(1)
				}
			})
		}
		done.Wait()
		if codes.Load() != 1 || refusals.Load() != 19 {
			h.Errorf("%d codes and %d refusals, want 1 and 19", codes.Load(), refusals.Load())
		}
	})
}

// TestStepsDoNotProlongAPushedRequest: that it was used is remembered for a while only, so it must not live longer, whatever page its seal comes from.
func TestStepsDoNotProlongAPushedRequest(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		late := func(page *webtest.Answer) *webtest.Answer {
			h.Clock.Advance(50 * time.Minute)
			page = b.Post("/o/select-account/", url.Values{"request": {page.Sealed()}, "decision": {"continue"}}).Follow().WantConsent()
			h.Clock.Advance(12 * time.Minute)
			return page.Decide("authorize", h.Atlas.ID)
		}
		late(b.AuthorizePushed(h.Insight, h.Push(h.Insight, "prompt", "select_account").WantRequestURI())).WantPage(http.StatusBadRequest, "too long ago")
		late(b.Authorize(h.Insight, "prompt", "select_account consent")).WantCode(webtest.Callback)
	})
}

// TestPushedRequestOutlivesItselfOnceBegun: the person may take longer over sign-in and consent than the request_uri lives.
func TestPushedRequestOutlivesItselfOnceBegun(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		login := b.AuthorizePushed(h.Insight, h.Push(h.Insight).WantRequestURI()).WantSignIn()
		h.Clock.Advance(5 * time.Minute)
		b.SignIn(webtest.Ana, url.Values{"request": {login.Sealed()}}).Follow().WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
	})
}

// TestClientsThatHaveToPush (RFC 9126 §6).
func TestClientsThatHaveToPush(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		pusher := h.Register(client.Registration{Name: "Pusher", RedirectURIs: []string{"https://pusher.example/cb"}, RequirePAR: true})
		b := h.SignedIn(webtest.Ben)
		for _, prompt := range []string{"", "none"} {
			if says := b.Authorize(pusher, "prompt", prompt).WantError(pusher.RedirectURI, "invalid_request"); !strings.Contains(says, "/o/par/") {
				h.Errorf("%q does not say where", says)
			}
		}
		b.AuthorizePushed(pusher, h.Push(pusher).WantRequestURI()).WantConsent().Decide("authorize", h.Atlas.ID).WantCode(pusher.RedirectURI)
	})
}

// TestDisabledClientCannotUseWhatItPushed.
func TestDisabledClientCannotUseWhatItPushed(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		requestURI := h.Push(h.Insight).WantRequestURI()
		h.OK(h.DB.DisableClient(h.Context(), h.Insight.ID, h.Clock.Now()))
		h.SignedIn(webtest.Ben).AuthorizePushed(h.Insight, requestURI).WantPage(http.StatusBadRequest, "disabled")
		h.Push(h.Insight).WantJSON(http.StatusUnauthorized, "invalid_client")
	})
}

// TestResourceRestrictsTheAudience (RFC 8707): of what is registered for the client, what is asked for; and the token works nowhere else.
func TestResourceRestrictsTheAudience(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		const billing, search = "https://billing.example/api", "https://search.example"
		reporter := h.Register(client.Registration{Name: "Shop", RedirectURIs: []string{"https://shop.example/cb"}, Resources: []string{billing, search}})
		b := h.SignedIn(webtest.Ben)
		audience := func(got webtest.Tokens) any { return h.Claims(got.AccessToken)["aud"] }
		connect := func(resources ...string) webtest.Tokens {
			h.Helper()
			values := webtest.Parameters(reporter, "scope", "openid chatbot:read", "prompt", "consent")
			values["resource"] = resources
			code := b.Get("/o/authorize/?"+values.Encode()).WantConsent().Decide("authorize", h.Atlas.ID).WantCode(reporter.RedirectURI)
			return h.Redeem(reporter, code).WantTokens()
		}
		if got := audience(connect()); got != h.Parts.Issuer {
			h.Errorf("without resource: aud %v", got)
		}
		one := connect(billing)
		if got := audience(one); got != billing {
			h.Errorf("aud %v, want %q", got, billing)
		}
		h.UserInfo(one.AccessToken).WantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		if !h.Live(h.ResourceServer(billing), one.AccessToken) || h.Live(h.ResourceServer(search), one.AccessToken) || h.Live(h.ResourceServer(h.Parts.Issuer), one.AccessToken) {
			h.Error("introspection does not go by the audience")
		}
		if got := audience(h.Refresh(reporter, one.RefreshToken).WantTokens()); got != billing {
			h.Errorf("refreshed: aud %v", got)
		}
		both := connect(billing, search)
		if got := webtest.AsJSON(h, audience(both)); got != webtest.AsJSON(h, []string{billing, search}) {
			h.Errorf("aud %s", got)
		}
		narrowed := h.Refresh(reporter, both.RefreshToken, "resource", search).WantTokens()
		if got := audience(narrowed); got != search {
			h.Errorf("narrowed: aud %v", got)
		}
		h.Refresh(reporter, narrowed.RefreshToken, "resource", "https://elsewhere.example").WantJSON(http.StatusBadRequest, "invalid_target")
		h.Refresh(reporter, one.RefreshToken, "resource", search).WantStatus(http.StatusBadRequest)
		if got := webtest.AsJSON(h, audience(h.Refresh(reporter, narrowed.RefreshToken).WantTokens())); got != webtest.AsJSON(h, []string{billing, search}) {
			h.Errorf("the next: aud %s", got)
		}
		for _, bad := range []string{"https://elsewhere.example", "not a uri", billing + "#x", billing + "/", "/relative"} {
			b.Authorize(reporter, "resource", bad).WantError(reporter.RedirectURI, "invalid_target")
			b.Authorize(h.Insight, "resource", bad).WantError(webtest.Callback, "invalid_target")
		}
		b.Authorize(h.Insight, "resource", billing).WantError(webtest.Callback, "invalid_target") // registered for another reporter
		b.Authorize(h.Insight, "resource", h.Parts.Issuer).WantConsent()

		machine := h.Register(client.Registration{Name: "Biller", Machine: true, Team: h.Atlas, Resources: []string{billing}})
		if got := audience(h.MachineToken(machine, "resource", billing).WantTokens()); got != billing {
			h.Errorf("a machine: aud %v", got)
		}
		h.MachineToken(machine, "resource", search).WantJSON(http.StatusBadRequest, "invalid_target")
	})
}
