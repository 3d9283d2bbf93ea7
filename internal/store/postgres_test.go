package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// errDeadlock is what PostgreSQL answers to the transaction that it rolls back to break a deadlock.
var errDeadlock = &pgconn.PgError{Code: "40P01", Message: "deadlock detected"}

func TestDeadlockIsRetried(t *testing.T) {
	db := open(t, pgtest.URL(t))
	for _, at := range []string{"UpdateTeam", "commit"} {
		if err := db.AddTeam(t.Context(), team.Team{ID: team.ID(at), Slug: at}); err != nil {
			t.Fatal(err)
		}
		left := 3
		db.Fail(func(statement string) error {
			if statement == at && left > 0 {
				left--
				return errDeadlock
			}
			return nil
		})
		if err := rename(t.Context(), db, team.ID(at), "new-"+at, "New"); err != nil || left != 0 {
			t.Errorf("three deadlocks at %s: got the error %v with %d to come", at, err, left)
		}
		db.Fail(nil)
		if _, err := db.TeamBySlug(t.Context(), "new-"+at); err != nil {
			t.Error(err)
		}
	}
}

func TestRepeatedDeadlockIsReported(t *testing.T) {
	db := open(t, pgtest.URL(t))
	db.Fail(func(string) error { return errDeadlock })
	if err := db.AddTeam(t.Context(), team.Team{ID: "t", Slug: "t"}); !errors.Is(err, errDeadlock) {
		t.Errorf("got the error %v, want the deadlock", err)
	}
}

// A server that stops in the middle of a unit of work, or is cut off, must lose its locks before those who wait for them
// give up. The session itself keeps no setting: behind a pooler it belongs to a stranger next.
func TestIdleTransactionTimesOut(t *testing.T) {
	db := open(t, pgtest.URL(t))
	const show = `SELECT current_setting('idle_in_transaction_session_timeout')`
	inside, err := db.Ask(t.Context(), show)
	if err != nil || inside != "2s" {
		t.Errorf("in a unit of work idle_in_transaction_session_timeout is %q, %v; want 2s", inside, err)
	}
	var outside string
	if err := db.SQL().QueryRowContext(t.Context(), show).Scan(&outside); err != nil || outside != "0" {
		t.Errorf("outside it is %q, %v; want 0", outside, err)
	}
}

// A session that became read-only is not used again: the server is a standby now, or its provider has stopped all writing.
func TestSessionThatBecameReadOnlyIsNotKept(t *testing.T) {
	db := open(t, pgtest.URL(t)+"&pool_max_conns=2") // one for units of work, one for batches
	if _, err := db.SQL().Exec("SET default_transaction_read_only = on"); err != nil {
		t.Fatal(err)
	}
	if err := db.Ready(t.Context()); !errors.Is(err, oauth.TemporarilyUnavailable) {
		t.Errorf("a read-only session is ready: %v", err)
	}
	if err := db.Ready(t.Context()); err != nil {
		t.Errorf("on the next session: %v", err)
	}
}

// A server that takes no writes is not used at all.
func TestReadOnlyServerIsRefused(t *testing.T) {
	url := pgtest.URL(t) + "&options=-c%20default_transaction_read_only%3Don"
	if db, err := store.Open(t.Context(), url, store.Options{}); err == nil {
		db.Close()
		t.Error("a server was opened that takes no writes")
	}
}

// The outcome of a commit whose answer was lost is not known. The caller may try again.
func TestUnknownCommitIsTemporarilyUnavailable(t *testing.T) {
	p, databaseURL := newLossyProxy(t, pgtest.URL(t), nil)
	db := open(t, databaseURL)
	p.loseAnswer("commit")
	if err := db.AddTeam(t.Context(), team.Team{ID: "acme", Slug: "acme"}); !errors.Is(err, oauth.TemporarilyUnavailable) {
		t.Errorf("got the error %v, want temporarily_unavailable", err)
	}
	if n := p.lost.Load(); n != 1 {
		t.Errorf("%d answers were lost, want 1: the test does not test what it says", n)
	}
	if _, err := db.TeamBySlug(t.Context(), "acme"); err != nil {
		t.Errorf("the team was committed: %v", err)
	}
}

// A batch that fails at its commit has happened for none of its units. Then each runs by itself.
func TestFailedBatchFailsOnlyTheUnitAtFault(t *testing.T) {
	db := open(t, pgtest.URL(t))
	g := oneGrant(t, db)
	for _, statement := range []string{
		`CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 'f-poison' THEN RAISE 'poison' USING ERRCODE = 'check_violation'; END IF; RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER poison AFTER INSERT ON gh_families DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION poison()`,
	} {
		if _, err := db.SQL().Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	const n = 40
	errs := make([]error, n)
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			id := fmt.Sprintf("f%d", i)
			if i == n/2 {
				id = "f-poison"
			}
			_, errs[i] = db.Redeem(t.Context(), authz.Family{ID: authz.FamilyID(id), Grant: g.ID, Client: g.Client, Scope: g.Scope, CreatedAt: now, ExpiresAt: now})
		})
	}
	done.Wait()
	for i, err := range errs {
		if (err != nil) != (i == n/2) {
			t.Errorf("redemption %d: got the error %v", i, err)
		}
	}
	var saved, recorded int
	err := db.SQL().QueryRow(`SELECT (SELECT COUNT(*) FROM gh_families WHERE id <> 'f-poison'), (SELECT COUNT(*) FROM gh_audit WHERE kind = 'token.issued')`).Scan(&saved, &recorded)
	if err != nil || saved != n-1 || recorded != n-1 {
		t.Errorf("got %d families and %d events (%v), want %d of each", saved, recorded, err, n-1)
	}
}

