package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
	"github.com/prometheus/client_golang/prometheus"
)

// TestNoSecretIsEverLogged runs whole flows, with failures and with secrets in the wrong places, and looks for all of it in a log of every level.
func TestNoSecretIsEverLogged(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		var secrets []string
		secret := func(values ...string) {
			for _, v := range values {
				if len(v) < 8 {
					h.Fatalf("%q is too short to be looked for", v)
				}
				secrets = append(secrets, v, url.QueryEscape(v))
			}
		}
		const wrongPassword, otherVerifier = "not my password at all", "another-verifier-that-is-long-enough-for-43-chars"
		header := webtest.Basic(string(h.Insight.ID), h.Insight.Secret)
		secret(webtest.Password, wrongPassword, webtest.Verifier, otherVerifier, h.Insight.Secret, h.Notes.Secret, strings.TrimPrefix(header, "Basic "))

		b := h.Browser()
		login := b.Authorize(h.Insight).WantSignIn()
		secret(login.Sealed())
		b.SignIn(webtest.Ana, url.Values{"password": {wrongPassword}, "request": {login.Sealed()}}).WantStatus(http.StatusUnprocessableEntity)
		b.SignIn(wrongPassword, url.Values{"password": {webtest.Ana}}).WantStatus(http.StatusUnprocessableEntity) // in the wrong field
		for range 11 {
			h.Browser().SignIn(webtest.Cleo, url.Values{"password": {wrongPassword}})
		}
		page := b.SignIn(webtest.Ana, url.Values{"request": {login.Sealed()}}).Follow().WantConsent()
		for _, c := range b.Client.Jar.Cookies(page.Request.URL) {
			secret(c.Value)
		}
		code := page.Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		other, burned := b.Connect(h.Insight, h.Atlas), b.Connect(h.Insight, h.Borealis)
		secret(code, other, burned)

		h.Redeem(h.Insight, code, "client_secret", h.Notes.Secret).WantStatus(http.StatusUnauthorized)
		h.Redeem(h.Notes, code).WantStatus(http.StatusBadRequest)
		got := h.Program().Post("/o/token/", webtest.TokenRequest(h.Insight, code, "client_id", "", "client_secret", ""), "Authorization", header).WantTokens()
		secret(got.AccessToken, strings.Split(got.AccessToken, ".")[2], got.RefreshToken)
		connected := h.LifeOfAConnection(b, secret)
		h.Redeem(h.Insight, code).WantStatus(http.StatusBadRequest)
		h.Redeem(h.Insight, burned, "code_verifier", otherVerifier).WantStatus(http.StatusBadRequest)

		// In the wrong places: everything that any parameter takes.
		for _, misplaced := range []string{h.Insight.Secret, other, webtest.Verifier, webtest.Password, got.AccessToken, connected.RefreshToken, connected.IDToken} {
			for _, name := range []string{
				"client_id", "redirect_uri", "response_type", "code_challenge", "code_challenge_method", "scope", "team", "prompt", "max_age", "nonce", "state", "request",
				"request_uri", "response_mode", "login_hint", "id_token_hint", "acr_values", "ui_locales", "dpop_jkt", "resource",
			} {
				b.Authorize(h.Insight, name, misplaced)
				h.Push(h.Insight, name, misplaced)
			}
			for _, path := range []string{"/o/token/", "/o/revoke_token/", "/o/introspect/", "/o/par/"} {
				for _, name := range []string{"token", "refresh_token", "client_id", "client_secret", "client_assertion", "client_assertion_type", "token_type_hint", "scope", "resource"} {
					h.Call(path, h.Insight, "grant_type", "refresh_token", "refresh_token", "x", "token", "x", name, misplaced)
				}
				h.Program().Post(path, webtest.AsClient(h.Insight, "token", misplaced), "DPoP", misplaced)
			}
			h.Program().Get("/o/userinfo/?access_token="+misplaced, "Authorization", "DPoP "+misplaced, "DPoP", misplaced)
			h.UserInfo(misplaced)
			for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "request"} {
				b.Get("/o/logout/?" + webtest.Pairs(name, misplaced).Encode())
				b.Post("/o/logout/", webtest.Pairs(name, misplaced))
			}
			for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"} {
				h.Redeem(h.Insight, other, name, misplaced)
			}
			b.Post("/o/token/?"+url.Values{"client_secret": {misplaced}}.Encode(), nil)
			b.Do(http.MethodPost, "/o/token/", `{"client_secret":"`+misplaced+`"}`, "Content-Type", "application/json")
			b.Post("/o/token/", webtest.TokenRequest(h.Insight, other), "Authorization", "Bearer "+misplaced)
			b.Post("/o/consent/", url.Values{"request": {misplaced}, "team": {misplaced}, "decision": {misplaced}})
			b.Get("/?" + url.Values{"access_token": {misplaced}}.Encode())
			b.Get("/login/?" + url.Values{"next": {misplaced}, "request": {misplaced}}.Encode())
			b.Get("/", "Authorization", "Bearer "+misplaced, "X-Request-Id", misplaced, "Cookie", browser.CookieName(h.Parts.Issuer, browser.SessionCookie)+"="+misplaced)
		}
		b.Post("/logout/", nil)

		taken, _ := h.Requests.Take()
		h.OK(h.DB.SaveFailures(h.Context(), taken))
		failures, err := h.Registry.Failures(h.Context(), team.CommandLine, h.Insight.ID)
		h.OK(err)
		kept := webtest.AsJSON(h, failures)
		logged := h.Logged.String()
		events, err := h.DB.Events(h.Context(), audit.Filter{Limit: 100_000})
		h.OK(err)
		trail := webtest.AsJSON(h, events)
		for _, s := range secrets {
			if i := strings.Index(logged, s); i >= 0 {
				h.Errorf("the log has %q: %s", s, line(logged, i))
			}
			if strings.Contains(trail, s) {
				h.Errorf("the audit trail has %q", s)
			}
			if i := strings.Index(kept, s); i >= 0 {
				h.Errorf("the failed requests have %q: %s", s, kept[max(0, i-200):i])
			}
		}
		if len(failures) < 20 {
			h.Errorf("there are only %d failures", len(failures))
		}
		if len(events) < 10 {
			h.Errorf("there are only %d events", len(events))
		}
		for _, wanted := range []string{`"path":"/o/token/"`, `"path":"/login/"`, `"client_id":"` + string(h.Insight.ID) + `"`, `"error":"invalid_grant"`, `"cause":`} {
			if !strings.Contains(logged, wanted) {
				h.Errorf("the log has no %s", wanted)
			}
		}
	})
}

