package flow_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestLogoutWithTheIDTokenOfThisPerson signs out at once and goes where the client registered, with state.
func TestLogoutWithTheIDTokenOfThisPerson(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		leaver := h.Leaver()
		for name, leave := range map[string]func(b *webtest.Browser, form url.Values) *webtest.Answer{
			"GET": func(b *webtest.Browser, form url.Values) *webtest.Answer { return b.Get("/o/logout/?" + form.Encode()) },
			"POST from the application's site": func(b *webtest.Browser, form url.Values) *webtest.Answer {
				a := b.Post("/o/logout/", form, "Sec-Fetch-Site", "cross-site", "Origin", "https://leaver.example").WantStatus(http.StatusSeeOther)
				if strings.Contains(a.Location(), form.Get("id_token_hint")) || a.Header.Get("Cache-Control") != "no-store" {
					h.Errorf("Location %q", a.Location())
				}
				return a.Follow()
			},
		} {
			b := h.SignedIn(webtest.Ben)
			got := b.Connection(leaver, h.Atlas, "scope", "openid chatbot:read")
			cookie := b.SessionOf()
			h.Clock.Advance(2 * time.Hour) // an expired ID token is as good a hint
			a := leave(b, webtest.Pairs("id_token_hint", got.IDToken, "post_logout_redirect_uri", webtest.Afterwards, "state", "s t&t", "client_id", string(leaver.ID)))
			a.WantStatus(http.StatusSeeOther)
			if a.Location() != webtest.Afterwards+"&state=s%20t%26t" || a.Header.Get("Cache-Control") != "no-store" {
				h.Errorf("%s: Location %q, %q", name, a.Location(), a.Header.Get("Cache-Control"))
			}
			if b.SessionOf() != "" || !b.SignedOut(cookie) {
				h.Errorf("%s: the session is alive", name)
			}
			h.Refresh(leaver, got.RefreshToken).WantTokens() // what was authorized stays
		}
		if n := h.Happened(audit.SignedOut); n != 2 {
			h.Errorf("%d events of a sign-out, want two", n)
		}
	})
}

// TestLogoutHintSurvivesSigningInAgain: the sid stays while the same person is at the browser.
func TestLogoutHintSurvivesSigningInAgain(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		leaver := h.Leaver()
		b := h.SignedIn(webtest.Ben)
		hint := b.Connection(leaver, h.Atlas, "scope", "openid").IDToken
		b.SignIn(webtest.Ben, nil).WantStatus(http.StatusSeeOther)
		b.Get(webtest.LogoutURL("id_token_hint", hint)).WantPage(http.StatusOK, "signed out")
		b.SignIn(webtest.Ana, nil).WantStatus(http.StatusSeeOther)
		hint = b.Connection(leaver, h.Atlas, "scope", "openid").IDToken
		b.SignIn(webtest.Ben, nil).WantStatus(http.StatusSeeOther) // another person
		b.Get(webtest.LogoutURL("id_token_hint", hint)).WantPage(http.StatusOK, "Sign out?", webtest.Ben)
	})
}

