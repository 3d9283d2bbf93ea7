package authz_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
)

// However often an application has itself authorized again, what it leaves behind is bounded: the grant's older connections can be refreshed only as long as their access tokens live.
func TestAttackConnectionsWithoutNumber(t *testing.T) {
	w := onSQLite(t)
	const keep = 5
	server := authz.New(w.db, w.keys, w.clock.now, authz.Options{Issuer: issuer, Catalogue: catalogue, ConnectionsPerGrant: keep})
	first := w.mustConnect(w.app, w.red)
	session := w.session(w.ada)
	trimmed := func(id string) bool { return strings.HasSuffix(id, "A") }
	for made := 0; ; made++ {
		n, err := server.Next(w.ctx(), w.begin(params(w.app, "team", "red")), session)
		w.ok(err)
		_, err = w.exchange(server, form(w.app, n.Response.Code))
		w.ok(err)
		if made > 3*keep && trimmed(w.familyID(n.Response.Code)) {
			break
		}
	}
	if waiting := w.count(`SELECT COUNT(*) FROM families WHERE ended_at = 0 AND expires_at > token_dead_at`); waiting > 2*keep+1 { // and the one for which there was made room
		t.Errorf("%d connections wait to be refreshed, want %d at most", waiting, 2*keep+1)
	}
	w.wantLive(w.app, first.AccessToken, true)
	w.mustRefresh(w.app, first.RefreshToken)
}
