package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/internal/web"
)

// TestNoSecretIsEverLogged runs whole flows, with failures and with secrets in the wrong places, and looks for all of it in a log of every level.
func TestNoSecretIsEverLogged(t *testing.T) {
	onBoth(t, func(h *house) {
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
		header := basic(string(h.insight.ID), h.insight.secret)
		secret(password, wrongPassword, verifier, otherVerifier, h.insight.secret, h.notes.secret, strings.TrimPrefix(header, "Basic "))

		b := h.browser()
		login := b.authorize(h.insight).wantSignIn()
		secret(login.sealed())
		b.signIn(ana, url.Values{"password": {wrongPassword}, "request": {login.sealed()}}).wantStatus(http.StatusUnprocessableEntity)
		b.signIn(wrongPassword, url.Values{"password": {ana}}).wantStatus(http.StatusUnprocessableEntity) // in the wrong field
		for range 11 {
			h.browser().signIn(cleo, url.Values{"password": {wrongPassword}})
		}
		page := b.signIn(ana, url.Values{"request": {login.sealed()}}).follow().wantConsent()
		for _, c := range b.client.Jar.Cookies(page.request.URL) {
			secret(c.Value)
		}
		code := page.decide("authorize", h.atlas.ID).wantCode(callback)
		other, burned := b.connect(h.insight, h.atlas), b.connect(h.insight, h.borealis)
		secret(code, other, burned)

		h.redeem(h.insight, code, "client_secret", h.notes.secret).wantStatus(http.StatusUnauthorized)
		h.redeem(h.notes, code).wantStatus(http.StatusBadRequest)
		got := h.program().post("/o/token/", tokenRequest(h.insight, code, "client_id", "", "client_secret", ""), "Authorization", header).wantTokens()
		secret(got.AccessToken, strings.Split(got.AccessToken, ".")[2])
		h.redeem(h.insight, code).wantStatus(http.StatusBadRequest)
		h.redeem(h.insight, burned, "code_verifier", otherVerifier).wantStatus(http.StatusBadRequest)

		// In the wrong places: everything that any parameter takes.
		for _, misplaced := range []string{h.insight.secret, other, verifier, password, got.AccessToken} {
			for _, name := range []string{"client_id", "redirect_uri", "response_type", "code_challenge", "code_challenge_method", "scope", "team", "prompt", "max_age", "nonce", "state", "request", "request_uri", "response_mode"} {
				b.authorize(h.insight, name, misplaced)
			}
			for _, name := range []string{"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"} {
				h.redeem(h.insight, other, name, misplaced)
			}
			b.post("/o/token/?"+url.Values{"client_secret": {misplaced}}.Encode(), nil)
			b.do(http.MethodPost, "/o/token/", `{"client_secret":"`+misplaced+`"}`, "Content-Type", "application/json")
			b.post("/o/token/", tokenRequest(h.insight, other), "Authorization", "Bearer "+misplaced)
			b.post("/o/consent/", url.Values{"request": {misplaced}, "team": {misplaced}, "decision": {misplaced}})
			b.get("/?" + url.Values{"access_token": {misplaced}}.Encode())
			b.get("/login/?" + url.Values{"next": {misplaced}, "request": {misplaced}}.Encode())
			b.get("/", "Authorization", "Bearer "+misplaced, "X-Request-Id", misplaced, "Cookie", "gatehouse_session="+misplaced)
		}
		b.post("/logout/", nil)

		logged := h.log.String()
		for _, s := range secrets {
			if i := strings.Index(logged, s); i >= 0 {
				h.Errorf("the log has %q: %s", s, line(logged, i))
			}
		}
		for _, wanted := range []string{`"path":"/o/token/"`, `"path":"/login/"`, `"client_id":"` + string(h.insight.ID) + `"`, `"error":"invalid_grant"`, `"cause":`} {
			if !strings.Contains(logged, wanted) {
				h.Errorf("the log has no %s", wanted)
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
	onBoth(t, func(h *house) {
		code := h.signedIn(ana).connect(h.insight, h.atlas)
		a := h.redeem(h.insight, code)
		var last map[string]any
		lines := strings.Split(strings.TrimSpace(h.log.String()), "\n")
		h.ok(json.Unmarshal([]byte(lines[len(lines)-1]), &last))
		delete(last, "time")
		for name, want := range map[string]any{
			"level": "INFO", "msg": "request", "request_id": a.header.Get("X-Request-Id"), "method": "POST", "path": "/o/token/", "status": 200.0,
			"duration": 0.0, "bytes": float64(len(a.body)), "address": "127.0.0.1", "client_id": string(h.insight.ID),
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

// TestMetricsHaveFewLabels, whatever strangers ask for.
func TestMetricsHaveFewLabels(t *testing.T) {
	registry := prometheus.NewRegistry()
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		h.redeem(h.insight, b.connect(h.insight, h.atlas)).wantTokens()
		for _, path := range []string{"/a", "/b", "/docs/guide", "/docs/x", "/docs/y/", "/static/z", "/o/token", "/o/token/"} {
			b.get(path)
			b.do("BREW", path, "")
		}
		routes, methods, token := map[string]bool{}, map[string]bool{}, false
		families, err := registry.Gather()
		h.ok(err)
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
