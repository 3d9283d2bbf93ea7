package endpoint_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// The rows of "POST /o/revoke_token/".

// TestRevokeEndsTheFamilyAtOnce, by its refresh token or its access token, and no other family.
func TestRevokeEndsTheFamilyAtOnce(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		for _, hint := range []string{"", "refresh_token", "access_token", "something_else"} {
			for _, client := range []webtest.App{h.Insight, h.Pocket} {
				for name, of := range map[string]func(webtest.Tokens) string{
					"refresh token": func(got webtest.Tokens) string { return got.RefreshToken },
					"access token":  func(got webtest.Tokens) string { return got.AccessToken },
				} {
					got := b.Connection(client, h.Atlas, "scope", "openid")
					other := b.Connection(client, h.Atlas, "scope", "openid")
					h.Call("/o/revoke_token/", client, "token", of(got), "token_type_hint", hint).WantOK()
					h.Refresh(client, got.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
					h.UserInfo(got.AccessToken).WantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
					if h.UserInfo(other.AccessToken).Status != http.StatusOK {
						h.Errorf("%s of %s: another connection died too", name, client.Name)
					}
					h.Refresh(client, other.RefreshToken).WantTokens()
					h.Call("/o/revoke_token/", client, "token", of(got)).WantOK() // again
				}
			}
		}
		if n := h.Happened(audit.TokenRevoked); n != 16 {
			h.Errorf("%d events of a revocation, want 16", n)
		}
	})
}

// TestRevokingWhatIsNotOnesOwnDoesNothing, and looks like success.
func TestRevokingWhatIsNotOnesOwnDoesNothing(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid")
		code := b.Connect(h.Insight, h.Atlas)
		for _, client := range []webtest.App{h.Notes, h.Pocket} {
			for _, text := range []string{got.RefreshToken, got.AccessToken, got.IDToken, code, "gh_rt_x", "x", "é", strings.Repeat("x", 9000)} {
				h.Call("/o/revoke_token/", client, "token", text).WantOK()
			}
		}
		h.Call("/o/revoke_token/", h.Insight, "token", got.IDToken).WantOK()
		if h.UserInfo(got.AccessToken).Status != http.StatusOK {
			h.Error("the token is dead")
		}
		h.Refresh(h.Insight, got.RefreshToken).WantTokens()
	})
}

// TestAnExpiredAccessTokenStillNamesItsFamily: who has only that one can end the connection.
func TestAnExpiredAccessTokenStillNamesItsFamily(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		h.Clock.Advance(2 * time.Hour)
		if h.Live(h.Insight, got.AccessToken) {
			h.Error("the token is alive after its time")
		}
		h.Call("/o/revoke_token/", h.Insight, "token", got.AccessToken).WantOK()
		h.Refresh(h.Insight, got.RefreshToken).WantJSON(http.StatusBadRequest, "invalid_grant")
	})
}

// TestRevocationAndIntrospectionSayWhatToSend.
func TestRevocationAndIntrospectionSayWhatToSend(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, path := range []string{"/o/revoke_token/", "/o/introspect/"} {
			if says := h.Call(path, h.Insight).WantJSON(http.StatusBadRequest, "invalid_request"); !strings.Contains(says, "token") {
				h.Errorf("%s without a token: %q", path, says)
			}
			h.Call(path, h.Insight, "token", "").WantJSON(http.StatusBadRequest, "invalid_request")
			h.Call(path, h.Insight, "token", "a\x00b").WantJSON(http.StatusBadRequest, "invalid_request")
			h.Call(path, h.Insight, "token", "a", "token", "b").WantJSON(http.StatusBadRequest, "invalid_request")
			form := webtest.AsClient(h.Insight, "token", "x")
			h.Program().Post(path+"?"+form.Encode(), nil).WantJSON(http.StatusBadRequest, "invalid_request")
			h.Program().Post(path+"?token=x", form).WantJSON(http.StatusBadRequest, "invalid_request")
			h.Program().Do(http.MethodPost, path, `{"token":"x"}`, "Content-Type", "application/json").WantJSON(http.StatusBadRequest, "invalid_request")
			h.Program().Get(path+"?"+form.Encode()).WantJSON(http.StatusMethodNotAllowed, "invalid_request")
			// Who asks is checked as at the token endpoint.
			bodies := map[string]bool{}
			for _, a := range []*webtest.Answer{
				h.Call(path, h.Insight, "token", "x", "client_secret", "gh_cs_wrong"), h.Call(path, h.Insight, "token", "x", "client_secret", h.Notes.Secret),
				h.Call(path, h.Insight, "token", "x", "client_id", "nobody"),
				h.Program().Post(path, webtest.Pairs("token", "x"), "Authorization", webtest.Basic(string(h.Insight.ID), "gh_cs_wrong")),
			} {
				a.WantJSON(http.StatusUnauthorized, "invalid_client")
				bodies[a.Body] = true
			}
			if len(bodies) != 1 {
				h.Errorf("%s: there are %d different bodies", path, len(bodies))
			}
			h.Program().Post(path, webtest.Pairs("token", "x")).WantJSON(http.StatusUnauthorized, "invalid_client")
			h.Program().Post(path, webtest.Pairs("token", "x"), "Authorization", "Bearer x").WantJSON(http.StatusUnauthorized, "invalid_client")
			h.Program().Post(path, form, "Authorization", webtest.Basic(string(h.Insight.ID), h.Insight.Secret)).WantJSON(http.StatusBadRequest, "invalid_request")
			h.Program().Post(path, webtest.Pairs("token", "x"), "Authorization", webtest.Basic(string(h.Insight.ID), h.Insight.Secret)).WantStatus(http.StatusOK)
		}
	})
}

// TestFailedAuthenticationCountsWhereverItHappens: a guesser cannot go from one endpoint to the next.
func TestFailedAuthenticationCountsWhereverItHappens(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		paths := []string{"/o/token/", "/o/revoke_token/", "/o/introspect/", "/o/par/"}
		guess := func(path string) *webtest.Answer {
			return h.Call(path, h.Insight, "grant_type", "refresh_token", "refresh_token", "x", "token", "x", "client_secret", "gh_cs_wrong")
		}
		for _, path := range paths {
			guess(path).WantJSON(http.StatusUnauthorized, "invalid_client")
		}
		for _, path := range paths {
			a := guess(path)
			a.WantJSON(http.StatusTooManyRequests, "temporarily_unavailable")
			if a.Header.Get("Retry-After") == "" {
				h.Errorf("%s: no Retry-After", path)
			}
		}
		h.Call("/o/revoke_token/", h.Insight, "token", "x").WantOK() // the client itself is not kept out
	}, func(p *webtest.WebParts) { p.ClientFailures = 4 })
}

// TestWhoDoesNotSayWhoTheyAreIsCountedToo, at every one of the endpoints.
func TestWhoDoesNotSayWhoTheyAreIsCountedToo(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, path := range []string{"/o/token/", "/o/revoke_token/", "/o/introspect/", "/o/par/"} {
			post := func() *webtest.Answer {
				return h.Program().Post(path, webtest.Pairs("grant_type", "client_credentials", "token", "x"), "Authorization", "Basic !!!")
			}
			post().WantJSON(http.StatusUnauthorized, "invalid_client")
			post().WantJSON(http.StatusTooManyRequests, "temporarily_unavailable")
			h.Clock.Advance(16 * time.Minute)
		}
	}, func(p *webtest.WebParts) { p.ClientFailures = 1 })
}
