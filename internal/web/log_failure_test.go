package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestNoSecretIsLoggedWhenTheDatabaseFails, also one that was sent in the wrong place: then errors of ours are logged whole, and must not quote what was received.
func TestNoSecretIsLoggedWhenTheDatabaseFails(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		code := b.Connect(h.Insight, h.Atlas)
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		page := b.Authorize(h.Insight, "prompt", "consent").WantConsent()
		h.OK(h.DB.Close())
		before := len(h.Logged.String())

		secrets := []string{h.Insight.Secret, code, got.RefreshToken, got.AccessToken, got.IDToken, webtest.Verifier, webtest.Password, page.Sealed()}
		for _, misplaced := range secrets {
			for _, name := range []string{"client_id", "redirect_uri", "scope", "team", "state", "login_hint", "id_token_hint", "request_uri"} {
				b.Authorize(h.Insight, name, misplaced)
				h.Push(h.Insight, name, misplaced)
			}
			for _, path := range []string{"/o/token/", "/o/revoke_token/", "/o/introspect/"} {
				for _, name := range []string{"client_id", "client_secret", "token", "refresh_token", "scope"} {
					form := webtest.AsClient(h.Insight, "grant_type", "refresh_token", "refresh_token", "x", "token", "x")
					form.Set(name, misplaced)
					h.Program().Post(path, form)
				}
				h.Program().Post(path, webtest.Pairs("grant_type", "refresh_token", "token", "x"), "Authorization", webtest.Basic(misplaced, misplaced))
			}
			h.Redeem(h.Insight, code, "client_id", misplaced)
			h.UserInfo(misplaced)
			h.Browser().SignIn(misplaced, url.Values{"password": {misplaced}})
			h.Browser().Get(webtest.LogoutURL("client_id", misplaced))
			b.Get("/", "Cookie", browser.CookieName(h.Parts.Issuer, browser.SessionCookie)+"="+misplaced)
			b.Post("/account/password/", webtest.Pairs("current", misplaced, "new", misplaced, "again", misplaced))
			b.Post("/account/applications/", webtest.Pairs("grant", misplaced))
			b.Post("/teams/atlas/applications/", webtest.Pairs("decision", "end", "grant", misplaced, "client", misplaced))
			b.Get("/teams/" + url.PathEscape("atlas") + "/audit/?kind=" + url.QueryEscape(misplaced))
		}
		page.Decide("authorize", h.Atlas.ID).WantStatus(http.StatusServiceUnavailable)

		logged := h.Logged.String()[before:]
		if !strings.Contains(logged, "closed") {
			h.Errorf("nothing failed:\n%s", logged)
		}
		for _, secret := range secrets {
			for _, text := range []string{secret, url.QueryEscape(secret)} {
				if i := strings.Index(logged, text); i >= 0 {
					h.Errorf("the log has %q: %s", text, line(logged, i))
				}
			}
		}
	})
}

// The page for an error of ours does not ask the database who is signed in: the database may be what failed.
func TestErrorPageAsksTheDatabaseNothing(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		h.OK(h.DB.Close())
		before := len(h.Logged.String())
		if a := b.Get("/account/"); a.Status < 500 {
			h.Errorf("status %d, want an error of ours", a.Status)
		}
		if n := strings.Count(h.Logged.String()[before:], `"level":"ERROR"`); n != 1 {
			h.Errorf("%d errors are logged, want 1:\n%s", n, h.Logged.String()[before:])
		}
	})
}
