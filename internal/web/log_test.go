package web_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/prometheus/client_golang/prometheus"
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
		secret(got.AccessToken, strings.Split(got.AccessToken, ".")[2], got.RefreshToken)
		connected := h.lifeOfAConnection(b, secret)
		h.redeem(h.insight, code).wantStatus(http.StatusBadRequest)
		h.redeem(h.insight, burned, "code_verifier", otherVerifier).wantStatus(http.StatusBadRequest)

		// In the wrong places: everything that any parameter takes.
		for _, misplaced := range []string{h.insight.secret, other, verifier, password, got.AccessToken, connected.RefreshToken, connected.IDToken} {
			for _, name := range []string{
				"client_id", "redirect_uri", "response_type", "code_challenge", "code_challenge_method", "scope", "team", "prompt", "max_age", "nonce", "state", "request",
				"request_uri", "response_mode", "login_hint", "id_token_hint", "acr_values", "ui_locales", "dpop_jkt", "resource",
			} {
				b.authorize(h.insight, name, misplaced)
				h.push(h.insight, name, misplaced)
			}
			for _, path := range []string{"/o/token/", "/o/revoke_token/", "/o/introspect/", "/o/par/"} {
				for _, name := range []string{"token", "refresh_token", "client_id", "client_secret", "client_assertion", "client_assertion_type", "token_type_hint", "scope", "resource"} {
					h.call(path, h.insight, "grant_type", "refresh_token", "refresh_token", "x", "token", "x", name, misplaced)
				}
				h.program().post(path, asClient(h.insight, "token", misplaced), "DPoP", misplaced)
			}
			h.program().get("/o/userinfo/?access_token="+misplaced, "Authorization", "DPoP "+misplaced, "DPoP", misplaced)
			h.userInfo(misplaced)
			for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "request"} {
				b.get("/o/logout/?" + pairs(name, misplaced).Encode())
				b.post("/o/logout/", pairs(name, misplaced))
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
		events, err := h.db.Events(h.Context(), audit.Filter{Limit: 100_000})
		h.ok(err)
		trail := asJSON(h, events)
		for _, s := range secrets {
			if i := strings.Index(logged, s); i >= 0 {
				h.Errorf("the log has %q: %s", s, line(logged, i))
			}
			if strings.Contains(trail, s) {
				h.Errorf("the audit trail has %q", s)
			}
		}
		if len(events) < 10 {
			h.Errorf("there are only %d events", len(events))
		}
		for _, wanted := range []string{`"path":"/o/token/"`, `"path":"/login/"`, `"client_id":"` + string(h.insight.ID) + `"`, `"error":"invalid_grant"`, `"cause":`} {
			if !strings.Contains(logged, wanted) {
				h.Errorf("the log has no %s", wanted)
			}
		}
	})
}

// lifeOfAConnection is all that can be done with a connection and beside it, well and badly. secret hears of every secret on the way.
func (h *house) lifeOfAConnection(b *browser, secret func(...string)) tokens {
	h.Helper()
	got := b.connection(h.insight, h.atlas, "scope", "openid email chatbot:read", "nonce", "a-nonce-of-the-client")
	secret(got.AccessToken, got.RefreshToken, got.IDToken, "a-nonce-of-the-client")
	next := h.refresh(h.insight, got.RefreshToken).wantTokens()
	secret(next.AccessToken, next.RefreshToken, next.IDToken)
	h.userInfo(next.AccessToken).wantStatus(http.StatusOK)
	h.refresh(h.notes, next.RefreshToken).wantStatus(http.StatusBadRequest)
	h.introspect(h.insight, next.AccessToken)
	h.introspect(h.notes, next.RefreshToken)
	h.clock.advance(time.Minute)
	h.refresh(h.insight, got.RefreshToken).wantStatus(http.StatusBadRequest) // a replay
	h.userInfo(next.AccessToken).wantStatus(http.StatusUnauthorized)
	h.call("/o/revoke_token/", h.insight, "token", next.RefreshToken).wantOK()

	keyed := h.newKeyed(client.Registration{Name: "Keyed job", Machine: true, Team: h.atlas})
	assertion := keyed.assertion(h, nil)
	secret(assertion)
	machine := h.program().post("/o/token/", by(assertion, pairs("grant_type", "client_credentials"))).wantTokens()
	h.program().post("/o/token/", by(assertion, pairs("grant_type", "client_credentials"))).wantStatus(http.StatusUnauthorized)
	secret(machine.AccessToken)
	h.program().post("/o/revoke_token/", by(keyed.assertion(h, nil), pairs("token", machine.AccessToken))).wantOK()

	requestURI := h.push(h.insight).wantRequestURI()
	secret(strings.TrimPrefix(requestURI, "urn:ietf:params:oauth:request_uri:"))
	b.authorizePushed(h.insight, requestURI)
	b.authorizePushed(h.notes, requestURI)

	p := h.newProver()
	bound := p.post("/o/token/", tokenRequest(h.insight, b.connect(h.insight, h.atlas, "scope", "openid"))).wantTokensOfType("DPoP")
	secret(bound.AccessToken, bound.RefreshToken, bound.IDToken, p.proof(http.MethodPost, "/o/token/", nil))
	p.userInfo(bound.AccessToken).wantStatus(http.StatusOK)
	h.userInfo(bound.AccessToken).wantStatus(http.StatusUnauthorized)

	posted := b.authorize(h.insight, "response_mode", "form_post", "team", "atlas").wantFormPost(callback)
	secret(posted.Get("code"))
	fresh := h.redeem(h.insight, posted.Get("code")).wantTokens()
	secret(fresh.AccessToken, fresh.RefreshToken)
	last := b.connection(h.insight, h.atlas, "scope", "openid")
	secret(last.AccessToken, last.RefreshToken, last.IDToken)
	h.browser().get(logoutURL("id_token_hint", last.IDToken)).wantStatus(http.StatusOK)
	return last
}

