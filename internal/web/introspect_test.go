package web_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// The rows of "POST /o/introspect/".

// resourceServer registers an API that may introspect tokens of an audience.
func (h *house) resourceServer(audience string) app {
	h.Helper()
	return h.register(client.Registration{Name: "API of " + audience, ResourceServer: audience})
}

// TestIntrospectTellsWhatALiveTokenIsFor, to the client that owns it and to a resource server of its audience.
func TestIntrospectTellsWhatALiveTokenIsFor(t *testing.T) {
	onBoth(t, func(h *house) {
		api := h.resourceServer(h.parts.Issuer)
		got := h.signedIn(ben).connection(h.insight, h.atlas, "scope", "openid chatbot:read")
		person, err := h.directory.UserByEmail(h.Context(), team.CommandLine, ben)
		h.ok(err)
		token := h.claims(got.AccessToken)
		for _, asks := range []app{h.insight, api} {
			claims := h.introspect(asks, got.AccessToken)
			for name, want := range map[string]any{
				"active": true, "scope": "openid chatbot:read", "client_id": string(h.insight.ID), "username": ben, "sub": string(person.ID),
				"team": "atlas", "team_id": string(h.atlas.ID), "token_type": "Bearer", "iss": h.parts.Issuer, "aud": h.parts.Issuer,
				"exp": float64(started.Add(time.Hour).Unix()), "iat": float64(started.Unix()), "jti": token["jti"],
			} {
				if claims[name] != want {
					h.Errorf("%s: %s is %v, want %v", asks.Name, name, claims[name], want)
				}
				delete(claims, name)
			}
			for _, extra := range members(claims) {
				if !slices.Contains([]string{"auth_time", "acr"}, extra) { // RFC 9470 §6.2
					h.Errorf("%s: it also says %s", asks.Name, extra)
				}
			}
		}
		refresh := h.introspect(h.insight, got.RefreshToken)
		if refresh["active"] != true || refresh["client_id"] != string(h.insight.ID) || refresh["team_id"] != string(h.atlas.ID) {
			h.Errorf("the refresh token: %v", refresh)
		}
	})
}

// TestIntrospectTellsOthersNothing: another client, a resource server of another audience, and whatever is no live token of ours.
func TestIntrospectTellsOthersNothing(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		api, elsewhere := h.resourceServer(h.parts.Issuer), h.resourceServer("https://elsewhere.example")
		got := b.connection(h.insight, h.atlas, "scope", "openid chatbot:read")
		code := b.connect(h.insight, h.atlas)
		for _, asks := range []app{h.notes, elsewhere, h.newMachine()} {
			for _, text := range []string{got.AccessToken, got.RefreshToken} {
				if h.live(asks, text) {
					h.Errorf("%s was told about a token", asks.Name)
				}
			}
		}
		if h.live(api, got.RefreshToken) {
			h.Error("an API was told about a refresh token, which no API should ever see")
		}
		for _, asks := range []app{h.insight, api} {
			for _, text := range []string{"x", "gh_rt_x", got.IDToken, code, got.AccessToken + "A", got.AccessToken[:len(got.AccessToken)-4] + "AAAA", "é", "eyJhbGciOiJub25lIn0.e30."} {
				if h.live(asks, text) {
					h.Errorf("%s: %.20q is alive", asks.Name, text)
				}
			}
		}
		h.clock.advance(time.Hour)
		if h.live(h.insight, got.AccessToken) || h.live(api, got.AccessToken) || !h.live(h.insight, got.RefreshToken) {
			h.Error("after an hour the access token is alive, or the refresh token dead")
		}
		used := got.RefreshToken
		got = h.refresh(h.insight, used).wantTokens()
		if !h.live(h.insight, got.AccessToken) || !h.live(h.insight, got.RefreshToken) {
			h.Error("the refreshed tokens are dead")
		}
	})
}

// TestIntrospectMachineTokens: there is nobody to name.
func TestIntrospectMachineTokens(t *testing.T) {
	onBoth(t, func(h *house) {
		machine, api := h.newMachine(), h.resourceServer(h.parts.Issuer)
		got := h.machineToken(machine, "scope", "chatbot:read").wantTokens()
		for _, asks := range []app{machine, api} {
			claims := h.introspect(asks, got.AccessToken)
			for name, want := range map[string]any{
				"active": true, "scope": "chatbot:read", "client_id": string(machine.ID), "username": nil, "sub": string(machine.ID),
				"team": "atlas", "team_id": string(h.atlas.ID), "token_type": "Bearer", "iss": h.parts.Issuer, "aud": h.parts.Issuer,
			} {
				if claims[name] != want {
					h.Errorf("%s: %s is %v, want %v", asks.Name, name, claims[name], want)
				}
			}
		}
		h.clock.advance(time.Hour)
		if h.live(machine, got.AccessToken) {
			h.Error("the token is alive after its time")
		}
	})
}
