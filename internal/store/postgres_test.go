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
	"github.com/gatehouse-auth/gatehouse/internal/govern"
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
// give up.
func TestIdleTransactionTimesOut(t *testing.T) {
	db := open(t, pgtest.URL(t))
	var timeout string
	if err := db.SQL().QueryRowContext(t.Context(), "SHOW idle_in_transaction_session_timeout").Scan(&timeout); err != nil || timeout != "10s" {
		t.Errorf("idle_in_transaction_session_timeout is %q, %v; want 10s", timeout, err)
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
	db := open(t, pgtest.URL(t)+"&pool_max_conns=4")
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

// A machine's token waits for the lock of a unit that ends the machine, and sees what that unit has committed, even a block,
// which is in no row that it could have waited for. This holds in a batch, which waits for 5 ms, and outside one.
func TestMachineTokenSeesTheEndThatItWaitedFor(t *testing.T) {
	for name, end := range map[string]string{
		"blocked":       `WITH held AS (UPDATE gh_teams SET name = name WHERE id = 't' RETURNING id) INSERT INTO gh_team_blocks (team_id, client_id, reason, created_at) SELECT id, 'm0', '', 0 FROM held`,
		"disabled":      `UPDATE gh_clients SET disabled_at = 1 WHERE id = 'm0'`,
		"removed":       `DELETE FROM gh_clients WHERE id = 'm0'`,
		"its team gone": `DELETE FROM gh_teams WHERE id = 't'`,
	} {
		for _, waited := range []time.Duration{0, 100 * time.Millisecond} {
			t.Run(fmt.Sprint(name, " after ", waited), func(t *testing.T) {
				t.Parallel()
				db := open(t, pgtest.URL(t))
				oneGrant(t, db)
				addMachines(t, db, 1)
				if err := db.IssueMachine(t.Context(), "m0", now, nil); err != nil {
					t.Fatalf("before: %v", err)
				}
				ender := begin(t, db, end)
				issued := make(chan error, 1)
				go func() { issued <- db.IssueMachine(t.Context(), "m0", now, nil) }()
				untilWaiting(t, db, 1, waited)
				if err := ender.Commit(); err != nil {
					t.Fatal(err)
				}
				if err := <-issued; !errors.Is(err, authz.ErrNotLive) {
					t.Errorf("got the error %v, want ErrNotLive", err)
				}
			})
		}
	}
}

// Ending a machine waits for a token that is being issued, and takes the time of the end after that.
func TestEndOfAMachineWaitsForItsToken(t *testing.T) {
	for name, end := range map[string]func(db *store.DB) error{
		"Block": func(db *store.DB) error {
			return db.Block(t.Context(), govern.Block{Team: "t", Client: "m0", CreatedAt: now})
		},
		"DisableClient": func(db *store.DB) error { return db.DisableClient(t.Context(), "m0", now) },
		"RemoveClient":  func(db *store.DB) error { return db.RemoveClient(t.Context(), "m0") },
		"RemoveTeam":    func(db *store.DB) error { return db.RemoveTeam(t.Context(), "t") },
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, pgtest.URL(t))
			oneGrant(t, db)
			addMachines(t, db, 1)
			// The token is held up where its event is recorded, after everything else, and only outside a batch: there it holds
			// its locks while it waits.
			for _, statement := range []string{
				`CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF current_setting('lock_timeout') <> '0' THEN RAISE 'by itself' USING ERRCODE = 'lock_not_available'; END IF;
					PERFORM pg_advisory_xact_lock(1);
					RETURN NEW;
				END $$`,
				`CREATE TRIGGER hold_up BEFORE INSERT ON gh_audit FOR EACH ROW WHEN (NEW.kind = 'token.machine') EXECUTE FUNCTION hold_up()`,
			} {
				if _, err := db.SQL().Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			holder := begin(t, db, `SELECT pg_advisory_xact_lock(1)`)
			issued, ended := make(chan error, 1), make(chan error, 1)
			go func() { issued <- db.IssueMachine(t.Context(), "m0", now, nil) }()
			untilWaiting(t, db, 1, 0)
			go func() { ended <- end(db) }()
			untilWaiting(t, db, 2, 0)
			if err := holder.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(<-issued, <-ended); err != nil {
				t.Error(err)
			}
		})
	}
}

