package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// OpenID Connect RP-Initiated Logout 1.0.

const afterwards = "https://leaver.example/bye?x=1"

// leaver registers a client that may send people on after they signed out.
func (h *house) leaver() app {
	h.Helper()
	return h.register(client.Registration{
		Name: "Leaver", RedirectURIs: []string{"https://leaver.example/cb"}, PostLogoutRedirectURIs: []string{afterwards},
	})
}

func logoutURL(namesAndValues ...string) string {
	return "/o/logout/?" + pairs(namesAndValues...).Encode()
}

// signedOut reports whether the session that the browser had is over on the server.
func (b *browser) signedOut(cookie string) bool {
	b.Helper()
	b.setSession(cookie)
	return !strings.Contains(b.get("/").body, "@example.org")
}

// TestLogoutWithTheIDTokenOfThisPerson signs out at once and goes where the client registered, with state.
func TestLogoutWithTheIDTokenOfThisPerson(t *testing.T) {
	onBoth(t, func(h *house) {
		leaver := h.leaver()
		for name, leave := range map[string]func(b *browser, form url.Values) *answer{
			"GET": func(b *browser, form url.Values) *answer { return b.get("/o/logout/?" + form.Encode()) },
			"POST from the application's site": func(b *browser, form url.Values) *answer {
				a := b.post("/o/logout/", form, "Sec-Fetch-Site", "cross-site", "Origin", "https://leaver.example").wantStatus(http.StatusSeeOther)
				if strings.Contains(a.location(), form.Get("id_token_hint")) || a.header.Get("Cache-Control") != "no-store" {
					h.Errorf("Location %q", a.location())
				}
				return a.follow()
			},
		} {
			b := h.signedIn(ben)
			got := b.connection(leaver, h.atlas, "scope", "openid chatbot:read")
			cookie := b.sessionOf()
			h.clock.advance(2 * time.Hour) // an expired ID token is as good a hint
			a := leave(b, pairs("id_token_hint", got.IDToken, "post_logout_redirect_uri", afterwards, "state", "s t&t", "client_id", string(leaver.ID)))
			a.wantStatus(http.StatusSeeOther)
			if a.location() != afterwards+"&state=s%20t%26t" || a.header.Get("Cache-Control") != "no-store" {
				h.Errorf("%s: Location %q, %q", name, a.location(), a.header.Get("Cache-Control"))
			}
			if b.sessionOf() != "" || !b.signedOut(cookie) {
				h.Errorf("%s: the session is alive", name)
			}
			h.refresh(leaver, got.RefreshToken).wantTokens() // what was authorized stays
		}
		if n := h.happened(audit.SignedOut); n != 2 {
			h.Errorf("%d events of a sign-out, want two", n)
		}
	})
}

// TestLogoutAsksThePerson whenever it is not sure that it is they who want it.
func TestLogoutAsksThePerson(t *testing.T) {
	onBoth(t, func(h *house) {
		leaver := h.leaver()
		others := h.signedIn(ana).connection(leaver, h.atlas, "scope", "openid").IDToken
		for name, params := range map[string][]string{
			"nothing":              nil,
			"the client":           {"client_id", string(leaver.ID)},
			"where to go":          {"client_id", string(leaver.ID), "post_logout_redirect_uri", afterwards, "state", "x"},
			"somebody else's hint": {"id_token_hint", others, "post_logout_redirect_uri", afterwards},
			"hints to ignore":      {"logout_hint", ben, "ui_locales", "fr"},
		} {
			b := h.signedIn(ben)
			cookie := b.sessionOf()
			page := b.get(logoutURL(params...)).wantPage(http.StatusOK, "Sign out?", ben)
			if len(params) > 0 && params[0] != "logout_hint" {
				page.wantPage(http.StatusOK, "Leaver")
			}
			if page.header.Get("Cache-Control") != "no-store" {
				h.Errorf("%s: Cache-Control %q", name, page.header.Get("Cache-Control"))
			}
			if b.signedOut(cookie) {
				h.Errorf("%s: signed out without being asked", name)
			}
			confirm := url.Values{"request": {page.sealed()}, "decision": {"sign_out"}}
			b.post("/o/logout/", confirm, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").wantPage(http.StatusForbidden, "another site")
			if b.signedOut(cookie) {
				h.Errorf("%s: another site signed the person out", name)
			}
			done := b.post("/o/logout/", confirm, "Sec-Fetch-Site", "same-origin")
			if strings.Contains(strings.Join(params, " "), afterwards) {
				if !strings.HasPrefix(done.wantStatus(http.StatusSeeOther).location(), afterwards) {
					h.Errorf("%s: Location %q", name, done.location())
				}
				if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://leaver.example;") {
					h.Errorf("%s: CSP %q", name, csp)
				}
			} else {
				done.wantPage(http.StatusOK, "signed out")
			}
			if !b.signedOut(cookie) {
				h.Errorf("%s: the session is alive", name)
			}
		}
	})
}

