package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// A database that does not answer is nobody's mistake: 503 with Retry-After at every endpoint and on every page. A client that were told
// invalid_grant would give up its connection.
func TestDatabaseThatDoesNotAnswerIs503(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		code := b.Connect(h.Insight, h.Atlas)
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		machine := h.NewMachine("chatbot:read")
		wrong := h.Insight
		wrong.Secret = "wrong"
		consent := b.Authorize(h.Insight, "prompt", "consent").WantConsent()
		h.OK(h.DB.Close())

		for name, answer := range map[string]*webtest.Answer{
			"code":          h.Redeem(h.Insight, code),
			"refresh":       h.Refresh(h.Insight, got.RefreshToken),
			"machine token": h.MachineToken(machine),
			"wrong secret":  h.Redeem(wrong, code),
			"introspection": h.Call("/o/introspect/", h.Insight, "token", got.AccessToken),
			"revocation":    h.Call("/o/revoke_token/", h.Insight, "token", got.RefreshToken),
			"pushed":        h.Push(h.Insight),
			"userinfo":      h.UserInfo(got.AccessToken),
			"ended tokens":  h.Program().Get("/.well-known/ended-tokens.jwt"),
		} {
			answer.WantJSON(http.StatusServiceUnavailable, "temporarily_unavailable")
			wantRetry(t, name, answer)
		}
		for name, answer := range map[string]*webtest.Answer{
			"authorize":    b.Authorize(h.Insight),
			"consent":      consent.Decide("authorize", h.Atlas.ID),
			"sign-in":      h.Browser().SignIn(webtest.Ana, url.Values{}),
			"sign-out":     b.Post("/logout/", url.Values{}),
			"applications": b.Get("/account/applications/"),
			"team":         b.Get("/teams/atlas/applications/"),
		} {
			answer.WantPage(http.StatusServiceUnavailable, "cannot reach its database")
			answer.WantPage(http.StatusServiceUnavailable, answer.Header.Get("X-Request-Id")).WantNothingOf("sql", "closed")
			wantRetry(t, name, answer)
		}
		if h.UserInfo(got.AccessToken).Header.Get("WWW-Authenticate") != "" {
			h.Error("a client is told that its token is bad, and nobody knows")
		}
		if !strings.Contains(h.Logged.String(), "closed") {
			h.Errorf("the log does not say why:\n%s", h.Logged)
		}
	})
}

func wantRetry(t *testing.T, name string, answer *webtest.Answer) {
	t.Helper()
	if got := answer.Header.Get("Retry-After"); got != "2" {
		t.Errorf("%s: Retry-After is %q, want 2", name, got)
	}
}