// A token that waits for the removal of its team must not hold the lock on its client yet: removing the team needs it too,
// and that would be a deadlock.
func TestMachineTokenLocksTheTeamFirst(t *testing.T) {
	db := open(t, pgtest.URL(t))
	oneGrant(t, db)
	addMachines(t, db, 1)
	ender := begin(t, db, `UPDATE gh_teams SET name = name WHERE id = 't'`)
	issued := make(chan error, 1)
	go func() { issued <- db.IssueMachine(t.Context(), "m0", now, nil) }()
	untilWaiting(t, db, 1, 100*time.Millisecond)
	if _, err := ender.Exec(`SELECT 1 FROM gh_clients WHERE id = 'm0' FOR UPDATE NOWAIT`); err != nil {
		t.Error(err)
	}
	if err := ender.Rollback(); err != nil {
		t.Error(err)
	}
	if err := <-issued; err != nil {
		t.Error(err)
	}
}

// While the row of one machine is locked, another machine waits no longer than a batch does, and no token fails.
func TestLockedMachineDoesNotDelayOthers(t *testing.T) {
	db := open(t, pgtest.URL(t))
	oneGrant(t, db)
	addMachines(t, db, 2)
	locked := begin(t, db, `SELECT 1 FROM gh_clients WHERE id = 'm0' FOR UPDATE`)
	var slow, fast sync.WaitGroup
	for range 8 {
		slow.Go(func() {
			if err := db.IssueMachine(t.Context(), "m0", now, []string{"slow"}); err != nil {
				t.Errorf("one that waited: %v", err)
			}
		})
	}
	for range 40 {
		fast.Go(func() {
			if err := db.IssueMachine(t.Context(), "m1", now, nil); err != nil {
				t.Errorf("one that need not wait: %v", err)
			}
		})
	}
	fast.Wait()
	records := func(client string) (n int) {
		if err := db.SQL().QueryRow(`SELECT COUNT(*) FROM gh_audit WHERE kind = 'token.machine' AND client_id = $1`, client).Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	if n := records("m0"); n != 0 {
		t.Errorf("%d tokens of the locked client", n)
	}
	if err := locked.Rollback(); err != nil {
		t.Error(err)
	}
	slow.Wait()
	if slow, fast := records("m0"), records("m1"); slow != 8 || fast != 40 {
		t.Errorf("got %d and %d records, want 8 and 40", slow, fast)
	}
}

// One failed token fails no other token of its batch, neither of another machine nor of the same one.
func TestFailedMachineTokenFailsAlone(t *testing.T) {
	db := open(t, pgtest.URL(t))
	oneGrant(t, db)
	addMachines(t, db, 2)
	for _, statement := range []string{
		`CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'poison' USING ERRCODE = 'check_violation'; END $$`,
		`CREATE TRIGGER poison BEFORE INSERT ON gh_audit FOR EACH ROW WHEN (NEW.detail = 'poison') EXECUTE FUNCTION poison()`,
	} {
		if _, err := db.SQL().Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	const n = 40
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			scope := fmt.Sprint(i)
			if i == n/2 {
				scope = "poison"
			}
			err := db.IssueMachine(t.Context(), oauth.ClientID(fmt.Sprint("m", i%2)), now, []string{scope})
			if (err != nil) != (i == n/2) {
				t.Errorf("token %d: got the error %v", i, err)
			}
		})
	}
	done.Wait()
	var recorded int
	if err := db.SQL().QueryRow(`SELECT COUNT(*) FROM gh_audit WHERE kind = 'token.machine'`).Scan(&recorded); err != nil || recorded != n-1 {
		t.Errorf("got %d events (%v), want %d", recorded, err, n-1)
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
	_, err := db.UpdateTeam(ctx, id, func(t team.Team) (team.Team, error) {
		t.Slug, t.Name = slug, name
		return t, nil
	})
	return err
}
