package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// The tests of this file are named for the threats of RFC 9700 §4 that are answered over HTTP; those of the protocol below it are in authz.

var linked = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)

// RFC 9700 §4.2: credential leakage by Referer. No page of a flow names its address to another site, or loads anything from one.
func TestAttackCredentialLeakageByReferer(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		for name, a := range map[string]*webtest.Answer{
			"sign-in": h.Browser().Authorize(h.Insight).Follow(), "consent": b.Authorize(h.Insight), "refusal": b.Authorize(h.Insight, "team", "cobalt"),
			"error": b.Authorize(h.Insight, "redirect_uri", "https://evil.example/"), "sign-out": b.Get("/o/logout/"),
		} {
			if policy := a.Header.Get("Referrer-Policy"); policy != "no-referrer" && policy != "same-origin" {
				h.Errorf("%s: Referrer-Policy %q", name, policy)
			}
			for _, link := range linked.FindAllStringSubmatch(a.Body, -1) {
				if !strings.HasPrefix(link[1], "/") && !strings.HasPrefix(link[1], "#") || strings.HasPrefix(link[1], "//") {
					h.Errorf("%s leads to %q", name, link[1])
				}
			}
		}
		if a := b.Authorize(h.Insight).Decide("authorize", h.Atlas.ID); a.Header.Get("Referrer-Policy") != "no-referrer" {
			h.Errorf("the redirect with the code: Referrer-Policy %q", a.Header.Get("Referrer-Policy"))
		}
	})
}

// RFC 9700 §4.3: credential leakage by browser history. A code in an address is worth nothing without its verifier, and nothing after its use; a token never is in one.
func TestAttackCredentialLeakageByBrowserHistory(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		a := b.Authorize(h.Insight, "scope", "openid").Decide("authorize", h.Atlas.ID)
		code := a.WantCode(webtest.Callback)
		if cache := a.Header.Get("Cache-Control"); cache != "no-store" {
			h.Errorf("the redirect with the code: Cache-Control %q", cache)
		}
		got := h.Redeem(h.Insight, code).WantTokens()
		h.Redeem(h.Insight, code, "code_verifier", "").WantJSON(http.StatusBadRequest, "invalid_grant")
		h.Redeem(h.Insight, code, "code_verifier", strings.Repeat("w", 43)).WantJSON(http.StatusBadRequest, "invalid_grant")
		h.UserInfo(got.AccessToken).WantStatus(http.StatusOK) // who has the code alone does not end what it gave
		h.Program().Get("/o/userinfo/?access_token=" + got.AccessToken).WantStatus(http.StatusUnauthorized)
		h.Program().Post("/o/token/?"+webtest.AsClient(h.Insight, "grant_type", "refresh_token", "refresh_token", got.RefreshToken).Encode(), nil).
			WantJSON(http.StatusBadRequest, "invalid_request")
	})
}

// RFC 9700 §4.6: access token injection. There is no authorization response with a token in it, so none can be injected there.
func TestAttackAccessTokenInjection(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		for _, kind := range []string{"token", "id_token", "id_token token", "code token", "code id_token", "code id_token token", "none", "code code", " code", "CODE"} {
			for _, mode := range []string{"", "query", "form_post"} {
				a := b.Authorize(h.Insight, "response_type", kind, "response_mode", mode, "prompt", "none", "scope", "openid chatbot:read")
				if where := a.Location() + a.Body; strings.Contains(where, "token=") || strings.Contains(where, "eyJ") || strings.Contains(where, "gh_ac_") {
					h.Errorf("response_type=%q by %q is answered: %s", kind, mode, where)
				}
			}
		}
		for _, mode := range []string{"fragment", "jwt", "query.jwt", "web_message"} {
			if a := b.Authorize(h.Insight, "response_mode", mode, "prompt", "none"); strings.Contains(a.Location(), "#") || strings.Contains(a.Location()+a.Body, "gh_ac_") {
				h.Errorf("response_mode=%s is answered: %s", mode, a.Location())
			}
		}
	})
}

