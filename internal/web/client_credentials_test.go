package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// The row of the client_credentials grant.

// newMachine registers a machine client of atlas, as an operator would.
func (h *house) newMachine(scope ...string) app {
	h.Helper()
	return h.register(client.Registration{Name: "Nightly", Machine: true, Team: h.atlas, Scope: scope})
}

func (h *house) machineToken(client app, namesAndValues ...string) *answer {
	h.Helper()
	return h.call("/o/token/", client, append([]string{"grant_type", "client_credentials"}, namesAndValues...)...)
}

// TestMachinesActInTheirOwnTeam, for themselves: no person, no grant, no refresh token.
func TestMachinesActInTheirOwnTeam(t *testing.T) {
	onBoth(t, func(h *house) {
		machine := h.newMachine()
		got := h.machineToken(machine).wantTokens()
		if got.Team != "atlas" || got.RefreshToken != "" || got.IDToken != "" || got.Scope != catalogue.Scope().String() {
			h.Errorf("got %+v", got)
		}
		claims := h.claims(got.AccessToken)
		for name, want := range map[string]any{
			"iss": h.parts.Issuer, "sub": string(machine.ID), "client_id": string(machine.ID), "aud": h.parts.Issuer,
			"team": "atlas", "team_id": string(h.atlas.ID), "grant_id": nil, "auth_time": nil, "scope": got.Scope,
		} {
			if claims[name] != want {
				h.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
		// Naming another team changes nothing.
		if other := h.machineToken(machine, "team", "borealis").wantTokens(); other.Team != "atlas" {
			h.Errorf("got a token for %q", other.Team)
		}
		h.program().post("/o/token/", pairs("grant_type", "client_credentials"), "Authorization", basic(string(machine.ID), machine.secret)).wantTokens()
	})
}

// TestMachinesScope: all that the client is allowed when it names none, never more, and nothing about people.
func TestMachinesScope(t *testing.T) {
	onBoth(t, func(h *house) {
		machine := h.newMachine("chatbot:read", "session:read")
		if got := h.machineToken(machine).wantTokens().Scope; got != "chatbot:read session:read" {
			h.Errorf("no scope asked for: got %q", got)
		}
		if got := h.machineToken(machine, "scope", "session:read").wantTokens().Scope; got != "session:read" {
			h.Errorf("got %q, want session:read", got)
		}
		for _, scope := range []string{"session:write", "chatbot:read session:write", "nothing", "openid", "chatbot:read profile", "email", "offline_access", "a\tb"} {
			h.machineToken(machine, "scope", scope).wantJSON(http.StatusBadRequest, "invalid_scope")
		}
	})
}

// TestOnlyMachinesUseClientCredentials.
func TestOnlyMachinesUseClientCredentials(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, client := range []app{h.insight, h.notes, h.pocket, h.resourceServer(h.parts.Issuer)} {
			h.machineToken(client).wantJSON(http.StatusBadRequest, "unauthorized_client")
		}
		machine := h.newMachine()
		h.machineToken(machine, "client_secret", "gh_cs_wrong").wantJSON(http.StatusUnauthorized, "invalid_client")
		h.refresh(machine, "gh_rt_x").wantJSON(http.StatusBadRequest, "unauthorized_client")
	})
}

// TestMachinesDieWithTheirTeamAndClient, and their tokens with them.
func TestMachinesDieWithTheirTeamAndClient(t *testing.T) {
	onBoth(t, func(h *house) {
		api := h.resourceServer(h.parts.Issuer)
		disabled, removed, teamless := h.newMachine(), h.newMachine(), h.newMachine()
		for name, row := range map[string]struct {
			client app
			end    func()
		}{
			"disabled": {disabled, func() { h.ok(h.db.DisableClient(h.Context(), disabled.ID, h.clock.now())) }},
			"removed":  {removed, func() { h.ok(h.db.RemoveClient(h.Context(), removed.ID)) }},
		} {
			got := h.machineToken(row.client).wantTokens()
			if !h.live(api, got.AccessToken) || !h.live(row.client, got.AccessToken) {
				h.Errorf("%s: before it the token is dead already", name)
			}
			row.end()
			h.machineToken(row.client).wantJSON(http.StatusUnauthorized, "invalid_client")
			if h.live(api, got.AccessToken) {
				h.Errorf("%s: the token is alive", name)
			}
		}
		got := h.machineToken(teamless).wantTokens()
		_, err := h.directory.RemoveTeam(h.Context(), team.CommandLine, "atlas")
		h.ok(err)
		if a := h.machineToken(teamless); a.status < 400 || a.status >= 500 {
			h.Errorf("its team is gone: status %d: %s", a.status, a.body)
		}
		if h.live(api, got.AccessToken) {
			h.Error("its team is gone, and the token is alive")
		}
	})
}

// TestMachineTokenIsRevoked until it expires, and only that one.
func TestMachineTokenIsRevoked(t *testing.T) {
	onBoth(t, func(h *house) {
		machine := h.newMachine()
		got, other := h.machineToken(machine).wantTokens(), h.machineToken(machine).wantTokens()
		h.call("/o/revoke_token/", h.insight, "token", got.AccessToken).wantOK() // not its own
		if !h.live(machine, got.AccessToken) {
			h.Error("another client revoked it")
		}
		h.call("/o/revoke_token/", machine, "token", got.AccessToken).wantOK()
		h.call("/o/revoke_token/", machine, "token", got.AccessToken).wantOK()
		if h.live(machine, got.AccessToken) || !h.live(machine, other.AccessToken) {
			h.Error("the revoked token is alive, or the other is dead")
		}
		if !strings.Contains(h.ended(), `"tokens":["`) {
			h.Errorf("the list of what has ended is %s", h.ended())
		}
	})
}
