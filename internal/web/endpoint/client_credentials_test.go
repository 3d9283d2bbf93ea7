package endpoint_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestMachinesActInTheirOwnTeam, for themselves: no person, no grant, no refresh token.
func TestMachinesActInTheirOwnTeam(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		machine := h.NewMachine()
		got := h.MachineToken(machine).WantTokens()
		if got.Team != "atlas" || got.RefreshToken != "" || got.IDToken != "" || got.Scope != webtest.Catalogue.Scope().String() {
			h.Errorf("got %+v", got)
		}
		claims := h.Claims(got.AccessToken)
		for name, want := range map[string]any{
			"iss": h.Parts.Issuer, "sub": string(machine.ID), "client_id": string(machine.ID), "aud": h.Parts.Issuer,
			"team": "atlas", "team_id": string(h.Atlas.ID), "grant_id": nil, "auth_time": nil, "scope": got.Scope,
		} {
			if claims[name] != want {
				h.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
		// Naming another team changes nothing.
		if other := h.MachineToken(machine, "team", "borealis").WantTokens(); other.Team != "atlas" {
			h.Errorf("got a token for %q", other.Team)
		}
		h.Program().Post("/o/token/", webtest.Pairs("grant_type", "client_credentials"), "Authorization", webtest.Basic(string(machine.ID), machine.Secret)).WantTokens()
	})
}

// TestMachinesScope: all that the client is allowed when it names none, never more, and nothing about people.
func TestMachinesScope(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		machine := h.NewMachine("chatbot:read", "session:read")
		if got := h.MachineToken(machine).WantTokens().Scope; got != "chatbot:read session:read" {
			h.Errorf("no scope asked for: got %q", got)
		}
		if got := h.MachineToken(machine, "scope", "session:read").WantTokens().Scope; got != "session:read" {
			h.Errorf("got %q, want session:read", got)
		}
		for _, scope := range []string{"session:write", "chatbot:read session:write", "nothing", "openid", "chatbot:read profile", "email", "offline_access", "a\tb"} {
			h.MachineToken(machine, "scope", scope).WantJSON(http.StatusBadRequest, "invalid_scope")
		}
	})
}

// TestOnlyMachinesUseClientCredentials.
func TestOnlyMachinesUseClientCredentials(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, client := range []webtest.App{h.Insight, h.Notes, h.Pocket, h.ResourceServer(h.Parts.Issuer)} {
			h.MachineToken(client).WantJSON(http.StatusBadRequest, "unauthorized_client")
		}
		machine := h.NewMachine()
		h.MachineToken(machine, "client_secret", "gh_cs_wrong").WantJSON(http.StatusUnauthorized, "invalid_client")
		h.Refresh(machine, "gh_rt_x").WantJSON(http.StatusBadRequest, "unauthorized_client")
	})
}

// TestMachinesDieWithTheirTeamAndClient, and their tokens with them.
func TestMachinesDieWithTheirTeamAndClient(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		api := h.ResourceServer(h.Parts.Issuer)
		disabled, removed, teamless := h.NewMachine(), h.NewMachine(), h.NewMachine()
		for name, row := range map[string]struct {
			client webtest.App
			end    func()
		}{
			"disabled": {disabled, func() { h.OK(h.DB.DisableClient(h.Context(), disabled.ID, h.Clock.Now())) }},
			"removed":  {removed, func() { h.OK(h.DB.RemoveClient(h.Context(), removed.ID)) }},
		} {
			got := h.MachineToken(row.client).WantTokens()
			if !h.Live(api, got.AccessToken) || !h.Live(row.client, got.AccessToken) {
				h.Errorf("%s: before it the token is dead already", name)
			}
			row.end()
			h.MachineToken(row.client).WantJSON(http.StatusUnauthorized, "invalid_client")
			if h.Live(api, got.AccessToken) {
				h.Errorf("%s: the token is alive", name)
			}
		}
		got := h.MachineToken(teamless).WantTokens()
		_, err := h.Directory.RemoveTeam(h.Context(), team.CommandLine, "atlas")
		h.OK(err)
		if a := h.MachineToken(teamless); a.Status < 400 || a.Status >= 500 {
			h.Errorf("its team is gone: status %d: %s", a.Status, a.Body)
		}
		if h.Live(api, got.AccessToken) {
			h.Error("its team is gone, and the token is alive")
		}
	})
}

// TestMachineTokenIsRevoked until it expires, and only that one.
func TestMachineTokenIsRevoked(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		machine := h.NewMachine()
		got, other := h.MachineToken(machine).WantTokens(), h.MachineToken(machine).WantTokens()
		h.Call("/o/revoke_token/", h.Insight, "token", got.AccessToken).WantOK() // not its own
		if !h.Live(machine, got.AccessToken) {
			h.Error("another client revoked it")
		}
		h.Call("/o/revoke_token/", machine, "token", got.AccessToken).WantOK()
		h.Call("/o/revoke_token/", machine, "token", got.AccessToken).WantOK()
		if h.Live(machine, got.AccessToken) || !h.Live(machine, other.AccessToken) {
			h.Error("the revoked token is alive, or the other is dead")
		}
		if !strings.Contains(h.Ended(), `"tokens":["`) {
			h.Errorf("the list of what has ended is %s", h.Ended())
		}
	})
}