// TestLogoutRedirectsOnlyWhereTheClientRegistered: anything else is a page, and nobody is signed out.
func TestLogoutRedirectsOnlyWhereTheClientRegistered(t *testing.T) {
	onBoth(t, func(h *house) {
		leaver := h.leaver()
		b := h.signedIn(ben)
		hint := b.connection(leaver, h.atlas, "scope", "openid").IDToken
		id := string(leaver.ID)
		for _, params := range [][]string{
			{"id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example/"},
			{"id_token_hint", hint, "post_logout_redirect_uri", afterwards + "/"},
			{"id_token_hint", hint, "post_logout_redirect_uri", strings.ToUpper(afterwards)},
			{"id_token_hint", hint, "post_logout_redirect_uri", leaver.redirectURI}, // a redirect URI is not one of these
			{"id_token_hint", hint, "post_logout_redirect_uri", "//evil.example"},
			{"client_id", id, "post_logout_redirect_uri", "https://evil.example/"},
			{"client_id", string(h.insight.ID), "post_logout_redirect_uri", afterwards},
			{"post_logout_redirect_uri", afterwards},
			{"client_id", "nobody", "post_logout_redirect_uri", afterwards},
			{"client_id", string(h.insight.ID), "id_token_hint", hint},
			{"id_token_hint", "x", "post_logout_redirect_uri", afterwards},
			{"id_token_hint", h.newSigner().sign(map[string]any{"aud": id, "sub": "x"}, nil), "post_logout_redirect_uri", afterwards},
			{"id_token_hint", hint, "post_logout_redirect_uri", afterwards, "state", strings.Repeat("s", 4097)},
			{"id_token_hint", hint, "post_logout_redirect_uri", afterwards, "state", "a\x00b"},
			{"id_token_hint", hint, "id_token_hint", hint},
			{"request", "forged"},
		} {
			a := b.get(logoutURL(params...)).wantPage(http.StatusBadRequest)
			if a.location() != "" {
				h.Errorf("%v: redirected to %q", params, a.location())
			}
			posted := b.post("/o/logout/", pairs(params...))
			if posted.status == http.StatusSeeOther {
				posted = posted.follow()
			}
			if params[0] != "request" {
				posted.wantPage(http.StatusBadRequest)
			}
		}
		if b.signedOut(b.sessionOf()) {
			h.Error("one of them signed the person out")
		}
		b.post("/o/logout/", pairs("decision", "sign_out", "request", "forged")).wantPage(http.StatusBadRequest)
	})
}

// TestLogoutOfWhoIsNotSignedIn has nothing to ask.
func TestLogoutOfWhoIsNotSignedIn(t *testing.T) {
	onBoth(t, func(h *house) {
		leaver := h.leaver()
		h.browser().get("/o/logout/").wantPage(http.StatusOK, "signed out")
		a := h.browser().get(logoutURL("client_id", string(leaver.ID), "post_logout_redirect_uri", afterwards)).wantStatus(http.StatusSeeOther)
		if a.location() != afterwards {
			h.Errorf("Location %q", a.location())
		}
	})
}

// TestLogoutQuestionExpires, and a client that was changed meanwhile is checked again.
func TestLogoutQuestionExpires(t *testing.T) {
	onBoth(t, func(h *house) {
		leaver := h.leaver()
		b := h.signedIn(ben)
		page := b.get(logoutURL("client_id", string(leaver.ID), "post_logout_redirect_uri", afterwards)).wantPage(http.StatusOK, "Sign out?")
		confirm := url.Values{"request": {page.sealed()}, "decision": {"sign_out"}}
		_, err := h.registry.UpdateClient(h.Context(), team.CommandLine, leaver.ID, client.Change{PostLogoutRedirectURIs: []string{"https://leaver.example/new"}})
		h.ok(err)
		b.post("/o/logout/", confirm).wantPage(http.StatusBadRequest)
		h.clock.advance(15 * time.Minute)
		b.post("/o/logout/", confirm).wantPage(http.StatusBadRequest, "too long ago")
		if b.signedOut(b.sessionOf()) {
			h.Error("the person was signed out")
		}
	})
}
