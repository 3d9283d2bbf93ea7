package endpoint_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestIntrospectTellsWhatALiveTokenIsFor, to the client that owns it and to a resource server of its audience.
func TestIntrospectTellsWhatALiveTokenIsFor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		api := h.ResourceServer(h.Parts.Issuer)
		got := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		person, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, webtest.Ben)
		h.OK(err)
		token := h.Claims(got.AccessToken)
		for _, asks := range []webtest.App{h.Insight, api} {
			claims := h.Introspect(asks, got.AccessToken)
			for name, want := range map[string]any{
				"active": true, "scope": "openid chatbot:read", "client_id": string(h.Insight.ID), "username": webtest.Ben, "sub": string(person.ID),
				"team": "atlas", "team_id": string(h.Atlas.ID), "token_type": "Bearer", "iss": h.Parts.Issuer, "aud": h.Parts.Issuer,
				"exp": float64(webtest.Started.Add(time.Hour).Unix()), "iat": float64(webtest.Started.Unix()), "jti": token["jti"],
			} {
				if claims[name] != want {
					h.Errorf("%s: %s is %v, want %v", asks.Name, name, claims[name], want)
				}
				delete(claims, name)
			}
			for _, extra := range webtest.Members(claims) {
				if !slices.Contains([]string{"auth_time", "acr"}, extra) { // RFC 9470 §6.2
					h.Errorf("%s: it also says %s", asks.Name, extra)
				}
			}
		}
		refresh := h.Introspect(h.Insight, got.RefreshToken)
		if refresh["active"] != true || refresh["client_id"] != string(h.Insight.ID) || refresh["team_id"] != string(h.Atlas.ID) {
			h.Errorf("the refresh token: %v", refresh)
		}
	})
}

// TestIntrospectTellsOthersNothing: another client, a resource server of another audience, and whatever is no live token of ours.
func TestIntrospectTellsOthersNothing(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		api, elsewhere := h.ResourceServer(h.Parts.Issuer), h.ResourceServer("https://elsewhere.example")
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		code := b.Connect(h.Insight, h.Atlas)
		for _, asks := range []webtest.App{h.Notes, elsewhere, h.NewMachine()} {
			for _, text := range []string{got.AccessToken, got.RefreshToken} {
				if h.Live(asks, text) {
					h.Errorf("%s was told about a token", asks.Name)
				}
			}
		}
		if h.Live(api, got.RefreshToken) {
			h.Error("an API was told about a refresh token, which no API should ever see")
		}
		for _, asks := range []webtest.App{h.Insight, api} {
			for _, text := range []string{"x", "gh_rt_x", got.IDToken, code, got.AccessToken + "A", got.AccessToken[:len(got.AccessToken)-4] + "AAAA", "é", "eyJhbGciOiJub25lIn0.e30."} {
				if h.Live(asks, text) {
					h.Errorf("%s: %.20q is alive", asks.Name, text)
				}
			}
		}
		h.Clock.Advance(time.Hour)
		if h.Live(h.Insight, got.AccessToken) || h.Live(api, got.AccessToken) || !h.Live(h.Insight, got.RefreshToken) {
			h.Error("after an hour the access token is alive, or the refresh token dead")
		}
		used := got.RefreshToken
		got = h.Refresh(h.Insight, used).WantTokens()
		if !h.Live(h.Insight, got.AccessToken) || !h.Live(h.Insight, got.RefreshToken) {
			h.Error("the refreshed tokens are dead")
		}
	})
}

// TestIntrospectMachineTokens: there is nobody to name.
func TestIntrospectMachineTokens(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		machine, api := h.NewMachine(), h.ResourceServer(h.Parts.Issuer)
		got := h.MachineToken(machine, "scope", "chatbot:read").WantTokens()
		for _, asks := range []webtest.App{machine, api} {
			claims := h.Introspect(asks, got.AccessToken)
			for name, want := range map[string]any{
				"active": true, "scope": "chatbot:read", "client_id": string(machine.ID), "username": nil, "sub": string(machine.ID),
				"team": "atlas", "team_id": string(h.Atlas.ID), "token_type": "Bearer", "iss": h.Parts.Issuer, "aud": h.Parts.Issuer,
			} {
				if claims[name] != want {
					h.Errorf("%s: %s is %v, want %v", asks.Name, name, claims[name], want)
				}
			}
		}
		h.Clock.Advance(time.Hour)
		if h.Live(machine, got.AccessToken) {
			h.Error("the token is alive after its time")
		}
	})
}