// RFC 9700 §4.12: a redirect that makes the browser send the form again, the password with it.
func TestAttack307Redirect(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		login := b.Authorize(h.Insight, "prompt", "login").WantSignIn()
		signedIn := b.SignIn(webtest.Ana, url.Values{"request": {login.Sealed()}})
		page := signedIn.Follow().WantConsent()
		posted := []*webtest.Answer{
			signedIn, page.Decide("authorize", h.Atlas.ID), page.Decide("cancel", ""), b.SignIn(webtest.Ana, url.Values{"next": {"/account/"}}),
			b.Post("/o/authorize/", webtest.Parameters(h.Insight)), b.Post("/o/authorize/", webtest.Parameters(h.Insight, "scope", "no")), b.Post("/o/logout/", nil),
			b.Post("/account/password/", webtest.Pairs("current", webtest.Password, "new", "another quiet gate", "again", "another quiet gate")),
		}
		for _, a := range posted {
			if a.Status != http.StatusSeeOther {
				h.Errorf("POST %s: status %d to %q, want 303", a.Request.URL.Path, a.Status, a.Location())
			}
		}
	})
}

// RFC 9700 §4.13: TLS-terminating proxies. Others cannot speak for one: not for another address, another host, or another person.
func TestAttackHeadersOfAProxy(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		statuses := map[int]int{}
		for i := range 12 {
			address := "203.0.113." + strconv.Itoa(i)
			a := h.Browser().SignIn(webtest.Ana, url.Values{"password": {"wrong"}})
			statuses[a.Status]++
			forged := h.Browser().Post("/login/", url.Values{"email": {webtest.Ana}, "password": {"wrong"}},
				"X-Forwarded-For", address, "Forwarded", "for="+address, "X-Real-Ip", address, "X-Client-Cert", "x", "X-Remote-User", webtest.Ana, "Remote-User", webtest.Ana)
			statuses[forged.Status]++
		}
		if statuses[http.StatusTooManyRequests] == 0 || statuses[http.StatusSeeOther] > 0 {
			h.Errorf("statuses are %v: addresses can be made up", statuses)
		}
		a := h.Browser().Authorize(h.Insight)
		b := h.Browser().Get("/o/authorize/?"+webtest.Parameters(h.Insight).Encode(), "X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https", "X-Remote-User", webtest.Ana, "X-Original-Url", "/account/")
		if a.Status != b.Status || strings.Contains(b.Location(), "evil") || len(b.Header.Values("Set-Cookie")) > 0 {
			h.Errorf("with a proxy's headers: %d to %q", b.Status, b.Location())
		}
	})
}

// RFC 9700 §4.15: a client that passes for a person. Its tokens say that they are its own, and there is nobody to tell about.
func TestAttackClientPassingForAPerson(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		machine := h.NewMachine()
		got := h.MachineToken(machine).WantTokens()
		claims := h.Claims(got.AccessToken)
		if claims["sub"] != string(machine.ID) || claims["sub"] != claims["client_id"] || claims["grant_id"] != nil || claims["auth_time"] != nil {
			h.Errorf("a machine's token says %v", claims)
		}
		persons := h.Claims(h.SignedIn(webtest.Ana).Connection(h.Insight, h.Atlas).AccessToken)
		if persons["sub"] == persons["client_id"] || persons["grant_id"] == nil {
			h.Errorf("a person's token says %v", persons)
		}
		h.UserInfo(got.AccessToken).WantChallenge(http.StatusForbidden, "Bearer", "insufficient_scope")
		for _, scope := range []string{"openid", "profile", "email", "offline_access"} {
			h.MachineToken(machine, "scope", scope).WantJSON(http.StatusBadRequest, "invalid_scope")
		}
		h.MachineToken(machine, "sub", webtest.Ana, "username", webtest.Ana, "client_id", string(machine.ID)).WantTokens() // which are ignored
	})
}

// RFC 9700 §4.16: clickjacking. No page can be framed, the ones that decide something least of all.
func TestAttackClickjacking(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		admin := h.Admin("atlas")
		for name, a := range map[string]*webtest.Answer{
			"sign-in": h.Browser().Get("/login/"), "consent": b.Authorize(h.Insight), "refusal": b.Authorize(h.Insight, "team", "cobalt"), "sign-out": b.Get("/logout/"),
			"select account": b.AuthorizeLater(h.Insight, "prompt", "select_account"), "an application's sign-out": b.Get("/o/logout/"), "account": b.Get("/account/"),
			"applications": b.Get("/account/applications/"), "password": b.Get("/account/password/"), "team": admin.Get("/teams/atlas/applications/"),
			"form_post": b.Authorize(h.Insight, "response_mode", "form_post", "prompt", "none"), "error": b.Authorize(h.Insight, "client_id", "nobody"),
		} {
			if policy := a.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
				h.Errorf("%s: Content-Security-Policy %q", name, policy)
			}
		}
	})
}
