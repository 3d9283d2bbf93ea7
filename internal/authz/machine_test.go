package authz_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

// machineToken asks for a machine token, with changes as for params.
func (w *world) machineToken(client app, changes ...string) (oauth.TokenResponse, error) {
	return w.exchange(w.server, form(client, "", append([]string{"grant_type", "client_credentials"}, changes...)...))
}

func (w *world) mustMachineToken(client app, changes ...string) oauth.TokenResponse {
	w.Helper()
	response, err := w.machineToken(client, changes...)
	w.ok(err)
	return response
}

func TestMachineTokenIsForTheClientInItsTeam(t *testing.T) {
	w := onSQLite(t)
	machine := w.machine()
	got := w.mustMachineToken(machine)
	claims := w.claims(got.AccessToken)
	if jti, _ := claims["jti"].(string); !strings.HasPrefix(jti, "m.") || len(jti) < 28 {
		t.Errorf("jti %q, want m. and something random", jti)
	}
	delete(claims, "jti")
	now := float64(w.clock.Now().Unix())
	want := map[string]any{
		"iss": issuer, "aud": issuer, "sub": string(machine.ID), "client_id": string(machine.ID), "scope": "chatbot:read session:read session:write",
		"iat": now, "exp": now + 3600, "team": "red", "team_id": string(w.red.ID),
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	got.AccessToken = ""
	if diff := cmp.Diff(oauth.TokenResponse{TokenType: "Bearer", ExpiresIn: 3600, Scope: "chatbot:read session:read session:write", Team: "red"}, got); diff != "" {
		t.Errorf("response, which must have no refresh token (-want +got):\n%s", diff)
	}
	if events := w.events(audit.MachineToken); len(events) != 1 || events[0].Team != string(w.red.ID) || events[0].Actor != "client:"+string(machine.ID) {
		t.Errorf("recorded: %+v", events)
	}
}

func TestMachineTokenStaysBelowTheCeiling(t *testing.T) {
	w := onSQLite(t)
	machine := w.register(client.Registration{Name: "M", Machine: true, Team: w.red, Scope: oauth.Scope{"session:write", "chatbot:read"}})
	if got := w.mustMachineToken(machine); got.Scope != "chatbot:read session:write" {
		t.Errorf("scope omitted: %q, want all that the client is allowed", got.Scope)
	}
	if got := w.mustMachineToken(machine, "scope", "chatbot:read"); got.Scope != "chatbot:read" {
		t.Errorf("scope asked: %q, want chatbot:read", got.Scope)
	}
	for _, scope := range []string{"session:read", "chatbot:fly", "openid", "profile", "email", "offline_access", "chatbot:read openid"} {
		_, err := w.machineToken(machine, "scope", scope)
		wantCode(t, err, oauth.InvalidScope)
	}
}

func TestOnlyMachineClientsActForThemselves(t *testing.T) {
	w := onSQLite(t)
	for _, client := range []app{w.app, w.public, w.redOnly, w.resourceServer(issuer)} {
		_, err := w.machineToken(client)
		wantCode(t, err, oauth.UnauthorizedClient)
	}
	_, err := w.machineToken(w.machine(), "client_secret", "gh_cs_wrong")
	wantCode(t, err, oauth.InvalidClient)
}

func TestMachineTokenForAResource(t *testing.T) {
	w := onSQLite(t)
	const reports = "https://reports.example/"
	machine := w.register(client.Registration{Name: "M", Machine: true, Team: w.red, Resources: []string{reports}})
	for resource, want := range map[string]string{"": issuer, reports: reports, issuer: issuer} {
		if aud := w.claims(w.mustMachineToken(machine, "resource", resource).AccessToken)["aud"]; aud != want {
			t.Errorf("resource %q: aud %v, want %s", resource, aud, want)
		}
	}
	_, err := w.machineToken(machine, "resource", "https://other.example/")
	wantCode(t, err, oauth.InvalidTarget)
}

func TestStatementsOfAMachineToken(t *testing.T) {
	w := onSQLite(t)
	machine := w.machine()
	got := w.statements.during(func() { w.mustMachineToken(machine) })
	if diff := cmp.Diff(map[string]int{"IssueMachine": 1, "audit": 1, "commit": 1}, got); diff != "" {
		t.Errorf("what justifies it now, and its record (-want +got):\n%s", diff)
	}
}

// A machine token is dead as soon as its client or team is, or it was revoked; and another of the same client is not.
func TestMachineTokenDiesWithItsReason(t *testing.T) {
	tests := map[string]func(w *world, machine app, accessToken string) error{
		"revoked":         func(w *world, m app, text string) error { return w.server.Revoke(w.ctx(), m.asks(text)) },
		"client disabled": func(w *world, m app, _ string) error { return w.db.DisableClient(w.ctx(), m.ID, w.clock.Now()) },
		"client disabled and enabled": func(w *world, m app, _ string) error {
			w.ok(w.db.DisableClient(w.ctx(), m.ID, w.clock.Now()))
			return w.db.EnableClient(w.ctx(), m.ID)
		},
		"client removed": func(w *world, m app, _ string) error { return w.db.RemoveClient(w.ctx(), m.ID) },
		"team removed": func(w *world, _ app, _ string) error {
			_, err := w.directory.RemoveTeam(w.ctx(), team.CommandLine, "red")
			return err
		},
		"blocked": func(w *world, m app, _ string) error {
			return w.blockIn(w.red, m.ID, "no")
		},
		"expired": func(w *world, _ app, _ string) error { w.clock.Advance(time.Hour); return nil },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t)
			machine, api := w.machine(), w.resourceServer(issuer)
			got, other := w.mustMachineToken(machine), w.mustMachineToken(machine)
			if i := w.introspect(api, got.AccessToken); !i.Active || i.ClientID != string(machine.ID) || i.Subject != i.ClientID || i.Team != "red" || i.Username != "" {
				t.Errorf("alive: %+v", i)
			}
			w.ok(end(w, machine, got.AccessToken))
			if i := w.introspect(api, got.AccessToken); i != (oauth.Introspection{}) {
				t.Errorf("it is still alive: %+v", i)
			}
			if i := w.introspect(api, other.AccessToken); i.Active != (name == "revoked") {
				t.Errorf("the other token: active is %v", i.Active)
			}
		})
	}
}

