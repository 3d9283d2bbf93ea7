package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
)

// The rows of "POST /o/revoke_token/".

// TestRevokeEndsTheFamilyAtOnce, by its refresh token or its access token, and no other family.
func TestRevokeEndsTheFamilyAtOnce(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		for _, hint := range []string{"", "refresh_token", "access_token", "something_else"} {
			for _, client := range []app{h.insight, h.pocket} {
				for name, of := range map[string]func(tokens) string{
					"refresh token": func(got tokens) string { return got.RefreshToken },
					"access token":  func(got tokens) string { return got.AccessToken },
				} {
					got := b.connection(client, h.atlas, "scope", "openid")
					other := b.connection(client, h.atlas, "scope", "openid")
					h.call("/o/revoke_token/", client, "token", of(got), "token_type_hint", hint).wantOK()
					h.refresh(client, got.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
					h.userInfo(got.AccessToken).wantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
					if h.userInfo(other.AccessToken).status != http.StatusOK {
						h.Errorf("%s of %s: another connection died too", name, client.Name)
					}
					h.refresh(client, other.RefreshToken).wantTokens()
					h.call("/o/revoke_token/", client, "token", of(got)).wantOK() // again
				}
			}
		}
		if n := h.happened(audit.TokenRevoked); n != 16 {
			h.Errorf("%d events of a revocation, want 16", n)
		}
	})
}

// TestRevokingWhatIsNotOnesOwnDoesNothing, and looks like success.
func TestRevokingWhatIsNotOnesOwnDoesNothing(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		got := b.connection(h.insight, h.atlas, "scope", "openid")
		code := b.connect(h.insight, h.atlas)
		for _, client := range []app{h.notes, h.pocket} {
			for _, text := range []string{got.RefreshToken, got.AccessToken, got.IDToken, code, "gh_rt_x", "x", "é", strings.Repeat("x", 9000)} {
				h.call("/o/revoke_token/", client, "token", text).wantOK()
			}
		}
		h.call("/o/revoke_token/", h.insight, "token", got.IDToken).wantOK()
		if h.userInfo(got.AccessToken).status != http.StatusOK {
			h.Error("the token is dead")
		}
		h.refresh(h.insight, got.RefreshToken).wantTokens()
	})
}

// TestAnExpiredAccessTokenStillNamesItsFamily: who has only that one can end the connection.
func TestAnExpiredAccessTokenStillNamesItsFamily(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.signedIn(ben).connection(h.insight, h.atlas)
		h.clock.advance(2 * time.Hour)
		if h.live(h.insight, got.AccessToken) {
			h.Error("the token is alive after its time")
		}
		h.call("/o/revoke_token/", h.insight, "token", got.AccessToken).wantOK()
		h.refresh(h.insight, got.RefreshToken).wantJSON(http.StatusBadRequest, "invalid_grant")
	})
}

// TestRevocationAndIntrospectionSayWhatToSend.
func TestRevocationAndIntrospectionSayWhatToSend(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, path := range []string{"/o/revoke_token/", "/o/introspect/"} {
			if says := h.call(path, h.insight).wantJSON(http.StatusBadRequest, "invalid_request"); !strings.Contains(says, "token") {
				h.Errorf("%s without a token: %q", path, says)
			}
			h.call(path, h.insight, "token", "").wantJSON(http.StatusBadRequest, "invalid_request")
			h.call(path, h.insight, "token", "a\x00b").wantJSON(http.StatusBadRequest, "invalid_request")
			h.call(path, h.insight, "token", "a", "token", "b").wantJSON(http.StatusBadRequest, "invalid_request")
			form := asClient(h.insight, "token", "x")
			h.program().post(path+"?"+form.Encode(), nil).wantJSON(http.StatusBadRequest, "invalid_request")
			h.program().post(path+"?token=x", form).wantJSON(http.StatusBadRequest, "invalid_request")
			h.program().do(http.MethodPost, path, `{"token":"x"}`, "Content-Type", "application/json").wantJSON(http.StatusBadRequest, "invalid_request")
			h.program().get(path+"?"+form.Encode()).wantJSON(http.StatusMethodNotAllowed, "invalid_request")
			// Who asks is checked as at the token endpoint.
			bodies := map[string]bool{}
			for _, a := range []*answer{
				h.call(path, h.insight, "token", "x", "client_secret", "gh_cs_wrong"), h.call(path, h.insight, "token", "x", "client_secret", h.notes.secret),
				h.call(path, h.insight, "token", "x", "client_id", "nobody"),
				h.program().post(path, pairs("token", "x"), "Authorization", basic(string(h.insight.ID), "gh_cs_wrong")),
			} {
				a.wantJSON(http.StatusUnauthorized, "invalid_client")
				bodies[a.body] = true
			}
			if len(bodies) != 1 {
				h.Errorf("%s: there are %d different bodies", path, len(bodies))
			}
			h.program().post(path, pairs("token", "x")).wantJSON(http.StatusUnauthorized, "invalid_client")
			h.program().post(path, pairs("token", "x"), "Authorization", "Bearer x").wantJSON(http.StatusUnauthorized, "invalid_client")
			h.program().post(path, form, "Authorization", basic(string(h.insight.ID), h.insight.secret)).wantJSON(http.StatusBadRequest, "invalid_request")
			h.program().post(path, pairs("token", "x"), "Authorization", basic(string(h.insight.ID), h.insight.secret)).wantStatus(http.StatusOK)
		}
	})
}

// TestFailedAuthenticationCountsWhereverItHappens: a guesser cannot go from one endpoint to the next.
func TestFailedAuthenticationCountsWhereverItHappens(t *testing.T) {
	onBoth(t, func(h *house) {
		paths := []string{"/o/token/", "/o/revoke_token/", "/o/introspect/", "/o/par/"}
		guess := func(path string) *answer {
			return h.call(path, h.insight, "grant_type", "refresh_token", "refresh_token", "x", "token", "x", "client_secret", "gh_cs_wrong")
		}
		for _, path := range paths {
			guess(path).wantJSON(http.StatusUnauthorized, "invalid_client")
		}
		for _, path := range paths {
			a := guess(path)
			a.wantJSON(http.StatusTooManyRequests, "temporarily_unavailable")
			if a.header.Get("Retry-After") == "" {
				h.Errorf("%s: no Retry-After", path)
			}
		}
		h.call("/o/revoke_token/", h.insight, "token", "x").wantOK() // the client itself is not kept out
	}, func(p *webParts) { p.ClientFailures = 4 })
}

// TestWhoDoesNotSayWhoTheyAreIsCountedToo, at every one of the endpoints.
func TestWhoDoesNotSayWhoTheyAreIsCountedToo(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, path := range []string{"/o/token/", "/o/revoke_token/", "/o/introspect/", "/o/par/"} {
			post := func() *answer {
				return h.program().post(path, pairs("grant_type", "client_credentials", "token", "x"), "Authorization", "Basic !!!")
			}
			post().wantJSON(http.StatusUnauthorized, "invalid_client")
			post().wantJSON(http.StatusTooManyRequests, "temporarily_unavailable")
			h.clock.advance(16 * time.Minute)
		}
	}, func(p *webParts) { p.ClientFailures = 1 })
}
