package storetest

import (
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
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
	g := authz.Grant{ID: k.connected().Grant, Client: global.ID}
	k.expiring(g, 4)
	tables := k.prunable()
	k.skips("PushRequest", tables, func() error {
		return k.db.PushRequest(k.ctx, authz.PushedRequest{ID: "late", Client: global.ID, ExpiresAt: later}, 1)
	})
	equal(k, "pushed requests: the locked one and the new one", k.rows("gh_pushed_requests", "1 = 1"), 2)
	k.skips("ExpiredMessages", tables, func() error {
		_, err := k.db.ExpiredMessages(k.ctx, now.Add(time.Minute), 100)
		return err
	})
	equal(k, "expired messages: the locked one", k.rows("gh_notices", "expires_at <= $1", now.Add(time.Minute).UnixMilli()), 1)

	k.expiring(g, 4)
	k.skips("Prune", tables, func() error {
		_, err := k.db.Prune(k.ctx, now.Add(366*24*time.Hour), 100)
		return err
	})
	for table := range tables {
		equal(k, "rows that are left in "+table, k.rows(table, "1 = 1"), 1)
	}
}

// expiring makes n rows of each kind that Prune deletes.
func (k *kit) expiring(g authz.Grant, n int) {
	k.Helper()
	end := now.Add(time.Minute)
	past := k.openAt(func() time.Time { return end.Add(-team.SlugRest) })
	for range n {
		id := token.NewID()
		k.ok(past.AddTeam(k.ctx, team.Team{ID: team.ID(id), Slug: id}))
		k.ok(past.RemoveTeam(k.ctx, team.ID(id), "", nil))
		must[limit.Refusal](k)(k.db.Count(k.ctx, []limit.Bucket{{Key: id, Limit: 9, Window: time.Minute}}, now))
		k.ok(k.db.UseAssertion(k.ctx, global.ID, id, end))
		k.ok(k.db.PushRequest(k.ctx, authz.PushedRequest{ID: id, Client: global.ID, ExpiresAt: end}, 100))
		k.ok(k.db.UseRequest(k.ctx, id, end))
		k.ok(k.db.SaveFailures(k.ctx, []usage.Failure{failed(id, end.Add(-usage.Kept))}))
		link := team.NewLink(team.LinkReset, "", id+"@example.com", "", now)
		link.ExpiresAt = end
		k.ok(k.db.ForgetPassword(k.ctx, link, version))
		s := session(id, ada)
		s.ExpiresAt = end
		k.ok(k.db.StartSession(k.ctx, s, ""))
		k.ok(k.db.EndToken(k.ctx, "m."+id, acmes.ID, now, end))
		burnt := family(id, g)
		burnt.ExpiresAt = end
		k.ok(k.db.Burn(k.ctx, burnt))
		asker := team.User{ID: team.UserID("u" + id), Email: id + "@example.org"}
		k.ok(k.db.AddUser(k.ctx, asker))
		k.ok(k.db.AddMember(k.ctx, team.Membership{User: asker.ID, Team: acme, Role: team.Member}))
		k.ok(k.db.AskFor(k.ctx, govern.Request{Team: acme.ID, Client: global.ID, User: asker.ID, Scope: g.Scope, AskedAt: now, ExpiresAt: end}, 9, 99))
		_, err := k.h.SQL(k.db).ExecContext(k.ctx, `
			INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at)
			VALUES ($1, 'mail.connected', $2, 'none', '', '', 0, 0, $3)`, id, string(ada.ID), end.UnixMilli())
		k.ok(err)
	}
}

// prunable is the tables of PostgreSQL whose rows have an end, and the audit trail, with the column by which they are pruned. Secrets and invitations have an end too, and go when
// others take their place.
func (k *kit) prunable() map[string]string {
	k.Helper()
	tables := map[string]string{"gh_audit": "id"}
	rows, err := k.h.SQL(k.db).QueryContext(k.ctx, `
		SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND column_name IN ('expires_at', 'resets_at') AND table_name NOT IN ('gh_client_secrets', 'gh_invitations')`)
	k.ok(err)
	defer rows.Close()
	for rows.Next() {
		var table, column string
		k.ok(rows.Scan(&table, &column))
		tables[table] = column
	}
	k.ok(rows.Err())
	return tables
}

// skips does some work while another process holds the row of each table that is over first. The work must not wait for it.
func (k *kit) skips(what string, tables map[string]string, work func() error) {
	k.Helper()
	other, err := k.h.SQL(k.db).BeginTx(k.ctx, nil)
	k.ok(err)
	defer other.Rollback()
	for table, column := range tables {
		locked, err := other.ExecContext(k.ctx, "SELECT 1 FROM "+table+" ORDER BY "+column+" LIMIT 1 FOR UPDATE")
		k.ok(err)
		if n, err := locked.RowsAffected(); err != nil || n != 1 || k.rows(table, "1 = 1") < 2 {
			k.Fatalf("%s has %d rows (%v): this test has to make some", table, k.rows(table, "1 = 1"), err)
		}
	}
	done := make(chan struct{})
	var failed error
	go func() {
		defer close(done)
		failed = work()
	}()
	k.untilDoneOrWaiting(done)
	if k.h.Waiting(k.h.SQL(k.db)) {
		k.ok(other.Rollback())
		<-done
		k.Fatalf("%s waits for the rows that another process is deleting", what)
	}
	<-done
	k.ok(failed)
}
