package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestNoSecretIsLoggedWhenTheDatabaseFails, also one that was sent in the wrong place: then errors of ours are logged whole, and must not quote what was received.
func TestNoSecretIsLoggedWhenTheDatabaseFails(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		code := b.connect(h.insight, h.atlas)
		got := b.connection(h.insight, h.atlas, "scope", "openid chatbot:read")
		page := b.authorize(h.insight, "prompt", "consent").wantConsent()
		h.ok(h.db.Close())
		before := len(h.log.String())

		secrets := []string{h.insight.secret, code, got.RefreshToken, got.AccessToken, got.IDToken, verifier, password, page.sealed()}
		for _, misplaced := range secrets {
			for _, name := range []string{"client_id", "redirect_uri", "scope", "team", "state", "login_hint", "id_token_hint", "request_uri"} {
				b.authorize(h.insight, name, misplaced)
				h.push(h.insight, name, misplaced)
			}
			for _, path := range []string{"/o/token/", "/o/revoke_token/", "/o/introspect/"} {
				for _, name := range []string{"client_id", "client_secret", "token", "refresh_token", "scope"} {
					form := asClient(h.insight, "grant_type", "refresh_token", "refresh_token", "x", "token", "x")
					form.Set(name, misplaced)
					h.program().post(path, form)
				}
				h.program().post(path, pairs("grant_type", "refresh_token", "token", "x"), "Authorization", basic(misplaced, misplaced))
			}
			h.redeem(h.insight, code, "client_id", misplaced)
			h.userInfo(misplaced)
			h.browser().signIn(misplaced, url.Values{"password": {misplaced}})
			h.browser().get(logoutURL("client_id", misplaced))
			b.get("/", "Cookie", "gatehouse_session="+misplaced)
			b.post("/account/password/", pairs("current", misplaced, "new", misplaced, "again", misplaced))
			b.post("/account/applications/", pairs("grant", misplaced))
			b.post("/teams/atlas/applications/", pairs("decision", "end", "grant", misplaced, "client", misplaced))
			b.get("/teams/" + url.PathEscape("atlas") + "/audit/?kind=" + url.QueryEscape(misplaced))
		}
		page.decide("authorize", h.atlas.ID).wantStatus(http.StatusInternalServerError)

		logged := h.log.String()[before:]
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
