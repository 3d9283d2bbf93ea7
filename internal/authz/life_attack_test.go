package authz_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Resource servers allow for clocks that differ. A token that was revoked must not come back to life in the moments between its expiry and theirs.
func TestAttackRevokedTokenWithinTheLeewayOfItsExpiry(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		family, refreshed, machine := w.mustConnect(w.app, w.red), w.mustConnect(w.public, w.red), w.machine()
		refreshed = w.mustRefresh(w.public, refreshed.RefreshToken)
		grant := w.mustConnect(w.redOnly, w.red)
		single := w.mustMachineToken(machine)
		w.ok(w.server.Revoke(w.ctx(), w.app.asks(family.RefreshToken)))
		w.ok(w.server.Revoke(w.ctx(), w.public.asks(refreshed.RefreshToken)))
		w.ok(w.server.Revoke(w.ctx(), machine.asks(single.AccessToken)))
		w.ok(w.db.RevokeGrant(w.ctx(), authz.GrantID(w.claims(grant.AccessToken)["grant_id"].(string))))

		w.clock.Advance(time.Hour + token.ClockLeeway - 2*time.Second)
		said, _ := w.ended(w.server)
		if len(said.Families) != 2 || len(said.Grants) != 1 || !slices.Equal(said.Tokens, []string{w.jti(single.AccessToken)}) {
			t.Errorf("shortly after the tokens' expiry the list says %+v, want all of what was ended", said)
		}
	})
}

// The clocks of two servers differ. A machine token by the faster server is dead when the slower server ends its client,
// although its iat is later than the end, and it stays dead when the client comes back.
func TestAttackMachineTokenOutlivesItsEndWhenClocksDiffer(t *testing.T) {
	disable := func(w *world, m app) error { return w.db.DisableClient(w.ctx(), m.ID, w.clock.Now()) }
	enable := func(w *world, m app) error { return w.db.EnableClient(w.ctx(), m.ID) }
	for name, tt := range map[string]struct{ end, restore func(w *world, m app) error }{
		"disabled": {disable, enable},
		"blocked": {
			func(w *world, m app) error { return w.blockIn(w.red, m.ID, "no") },
			func(w *world, m app) error { return w.govern.Unblock(w.ctx(), team.CommandLine, w.red.ID, m.ID) },
		},
		"removed": {
			func(w *world, m app) error { return w.db.RemoveClient(w.ctx(), m.ID) },
			func(w *world, m app) error { return w.db.AddClient(w.ctx(), m.Client) },
		},
		"team removed": {
			func(w *world, _ app) error { return w.db.RemoveTeam(w.ctx(), w.red.ID, "", nil) },
			func(w *world, m app) error {
				w.ok(w.db.AddTeam(w.ctx(), w.red))
				return w.db.AddClient(w.ctx(), m.Client)
			},
		},
		"disabled by the faster server, enabled, and disabled by the slower one": {
			func(w *world, m app) error {
				w.ok(w.db.DisableClient(w.ctx(), m.ID, w.clock.Now().Add(3*time.Second)))
				w.ok(enable(w, m))
				return disable(w, m)
			},
			enable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, w *world) {
				machine, api := w.machine(), w.resourceServer(issuer)
				_, _, faster := w.processAt(func() time.Time { return w.clock.Now().Add(3 * time.Second) })
				got, err := w.exchange(faster, form(machine, "", "grant_type", "client_credentials"))
				w.ok(err)
				w.wantLive(api, got.AccessToken, true)
				issued := int64(w.claims(got.AccessToken)["iat"].(float64))

				w.ok(tt.end(w, machine))
				w.wantLive(api, got.AccessToken, false)
				if said, _ := w.ended(w.server); said.Clients[string(machine.ID)] < issued {
					t.Errorf("the list says that tokens until %d are dead, and the token is of %d", said.Clients[string(machine.ID)], issued)
				}
				w.ok(tt.restore(w, machine))
				w.wantLive(api, got.AccessToken, false)
			})
		})
	}
}