// Even many units that wait for a lock do not make other units wait.
func TestUnitThatWaitsForALockDoesNotDelayOthers(t *testing.T) {
	db := open(t, pgtest.URL(t))
	g := oneGrant(t, db)
	redeem := func(id string) error {
		_, err := db.Redeem(t.Context(), authz.Family{ID: authz.FamilyID(id), Grant: g.ID, Client: g.Client, Scope: g.Scope, CreatedAt: now, ExpiresAt: now})
		return err
	}
	locked, err := db.SQL().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Rollback()
	if _, err := locked.Exec(`INSERT INTO gh_families (id, grant_id, scope, auth_time, created_at, expires_at) VALUES ('f-slow', $1, '', 0, 0, 0)`, g.ID); err != nil {
		t.Fatal(err)
	}
	var slow sync.WaitGroup
	var redeemed atomic.Int64
	for range 8 {
		slow.Go(func() {
			switch err := redeem("f-slow"); {
			case err == nil:
				redeemed.Add(1)
			case !errors.Is(err, authz.ErrReplayed):
				t.Errorf("one that waited: %v", err)
			}
		})
	}
	for i := range 40 {
		if err := redeem(fmt.Sprintf("f%d", i)); err != nil {
			t.Errorf("one that need not wait: %v", err)
		}
	}
	if err := locked.Rollback(); err != nil {
		t.Error(err)
	}
	slow.Wait()
	if n := redeemed.Load(); n != 1 {
		t.Errorf("%d of those who waited for one code redeemed it", n)
	}
}

// A caller whose context ends while it waits for its turn to wait for a lock leaves, and nothing happens for it.
func TestCancelledCallerLeavesTheQueueForALock(t *testing.T) {
	db := open(t, pgtest.URL(t)+"&pool_max_conns=6") // four for all but batches
	g := oneGrant(t, db)
	redeem := func(ctx context.Context, id string) error {
		_, err := db.Redeem(ctx, authz.Family{ID: authz.FamilyID(id), Grant: g.ID, Client: g.Client, Scope: g.Scope, CreatedAt: now, ExpiresAt: now})
		return err
	}
	locked, err := db.SQL().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Rollback()
	if _, err := locked.Exec(`SELECT 1 FROM gh_grants WHERE id = $1 FOR UPDATE`, g.ID); err != nil {
		t.Fatal(err)
	}
	var waiting sync.WaitGroup
	for i := range 2 { // half of the pool
		waiting.Go(func() {
			if err := redeem(t.Context(), fmt.Sprintf("f%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	for n := 0; n < 2; {
		const query = `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query_start < now() - INTERVAL '100 ms'`
		if err := db.SQL().QueryRow(query).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	left := make(chan error, 1)
	go func() { left <- redeem(ctx, "f-gone") }()
	select {
	case err := <-left:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got the error %v, want the end of the context", err)
		}
	case <-time.After(2 * time.Second):
		t.Error("the caller that hung up is still waiting")
	}
	if err := locked.Rollback(); err != nil {
		t.Error(err)
	}
	waiting.Wait()
	var gone int
	if err := db.SQL().QueryRow(`SELECT COUNT(*) FROM gh_families WHERE id = 'f-gone'`).Scan(&gone); err != nil || gone != 0 {
		t.Errorf("got %d families of the caller that hung up (%v)", gone, err)
	}
}

// begin is a transaction without the store that has run a statement. It ends with the test at the latest.
func begin(t *testing.T, db *store.DB, statement string) *sql.Tx {
	t.Helper()
	tx, err := db.SQL().BeginTx(context.WithoutCancel(t.Context()), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Rollback() })
	if _, err := tx.Exec(statement); err != nil {
		t.Fatal(err)
	}
	return tx
}

// untilWaiting returns when as many transactions wait for a lock, each of them for some time already.
func untilWaiting(t *testing.T, db *store.DB, want int, since time.Duration) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		var n int
		err := db.SQL().QueryRow(`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
			AND clock_timestamp() - query_start >= make_interval(secs => $1)`, since.Seconds()).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		if n >= want {
			return
		}
	}
	t.Fatalf("less than %d transactions wait for a lock", want)
}

func rename(ctx context.Context, db *store.DB, id team.ID, slug, name string) error {
	_, err := db.UpdateTeam(ctx, id, "", func(t team.Team, _ team.Role) (team.Team, error) {
		t.Slug, t.Name = slug, name
		return t, nil
	})
	return err
}