// TestLogoutAsksThePerson whenever it is not sure that it is they who want it.
func TestLogoutAsksThePerson(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		leaver := h.Leaver()
		others := h.SignedIn(webtest.Ana).Connection(leaver, h.Atlas, "scope", "openid").IDToken
		ended := h.SignedIn(webtest.Ben)
		earlier := ended.Connection(leaver, h.Atlas, "scope", "openid").IDToken
		elsewhere := h.SignedIn(webtest.Ben).Connection(leaver, h.Atlas, "scope", "openid").IDToken
		ended.Post("/logout/", nil).WantPage(http.StatusOK, "signed out")
		for name, params := range map[string][]string{
			"nothing":                                nil,
			"the client":                             {"client_id", string(leaver.ID)},
			"where to go":                            {"client_id", string(leaver.ID), "post_logout_redirect_uri", webtest.Afterwards, "state", "x"},
			"somebody else's hint":                   {"id_token_hint", others, "post_logout_redirect_uri", webtest.Afterwards},
			"a hint of a sign-in that has ended":     {"id_token_hint", earlier, "post_logout_redirect_uri", webtest.Afterwards},
			"a hint of a sign-in in another browser": {"id_token_hint", elsewhere},
			"hints to ignore":                        {"logout_hint", webtest.Ben, "ui_locales", "fr"},
		} {
			b := h.SignedIn(webtest.Ben)
			cookie := b.SessionOf()
			page := b.Get(webtest.LogoutURL(params...)).WantPage(http.StatusOK, "Sign out?", webtest.Ben)
			if len(params) > 0 && params[0] != "logout_hint" {
				page.WantPage(http.StatusOK, "Leaver")
			}
			if page.Header.Get("Cache-Control") != "no-store" {
				h.Errorf("%s: Cache-Control %q", name, page.Header.Get("Cache-Control"))
			}
			if b.SignedOut(cookie) {
				h.Errorf("%s: signed out without being asked", name)
			}
			confirm := url.Values{"request": {page.Sealed()}, "decision": {"sign_out"}}
			b.Post("/o/logout/", confirm, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").WantPage(http.StatusForbidden, "another site")
			if b.SignedOut(cookie) {
				h.Errorf("%s: another site signed the person out", name)
			}
			done := b.Post("/o/logout/", confirm, "Sec-Fetch-Site", "same-origin")
			if strings.Contains(strings.Join(params, " "), webtest.Afterwards) {
				if !strings.HasPrefix(done.WantStatus(http.StatusSeeOther).Location(), webtest.Afterwards) {
					h.Errorf("%s: Location %q", name, done.Location())
				}
				if csp := page.Header.Get("Content-Security-Policy"); strings.Contains(csp, "form-action") {
					h.Errorf("%s: CSP %q", name, csp)
				}
			} else {
				done.WantPage(http.StatusOK, "signed out")
			}
			if !b.SignedOut(cookie) {
				h.Errorf("%s: the session is alive", name)
			}
		}
	})
}

// TestLogoutRedirectsOnlyWhereTheClientRegistered: anything else is a page, and nobody is signed out.
func TestLogoutRedirectsOnlyWhereTheClientRegistered(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		leaver := h.Leaver()
		b := h.SignedIn(webtest.Ben)
		hint := b.Connection(leaver, h.Atlas, "scope", "openid").IDToken
		id := string(leaver.ID)
		for _, params := range [][]string{
			{"id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example/"},
			{"id_token_hint", hint, "post_logout_redirect_uri", webtest.Afterwards + "/"},
			{"id_token_hint", hint, "post_logout_redirect_uri", strings.ToUpper(webtest.Afterwards)},
			{"id_token_hint", hint, "post_logout_redirect_uri", leaver.RedirectURI}, // a redirect URI is not one of these
			{"id_token_hint", hint, "post_logout_redirect_uri", "//evil.example"},
			{"client_id", id, "post_logout_redirect_uri", "https://evil.example/"},
			{"client_id", string(h.Insight.ID), "post_logout_redirect_uri", webtest.Afterwards},
			{"post_logout_redirect_uri", webtest.Afterwards},
			{"client_id", "nobody", "post_logout_redirect_uri", webtest.Afterwards},
			{"client_id", string(h.Insight.ID), "id_token_hint", hint},
			{"id_token_hint", "x", "post_logout_redirect_uri", webtest.Afterwards},
			{"id_token_hint", h.NewSigner().Sign(map[string]any{"aud": id, "sub": "x"}, nil), "post_logout_redirect_uri", webtest.Afterwards},
			{"id_token_hint", hint, "post_logout_redirect_uri", webtest.Afterwards, "state", strings.Repeat("s", 4097)},
			{"id_token_hint", hint, "post_logout_redirect_uri", webtest.Afterwards, "state", "a\x00b"},
			{"id_token_hint", hint, "id_token_hint", hint},
			{"request", "forged"},
		} {
			a := b.Get(webtest.LogoutURL(params...)).WantPage(http.StatusBadRequest)
			if a.Location() != "" {
				h.Errorf("%v: redirected to %q", params, a.Location())
			}
			if params[0] != "request" {
				a.WantPage(http.StatusBadRequest, "You are still signed in", `href="/logout/"`)
				h.Browser().Get(webtest.LogoutURL(params...)).WantPage(http.StatusBadRequest, "You are not signed in here").WantNothingOf("still signed in")
			}
			posted := b.Post("/o/logout/", webtest.Pairs(params...))
			if posted.Status == http.StatusSeeOther {
				posted = posted.Follow()
			}
			if params[0] != "request" {
				posted.WantPage(http.StatusBadRequest)
			}
		}
		if b.SignedOut(b.SessionOf()) {
			h.Error("one of them signed the person out")
		}
		b.Post("/o/logout/", webtest.Pairs("decision", "sign_out", "request", "forged")).WantPage(http.StatusBadRequest)
	})
}