// RFC 8707: an audience that the operator takes away from a client is taken away from what it has.
func TestAttackAudienceThatWasTakenAway(t *testing.T) {
	const reports, billing = "https://reports.example/", "https://billing.example/"
	w := onSQLite(t)
	reporter := w.register(client.Registration{Name: "R", RedirectURIs: []string{callback}, Resources: []string{reports, billing}})
	only := w.mustConnect(reporter, w.red, "resource", reports)
	session := w.session(w.ada)
	n := w.approve(w.page(twoResources(reporter, reports, billing), session).Sealed, session, w.red.ID)
	both := w.mustRedeem(reporter, n.Response.Code)
	code := w.connect(reporter, w.red, "resource", reports)

	_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, reporter.ID, client.Change{Resources: []string{billing}})
	w.ok(err)
	_, err = w.redeem(reporter, code)
	wantCode(t, err, oauth.InvalidGrant)
	_, err = w.refresh(reporter, only.RefreshToken)
	wantCode(t, err, oauth.InvalidGrant)
	_, err = w.refresh(reporter, both.RefreshToken, "resource", reports)
	wantCode(t, err, oauth.InvalidTarget)
	if aud := w.claims(w.mustRefresh(reporter, both.RefreshToken).AccessToken)["aud"]; aud != billing {
		t.Errorf("aud is %v, want %v", aud, billing)
	}
}

// A code with a wrong verifier leaves a row. It must not stay for as long as a connection would.
func TestAttackBurntCodesPileUp(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	wrong := "wrong" + verifier[5:]
	_, err := w.redeem(w.app, code, "code_verifier", wrong)
	wantCode(t, err, oauth.InvalidGrant)
	_, err = w.redeem(w.app, code)
	wantCode(t, err, oauth.InvalidGrant)
	w.clock.Advance(time.Minute + token.ClockLeeway)
	_, err = w.db.Prune(w.ctx(), w.clock.Now(), 100)
	w.ok(err)
	w.wantFamily(code, "none")
	_, err = w.redeem(w.app, code)
	wantCode(t, err, oauth.InvalidGrant)
	w.wantFamily(code, "none")
}

// What is on record of replays is what they ended: not each of any number of them, and not the second try after a slip.
func TestAttackReplaysThatFillTheAuditTrail(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	w.mustRedeem(w.app, code)
	for range 5 {
		_, err := w.redeem(w.app, code)
		wantCode(t, err, oauth.InvalidGrant)
	}
	if n := len(w.events(audit.CodeReplayed)); n != 1 {
		t.Errorf("%d replays are recorded, want the one that ended the connection", n)
	}
	burnt := w.connect(w.app, w.red)
	_, err := w.redeem(w.app, burnt, "code_verifier", "wrong"+verifier[5:])
	wantCode(t, err, oauth.InvalidGrant)
	_, err = w.redeem(w.app, burnt)
	wantCode(t, err, oauth.InvalidGrant)
	if n := len(w.events(audit.CodeReplayed)); n != 1 {
		t.Errorf("%d replays are recorded, want still one: nothing came of the burnt code", n)
	}
}

// What has ended goes soon after its tokens, and not before its code is dead.
func TestAttackEndedConnectionsPileUp(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		code := w.connect(w.app, w.red)
		w.ok(w.server.Revoke(w.ctx(), w.app.asks(w.mustRedeem(w.app, code).RefreshToken)))
		prune := func() {
			t.Helper()
			_, err := w.db.Prune(w.ctx(), w.clock.Now(), 100)
			w.ok(err)
		}
		w.clock.Advance(time.Hour + time.Minute)
		prune()
		w.wantFamily(code, "ended")
		w.clock.Advance(time.Hour)
		prune()
		w.wantFamily(code, "none")
	})
}

// A redirect URI is taken away because it is in the wrong hands. So may be the codes that went there.
func TestAttackCodeAtARedirectURIThatWasTakenAway(t *testing.T) {
	w := onSQLite(t)
	code := w.connect(w.app, w.red)
	_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, w.app.ID, client.Change{RedirectURIs: []string{"https://app.example/other"}})
	w.ok(err)
	_, err = w.redeem(w.app, code)
	wantCode(t, err, oauth.InvalidGrant)
	w.wantFamily(code, "none")
}

// The clocks of two servers differ. The one that is ahead must not forget an assertion that the other would believe again.
func TestAttackAssertionReplayedWhereTheClockIsBehind(t *testing.T) {
	w := onSQLite(t)
	key := newSigner(t, "k1")
	client := w.register(client.Registration{Name: "K", RedirectURIs: []string{callback}, JWKS: key.jwks(t)})
	used := key.assertion(w, client, map[string]any{"exp": w.clock.Now().Add(time.Minute).Unix()})
	w.ok(w.believed(w.server, used))
	_, err := w.db.Prune(w.ctx(), w.clock.Now().Add(time.Minute+30*time.Second), 100) // by the server that is ahead
	w.ok(err)
	if err := w.believed(w.server, used); err == nil {
		t.Error("the assertion works twice")
	}
}