// TestAuditTrailSaysWhoFromWhereAndInWhichRequest.
func TestAuditTrailSaysWhoFromWhereAndInWhichRequest(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		person, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		b := h.Browser()
		requests := map[audit.Kind]*webtest.Answer{audit.SignedIn: b.SignIn(webtest.Ben, nil)}
		requests[audit.SignInFailed] = h.Browser().SignIn(webtest.Ben, url.Values{"password": {"wrong"}})
		requests[audit.ConsentDenied] = b.Authorize(h.Insight).WantConsent().Decide("cancel", "")
		given := b.Authorize(h.Insight).WantConsent().Decide("authorize", h.Atlas.ID)
		requests[audit.ConsentGiven] = given
		requests[audit.TokenIssued] = h.Redeem(h.Insight, given.WantCode(webtest.Callback))
		got := requests[audit.TokenIssued].WantTokens()
		requests[audit.TokenRefreshed] = h.Refresh(h.Insight, got.RefreshToken)
		requests[audit.CodeReplayed] = h.Redeem(h.Insight, given.WantCode(webtest.Callback))
		requests[audit.MachineToken] = h.MachineToken(h.NewMachine())
		requests[audit.ClientAuthFailed] = h.Refresh(h.Insight, "x", "client_secret", "gh_cs_wrong")
		other := b.Connection(h.Notes, h.Atlas)
		requests[audit.TokenRevoked] = h.Call("/o/revoke_token/", h.Notes, "token", other.AccessToken)
		requests[audit.SignedOut] = b.Post("/logout/", nil)
		actors := map[audit.Kind]string{
			audit.SignedIn: string(person.ID), audit.SignInFailed: "", audit.ConsentDenied: string(person.ID), audit.ConsentGiven: string(person.ID),
			audit.TokenIssued: "client:" + string(h.Insight.ID), audit.TokenRefreshed: "client:" + string(h.Insight.ID), audit.CodeReplayed: "client:" + string(h.Insight.ID),
			audit.TokenRevoked: "client:" + string(h.Notes.ID), audit.ClientAuthFailed: "", audit.SignedOut: string(person.ID),
		}
		for kind, a := range requests {
			events, err := h.DB.Events(h.Context(), audit.Filter{Kind: kind})
			h.OK(err)
			id := a.Header.Get("X-Request-Id")
			i := slices.IndexFunc(events, func(e audit.Entry) bool { return e.RequestID == id })
			if i < 0 {
				h.Errorf("%s: none of %d events is of the request (status %d)", kind, len(events), a.Status)
				continue
			}
			if want, known := actors[kind]; events[i].Address != "127.0.0.1" || known && events[i].Actor != want {
				h.Errorf("%s: by %q from %q, want %q", kind, events[i].Actor, events[i].Address, want)
			}
		}
	})
}