func TestRevokedMachineTokenCostsOneRow(t *testing.T) {
	w := onSQLite(t)
	machine := w.machine()
	got := w.mustMachineToken(machine)
	for range 2 {
		w.ok(w.server.Revoke(w.ctx(), machine.asks(got.AccessToken)))
	}
	if n := w.count("SELECT COUNT(*) FROM gh_endings"); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	stranger := w.register(client.Registration{Name: "N", Machine: true, Team: w.red})
	other := w.mustMachineToken(machine)
	w.ok(w.server.Revoke(w.ctx(), stranger.asks(other.AccessToken)))
	if i := w.introspect(machine, other.AccessToken); !i.Active {
		t.Error("another client revoked the token")
	}
	w.clock.Advance(time.Hour)
	w.ok(w.server.Revoke(w.ctx(), machine.asks(other.AccessToken)))
	if n := w.count("SELECT COUNT(*) FROM gh_endings"); n != 1 {
		t.Errorf("an expired token was revoked: %d rows, want 1", n)
	}
}

func TestBlockedMachineGetsNoToken(t *testing.T) {
	w := onSQLite(t)
	machine := w.machine()
	w.ok(w.blockIn(w.red, machine.ID, "no"))
	_, err := w.machineToken(machine)
	wantCode(t, err, oauth.UnauthorizedClient)
	w.ok(w.govern.Unblock(w.ctx(), team.CommandLine, w.red.ID, machine.ID))
	w.mustMachineToken(machine)
}

// A machine in red has nothing to do with another team that takes its slug.
func TestAttackMachineTokenAfterItsSlugWasReused(t *testing.T) {
	w := onSQLite(t)
	machine, api := w.machine(), w.resourceServer(issuer)
	got := w.mustMachineToken(machine)
	var removed team.Team
	removed, err := w.directory.RemoveTeam(w.ctx(), team.CommandLine, "red")
	w.ok(err)
	w.directory.Teams = storetest.LongAfter(w, w.databaseURL)
	again := w.addTeam("red", "Red again")
	if removed.ID == again.ID {
		t.Fatal("two teams have one id")
	}
	if i := w.introspect(api, got.AccessToken); i.Active {
		t.Errorf("it is alive again: %+v", i)
	}
	_, err = w.machineToken(machine)
	wantCode(t, err, oauth.InvalidClient)
}
