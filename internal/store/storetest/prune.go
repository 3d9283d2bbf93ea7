package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

// testPruneCounters: anybody can make counters by failing. Those beyond the limit go, and the ones that end first go first.
func testPruneCounters(k *kit) {
	const most = 5
	db, err := store.Open(k.ctx, k.url, store.Options{Now: func() time.Time { return now }, Counters: most})
	k.ok(err)
	k.Cleanup(func() { db.Close() })
	count := func(n int) {
		for i := range n {
			bucket := limit.Bucket{Key: fmt.Sprintf("k%02d", i), Limit: 9, Window: time.Hour + time.Duration(i)*time.Minute}
			must[limit.Refusal](k)(db.Count(k.ctx, []limit.Bucket{bucket}, now))
		}
	}
	count(most)
	equal(k, "pruned at the limit", must[int](k)(db.Prune(k.ctx, now, 100)), 0)
	count(most + 3)
	equal(k, "pruned beyond it", must[int](k)(db.Prune(k.ctx, now, 100)), 3)
	equal(k, "the counters that end last", k.rows("gh_throttle", "bucket >= 'k03'"), most)
	equal(k, "pruned again", must[int](k)(db.Prune(k.ctx, now, 100)), 0)
}

// testPruneSkips: on PostgreSQL, rows that another process is deleting are skipped. When servers wait for each other, more servers
// delete no more than one.
func testPruneSkips(k *kit) {
	if k.h.Waiting == nil {
		k.Skip("units of work do not overlap on this database")
	}
	g := k.connected()
	for i := range 4 {
		id := fmt.Sprint(i)
		must[limit.Refusal](k)(k.db.Count(k.ctx, []limit.Bucket{{Key: id, Limit: 9, Window: time.Minute}}, now))
		k.ok(k.db.UseAssertion(k.ctx, global.ID, id, now.Add(time.Minute)))
		s := session("s"+id, ada)
		s.ExpiresAt = now.Add(time.Minute)
		k.ok(k.db.StartSession(k.ctx, s, ""))
		k.ok(k.db.EndToken(k.ctx, "m."+id, acmes.ID, now, now.Add(time.Minute)))
		burnt := family("burnt"+id, authz.Grant{ID: g.Grant, Client: g.Client, Scope: g.Scope})
		burnt.ExpiresAt = now.Add(time.Minute)
		k.ok(k.db.Burn(k.ctx, burnt))
	}
	other, err := k.h.SQL(k.db).BeginTx(k.ctx, nil)
	k.ok(err)
	defer other.Rollback()
	for _, row := range []string{
		"gh_throttle WHERE bucket = '0'", "gh_assertions WHERE jti = (SELECT MIN(jti) FROM gh_assertions)", "gh_sessions WHERE id = 's0'", "gh_endings WHERE id = 'm.0'",
		"gh_families WHERE id = 'burnt0'", "gh_audit WHERE id = (SELECT MIN(id) FROM gh_audit)",
	} {
		_, err := other.ExecContext(k.ctx, "SELECT 1 FROM "+row+" FOR UPDATE")
		k.ok(err)
	}
	done := make(chan struct{})
	var failed error
	go func() {
		defer close(done)
		_, failed = k.db.Prune(k.ctx, now.Add(366*24*time.Hour), 100)
	}()
	k.untilDoneOrWaiting(done)
	if k.h.Waiting(k.h.SQL(k.db)) {
		k.ok(other.Rollback())
		<-done
		k.Fatal("it waits for the rows that another process is deleting")
	}
	<-done
	k.ok(failed)
	for _, table := range []string{"gh_throttle", "gh_assertions", "gh_sessions", "gh_endings", "gh_families WHERE id LIKE 'burnt%'", "gh_audit"} {
		name, condition, ok := strings.Cut(table, " WHERE ")
		if !ok {
			condition = "1 = 1"
		}
		equal(k, "rows that are left in "+table, k.rows(name, condition), 1)
	}
}