// TestLogoutOfWhoIsNotSignedIn has nothing to ask.
func TestLogoutOfWhoIsNotSignedIn(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		leaver := h.Leaver()
		h.Browser().Get("/o/logout/").WantPage(http.StatusOK, "signed out")
		a := h.Browser().Get(webtest.LogoutURL("client_id", string(leaver.ID), "post_logout_redirect_uri", webtest.Afterwards)).WantStatus(http.StatusSeeOther)
		if a.Location() != webtest.Afterwards {
			h.Errorf("Location %q", a.Location())
		}
	})
}

// TestSignOutAsksThePublicURLFirst: a page that came by http gets no cookie of https, so nobody is told there that they are signed out.
func TestSignOutAsksThePublicURLFirst(t *testing.T) {
	const public = "https://auth.example"
	webtest.OnBoth(t, func(h *webtest.House) {
		leaver := h.Leaver()
		signIn := url.Values{"email": {webtest.Ben}, "password": {webtest.Password}}
		cookie, _, _ := strings.Cut(h.Browser().Post("/login/", signIn).WantStatus(http.StatusSeeOther).Header.Get("Set-Cookie"), ";")
		request := webtest.Pairs("client_id", string(leaver.ID), "post_logout_redirect_uri", webtest.Afterwards)
		plain := []string{"Host", "auth.example", "Origin", "http://auth.example"}
		b := h.Browser()
		asked := b.Get("/o/logout/?"+request.Encode(), "Cookie", cookie).WantPage(http.StatusOK, "Sign out?").Sealed()
		for name, a := range map[string]*webtest.Answer{
			"our page":                       b.Get("/logout/"),
			"the form of our page":           b.Post("/logout/", nil, plain...),
			"an application's request":       b.Get("/o/logout/?" + request.Encode()),
			"an application's form":          b.Post("/o/logout/", request, plain...),
			"the answer to an application's": b.Post("/o/logout/", url.Values{"decision": {"sign_out"}, "request": {asked}}, plain...),
		} {
			target, found := strings.CutPrefix(a.WantStatus(http.StatusSeeOther).Location(), public)
			if !found || len(a.Header.Values("Set-Cookie")) > 0 {
				h.Errorf("%s: Location %q, cookies %q", name, a.Location(), a.Header.Values("Set-Cookie"))
				continue
			}
			b.Get(target, "Cookie", cookie).WantPage(http.StatusOK, "Sign out?", webtest.Ben)
			if nobody := b.Get(target); strings.HasPrefix(target, "/logout/") {
				nobody.WantPage(http.StatusOK, "You are signed out")
			} else if nobody.WantStatus(http.StatusSeeOther).Location() != webtest.Afterwards {
				h.Errorf("%s: nobody is sent to %q", name, nobody.Location())
			}
		}
	}, func(p *web.Parts) { p.Issuer = public })
}

// TestLogoutQuestionExpires, and a client that was changed meanwhile is checked again.
func TestLogoutQuestionExpires(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		leaver := h.Leaver()
		b := h.SignedIn(webtest.Ben)
		page := b.Get(webtest.LogoutURL("client_id", string(leaver.ID), "post_logout_redirect_uri", webtest.Afterwards)).WantPage(http.StatusOK, "Sign out?")
		confirm := url.Values{"request": {page.Sealed()}, "decision": {"sign_out"}}
		_, err := h.Registry.UpdateClient(h.Context(), team.CommandLine, leaver.ID, client.Change{PostLogoutRedirectURIs: []string{"https://leaver.example/new"}})
		h.OK(err)
		b.Post("/o/logout/", confirm).WantPage(http.StatusBadRequest)
		h.Clock.Advance(15 * time.Minute)
		b.Post("/o/logout/", confirm).WantPage(http.StatusBadRequest, "too long ago")
		if b.SignedOut(b.SessionOf()) {
			h.Error("the person was signed out")
		}
	})
}