// TestAuditTrailSaysWhoFromWhereAndInWhichRequest.
func TestAuditTrailSaysWhoFromWhereAndInWhichRequest(t *testing.T) {
	onBoth(t, func(h *house) {
		person, err := h.directory.UserByEmail(h.Context(), team.CommandLine, ben)
		h.ok(err)
		b := h.browser()
		requests := map[audit.Kind]*answer{audit.SignedIn: b.signIn(ben, nil)}
		requests[audit.SignInFailed] = h.browser().signIn(ben, url.Values{"password": {"wrong"}})
		requests[audit.ConsentDenied] = b.authorize(h.insight).wantConsent().decide("cancel", "")
		given := b.authorize(h.insight).wantConsent().decide("authorize", h.atlas.ID)
		requests[audit.ConsentGiven] = given
		requests[audit.TokenIssued] = h.redeem(h.insight, given.wantCode(callback))
		got := requests[audit.TokenIssued].wantTokens()
		requests[audit.TokenRefreshed] = h.refresh(h.insight, got.RefreshToken)
		requests[audit.CodeReplayed] = h.redeem(h.insight, given.wantCode(callback))
		requests[audit.MachineToken] = h.machineToken(h.newMachine())
		requests[audit.ClientAuthFailed] = h.refresh(h.insight, "x", "client_secret", "gh_cs_wrong")
		other := b.connection(h.notes, h.atlas)
		requests[audit.TokenRevoked] = h.call("/o/revoke_token/", h.notes, "token", other.AccessToken)
		requests[audit.SignedOut] = b.post("/logout/", nil)
		actors := map[audit.Kind]string{
			audit.SignedIn: string(person.ID), audit.SignInFailed: "", audit.ConsentDenied: string(person.ID), audit.ConsentGiven: string(person.ID),
			audit.TokenIssued: "client:" + string(h.insight.ID), audit.TokenRefreshed: "client:" + string(h.insight.ID), audit.CodeReplayed: "client:" + string(h.insight.ID),
			audit.TokenRevoked: "client:" + string(h.notes.ID), audit.ClientAuthFailed: "", audit.SignedOut: string(person.ID),
		}
		for kind, a := range requests {
			events, err := h.db.Events(h.Context(), audit.Filter{Kind: kind})
			h.ok(err)
			id := a.header.Get("X-Request-Id")
			i := slices.IndexFunc(events, func(e audit.Event) bool { return e.RequestID == id })
			if i < 0 {
				h.Errorf("%s: none of %d events is of the request (status %d)", kind, len(events), a.status)
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

// TestMistakesOfStrangersAreNoErrorsOfOurs: nobody can wake the operator from outside.
func TestMistakesOfStrangersAreNoErrorsOfOurs(t *testing.T) {
	onBoth(t, func(h *house) {
		h.browser().get("/o/userinfo/").wantStatus(http.StatusUnauthorized)
		h.browser().get("/o/userinfo/", "Authorization", "Bearer x").wantStatus(http.StatusUnauthorized)
		h.browser().get("/o/userinfo/", "Authorization", "DPoP x").wantStatus(http.StatusUnauthorized)
		for path, status := range map[string]int{
			"/logout/": http.StatusBadRequest, "/login/": http.StatusBadRequest, "/o/token/": http.StatusBadRequest, "/o/userinfo/": http.StatusBadRequest,
		} {
			if got := h.cutOff(path); got != status {
				h.Errorf("POST %s with half a body: status %d, want %d", path, got, status)
			}
		}
		if log := h.log.String(); strings.Contains(log, `"level":"ERROR"`) {
			h.Errorf("the log says\n%s", log)
		}
	})
}

// cutOff is the status of a POST whose body ends too early.
func (h *house) cutOff(path string) int {
	h.Helper()
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	h.ok(err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\na=", path)
	h.ok(err)
	h.ok(conn.(*net.TCPConn).CloseWrite())
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.ok(err)
	defer response.Body.Close()
	return response.StatusCode
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
