package authz_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// However often an application has itself authorized again, what it leaves behind is bounded: the grant's older connections can be refreshed only as long as their access tokens
// live. Nor do codes help that are kept for later, and by then belong behind connections that have been let go.
func TestAttackConnectionsWithoutNumber(t *testing.T) {
	for name, late := range map[string]int{"at once": 0, "of codes kept for later": 300} {
		t.Run(name, func(t *testing.T) {
			w := onSQLite(t)
			const keep = 5
			server := authz.New(storetest.Stores(w.db), w.keys, w.clock.Now, options(func(o *authz.Options) { o.ConnectionsPerGrant = keep }))
			first := w.mustConnect(w.app, w.red)
			browser := w.browser(w.session(w.ada))
			code := func() string {
				n, err := server.Begin(w.ctx(), params(w.app, "team", "red"), browser)
				w.ok(err)
				return n.Response.Code
			}
			redeem := func(code string) {
				_, err := w.exchange(server, form(w.app, code))
				w.ok(err)
			}
			// untilTrimmed connects until a redemption has looked for connections that are too many.
			untilTrimmed := func() {
				for {
					w.clock.Advance(time.Millisecond)
					next := code()
					redeem(next)
					if strings.HasSuffix(w.familyID(next), "A") {
						return
					}
				}
			}
			var kept []string
			for range late {
				kept = append(kept, code())
			}
			untilTrimmed()
			for range 300 {
				w.clock.Advance(time.Millisecond)
				redeem(code())
			}
			w.clock.Advance(50 * time.Second)
			untilTrimmed()
			for _, code := range kept {
				redeem(code)
			}
			untilTrimmed()
			w.clock.Advance(2 * time.Minute)
			settled := token.OrderedIDsFrom(w.clock.Now())
			for range 3 {
				untilTrimmed()
			}
			if waiting := w.count(`SELECT COUNT(*) FROM gh_families WHERE ended_at = 0 AND expires_at > token_dead_at AND id < '` + settled + `'`); waiting > 2*keep {
				t.Errorf("%d connections of before the last minute wait to be refreshed, want %d at most", waiting, 2*keep)
			}
			w.wantLive(w.app, first.AccessToken, true)
			w.mustRefresh(w.app, first.RefreshToken)
		})
	}
}