// line is the line of a text around a place.
func line(text string, i int) string {
	start := strings.LastIndexByte(text[:i], '\n') + 1
	rest, _, _ := strings.Cut(text[start:], "\n")
	return rest
}

// TestAccessLogSaysWhoWhatAndHowItEnded.
func TestAccessLogSaysWhoWhatAndHowItEnded(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		code := h.SignedIn(webtest.Ana).Connect(h.Insight, h.Atlas)
		a := h.Redeem(h.Insight, code)
		var last map[string]any
		lines := strings.Split(strings.TrimSpace(h.Logged.String()), "\n")
		h.OK(json.Unmarshal([]byte(lines[len(lines)-1]), &last))
		delete(last, "time")
		for name, want := range map[string]any{
			"level": "INFO", "msg": "request", "request_id": a.Header.Get("X-Request-Id"), "method": "POST", "path": "/o/token/", "status": 200.0,
			"duration": 0.0, "bytes": float64(len(a.Body)), "address": "127.0.0.1", "client_id": string(h.Insight.ID),
		} {
			if last[name] != want {
				h.Errorf("%s is %v, want %v", name, last[name], want)
			}
			delete(last, name)
		}
		if len(last) > 0 {
			h.Errorf("the line also says %v", last)
		}
	})
}

// TestMistakesOfStrangersAreNoErrorsOfOurs: nobody can wake the operator from outside.
func TestMistakesOfStrangersAreNoErrorsOfOurs(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Browser().Get("/o/userinfo/").WantStatus(http.StatusUnauthorized)
		h.Browser().Get("/o/userinfo/", "Authorization", "Bearer x").WantStatus(http.StatusUnauthorized)
		h.Browser().Get("/o/userinfo/", "Authorization", "DPoP x").WantStatus(http.StatusUnauthorized)
		for path, status := range map[string]int{
			"/logout/": http.StatusBadRequest, "/login/": http.StatusBadRequest, "/o/token/": http.StatusBadRequest, "/o/userinfo/": http.StatusBadRequest,
		} {
			if got := h.CutOff(path); got != status {
				h.Errorf("POST %s with half a body: status %d, want %d", path, got, status)
			}
		}
		if log := h.Logged.String(); strings.Contains(log, `"level":"ERROR"`) {
			h.Errorf("the log says\n%s", log)
		}
	})
}

// TestMetricsHaveFewLabels, whatever strangers ask for.
func TestMetricsHaveFewLabels(t *testing.T) {
	registry := prometheus.NewRegistry()
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		h.Redeem(h.Insight, b.Connect(h.Insight, h.Atlas)).WantTokens()
		for _, path := range []string{"/a", "/b", "/docs/guide", "/docs/x", "/docs/y/", "/static/z", "/o/token", "/o/token/"} {
			b.Get(path)
			b.Do("BREW", path, "")
		}
		routes, methods, token := map[string]bool{}, map[string]bool{}, false
		families, err := registry.Gather()
		h.OK(err)
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				labels := map[string]string{}
				for _, l := range metric.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}
				routes[labels["route"]], methods[labels["method"]] = true, true
				token = token || labels["route"] == "/o/token/" && labels["method"] == "POST" && labels["status"] == "200" && metric.GetHistogram().GetSampleCount() > 0
			}
		}
		for route := range routes {
			switch route {
			case "/", "/docs/{page}/", "/static/", "/o/token/", "/o/authorize/", "/o/consent/", "/login/":
			default:
				h.Errorf("there is a route %q", route)
			}
		}
		if !methods["other"] || methods["BREW"] || !token {
			h.Errorf("methods are %v; a token was counted: %v", methods, token)
		}
	}, func(p *web.Parts) { p.Metrics = registry })
}
