package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The tests of this file are named for the threats of RFC 9700 §4 that are answered over HTTP; those of the protocol below it are in authz.

var linked = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)

// RFC 9700 §4.2: credential leakage by Referer. No page of a flow names its address to another site, or loads anything from one.
func TestAttackCredentialLeakageByReferer(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		for name, a := range map[string]*answer{
			"sign-in": h.browser().authorize(h.insight).follow(), "consent": b.authorize(h.insight), "refusal": b.authorize(h.insight, "team", "cobalt"),
			"error": b.authorize(h.insight, "redirect_uri", "https://evil.example/"), "sign-out": b.get("/o/logout/"),
		} {
			if policy := a.header.Get("Referrer-Policy"); policy != "no-referrer" && policy != "same-origin" {
				h.Errorf("%s: Referrer-Policy %q", name, policy)
			}
			for _, link := range linked.FindAllStringSubmatch(a.body, -1) {
				if !strings.HasPrefix(link[1], "/") && !strings.HasPrefix(link[1], "#") || strings.HasPrefix(link[1], "//") {
					h.Errorf("%s leads to %q", name, link[1])
				}
			}
		}
		if a := b.authorize(h.insight).decide("authorize", h.atlas.ID); a.header.Get("Referrer-Policy") != "no-referrer" {
			h.Errorf("the redirect with the code: Referrer-Policy %q", a.header.Get("Referrer-Policy"))
		}
	})
}

// RFC 9700 §4.3: credential leakage by browser history. A code in an address is worth nothing without its verifier, and nothing after its use; a token never is in one.
func TestAttackCredentialLeakageByBrowserHistory(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		a := b.authorize(h.insight, "scope", "openid").decide("authorize", h.atlas.ID)
		code := a.wantCode(callback)
		if cache := a.header.Get("Cache-Control"); cache != "no-store" {
			h.Errorf("the redirect with the code: Cache-Control %q", cache)
		}
		got := h.redeem(h.insight, code).wantTokens()
		h.redeem(h.insight, code, "code_verifier", "").wantJSON(http.StatusBadRequest, "invalid_request")
		h.redeem(h.insight, code, "code_verifier", strings.Repeat("w", 43)).wantJSON(http.StatusBadRequest, "invalid_grant")
		h.userInfo(got.AccessToken).wantStatus(http.StatusOK) // who has the code alone does not end what it gave
		h.program().get("/o/userinfo/?access_token=" + got.AccessToken).wantStatus(http.StatusUnauthorized)
		h.program().post("/o/token/?"+asClient(h.insight, "grant_type", "refresh_token", "refresh_token", got.RefreshToken).Encode(), nil).
			wantJSON(http.StatusBadRequest, "invalid_request")
	})
}

// RFC 9700 §4.6: access token injection. There is no authorization response with a token in it, so none can be injected there.
func TestAttackAccessTokenInjection(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas, "scope", "openid chatbot:read")
		for _, kind := range []string{"token", "id_token", "id_token token", "code token", "code id_token", "code id_token token", "none", "code code", " code", "CODE"} {
			for _, mode := range []string{"", "query", "form_post"} {
				a := b.authorize(h.insight, "response_type", kind, "response_mode", mode, "prompt", "none", "scope", "openid chatbot:read")
				if where := a.location() + a.body; strings.Contains(where, "token=") || strings.Contains(where, "eyJ") || strings.Contains(where, "gh_ac_") {
					h.Errorf("response_type=%q by %q is answered: %s", kind, mode, where)
				}
			}
		}
		for _, mode := range []string{"fragment", "jwt", "query.jwt", "web_message"} {
			if a := b.authorize(h.insight, "response_mode", mode, "prompt", "none"); strings.Contains(a.location(), "#") || strings.Contains(a.location()+a.body, "gh_ac_") {
				h.Errorf("response_mode=%s is answered: %s", mode, a.location())
			}
		}
	})
}

