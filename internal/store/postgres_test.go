package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// errDeadlock is what PostgreSQL tells the one whom it chose to break a deadlock.
var errDeadlock = &pgconn.PgError{Code: "40P01", Message: "deadlock detected"}

func TestADeadlockIsTriedAgain(t *testing.T) {
	db := open(t, pgtest.URL(t))
	for _, at := range []string{"RenameTeam", "commit"} {
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
		if err := db.RenameTeam(t.Context(), team.ID(at), "new-"+at, "New"); err != nil || left != 0 {
			t.Errorf("three deadlocks at %s: got the error %v with %d to come", at, err, left)
		}
		db.Fail(nil)
		if _, err := db.TeamBySlug(t.Context(), "new-"+at); err != nil {
			t.Error(err)
		}
	}
}

func TestADeadlockThatDoesNotEndIsAnswered(t *testing.T) {
	db := open(t, pgtest.URL(t))
	db.Fail(func(string) error { return errDeadlock })
	if err := db.AddTeam(t.Context(), team.Team{ID: "t", Slug: "t"}); !errors.Is(err, errDeadlock) {
		t.Errorf("got the error %v, want the deadlock", err)
	}
}

// A server that stops in the middle of a unit of work, or is cut off, must not hold up all who wait for the same row, and must let go before they give up.
func TestAServerThatStopsMidwayLosesItsTransaction(t *testing.T) {
	db := open(t, pgtest.URL(t))
	var timeout string
	if err := db.SQL().QueryRowContext(t.Context(), "SHOW idle_in_transaction_session_timeout").Scan(&timeout); err != nil || timeout != "10s" {
		t.Errorf("idle_in_transaction_session_timeout is %q, %v; want 10s", timeout, err)
	}
}

// A batch is answered after its commit, and one that fails there has happened for none; then each is on its own.
func TestAFailedCommitOfManyFailsOnlyWhomItMust(t *testing.T) {
	db := open(t, pgtest.URL(t))
	g := oneGrant(t, db)
	for _, statement := range []string{
		`CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 'f-poison' THEN RAISE 'poison'; END IF; RETURN NULL; END $$`,
		`CREATE CONSTRAINT TRIGGER poison AFTER INSERT ON families DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION poison()`,
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
	err := db.SQL().QueryRow(`SELECT (SELECT COUNT(*) FROM families WHERE id <> 'f-poison'), (SELECT COUNT(*) FROM audit WHERE kind = 'token.issued')`).Scan(&saved, &recorded)
	if err != nil || saved != n-1 || recorded != n-1 {
		t.Errorf("got %d families and %d events (%v), want %d of each", saved, recorded, err, n-1)
	}
}

// Whoever has to wait for a lock makes nobody else wait, however many they are.
func TestAUnitThatWaitsForALockHoldsUpNobody(t *testing.T) {
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
	if _, err := locked.Exec(`INSERT INTO families (id, grant_id, scope, auth_time, created_at, expires_at) VALUES ('f-slow', $1, '', 0, 0, 0)`, g.ID); err != nil {
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

// Whoever hangs up while all places are taken by those who wait for a lock leaves, and nothing happens for them.
func TestWhoHangsUpLeavesTheQueueForALock(t *testing.T) {
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
	if _, err := locked.Exec(`SELECT 1 FROM grants WHERE id = $1 FOR UPDATE`, g.ID); err != nil {
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
		t.Error("whoever hung up is still waiting")
	}
	if err := locked.Rollback(); err != nil {
		t.Error(err)
	}
	waiting.Wait()
	var gone int
	if err := db.SQL().QueryRow(`SELECT COUNT(*) FROM families WHERE id = 'f-gone'`).Scan(&gone); err != nil || gone != 0 {
		t.Errorf("got %d families of who hung up before anything happened (%v)", gone, err)
	}
}