// RFC 9700 §4.12: a redirect that makes the browser send the form again, the password with it.
func TestAttack307Redirect(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.browser()
		login := b.authorize(h.insight, "prompt", "login").wantSignIn()
		signedIn := b.signIn(ana, url.Values{"request": {login.sealed()}})
		page := signedIn.follow().wantConsent()
		posted := []*answer{
			signedIn, page.decide("authorize", h.atlas.ID), page.decide("cancel", ""), b.signIn(ana, url.Values{"next": {"/account/"}}),
			b.post("/o/authorize/", parameters(h.insight)), b.post("/o/authorize/", parameters(h.insight, "scope", "no")), b.post("/o/logout/", nil),
			b.post("/account/password/", pairs("current", password, "new", "another quiet gate", "again", "another quiet gate")),
		}
		for _, a := range posted {
			if a.status != http.StatusSeeOther {
				h.Errorf("POST %s: status %d to %q, want 303", a.request.URL.Path, a.status, a.location())
			}
		}
	})
}

// RFC 9700 §4.13: TLS-terminating proxies. Whoever is none cannot speak for one: not for another address, another host, or another person.
func TestAttackHeadersOfAProxy(t *testing.T) {
	onBoth(t, func(h *house) {
		statuses := map[int]int{}
		for i := range 12 {
			address := "203.0.113." + strconv.Itoa(i)
			a := h.browser().signIn(ana, url.Values{"password": {"wrong"}})
			statuses[a.status]++
			forged := h.browser().post("/login/", url.Values{"email": {ana}, "password": {"wrong"}},
				"X-Forwarded-For", address, "Forwarded", "for="+address, "X-Real-Ip", address, "X-Client-Cert", "x", "X-Remote-User", ana, "Remote-User", ana)
			statuses[forged.status]++
		}
		if statuses[http.StatusTooManyRequests] == 0 || statuses[http.StatusSeeOther] > 0 {
			h.Errorf("statuses are %v: addresses can be made up", statuses)
		}
		a := h.browser().authorize(h.insight)
		b := h.browser().get("/o/authorize/?"+parameters(h.insight).Encode(), "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "X-Remote-User", ana, "X-Original-Url", "/account/")
		if a.status != b.status || strings.Contains(b.location(), "evil") || len(b.header.Values("Set-Cookie")) > 0 {
			h.Errorf("with a proxy's headers: %d to %q", b.status, b.location())
		}
	})
}

// RFC 9700 §4.15: a client that passes for a person. Its tokens say that they are its own, and there is nobody to tell about.
func TestAttackClientPassingForAPerson(t *testing.T) {
	onBoth(t, func(h *house) {
		machine := h.newMachine()
		got := h.machineToken(machine).wantTokens()
		claims := h.claims(got.AccessToken)
		if claims["sub"] != string(machine.ID) || claims["sub"] != claims["client_id"] || claims["grant_id"] != nil || claims["auth_time"] != nil {
			h.Errorf("a machine's token says %v", claims)
		}
		persons := h.claims(h.signedIn(ana).connection(h.insight, h.atlas).AccessToken)
		if persons["sub"] == persons["client_id"] || persons["grant_id"] == nil {
			h.Errorf("a person's token says %v", persons)
		}
		h.userInfo(got.AccessToken).wantChallenge(http.StatusForbidden, "Bearer", "insufficient_scope")
		for _, scope := range []string{"openid", "profile", "email", "offline_access"} {
			h.machineToken(machine, "scope", scope).wantJSON(http.StatusBadRequest, "invalid_scope")
		}
		h.machineToken(machine, "sub", ana, "username", ana, "client_id", string(machine.ID)).wantTokens() // which are ignored
	})
}

// RFC 9700 §4.16: clickjacking. No page can be framed, the ones that decide something least of all.
func TestAttackClickjacking(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		admin := h.admin("atlas")
		for name, a := range map[string]*answer{
			"sign-in": h.browser().get("/login/"), "consent": b.authorize(h.insight), "refusal": b.authorize(h.insight, "team", "cobalt"), "sign-out": b.get("/logout/"),
			"select account": b.authorizeLater(h.insight, "prompt", "select_account"), "an application's sign-out": b.get("/o/logout/"), "account": b.get("/account/"),
			"applications": b.get("/account/applications/"), "password": b.get("/account/password/"), "team": admin.get("/teams/atlas/applications/"),
			"form_post": b.authorize(h.insight, "response_mode", "form_post", "prompt", "none"), "error": b.authorize(h.insight, "client_id", "nobody"),
		} {
			if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
				h.Errorf("%s: Content-Security-Policy %q", name, policy)
			}
		}
	})
}
