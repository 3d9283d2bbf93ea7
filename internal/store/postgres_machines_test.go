package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A machine's token waits for the lock of a unit that ends the machine, and sees what that unit has committed, even a block,
// which is in no row that it could have waited for. This holds in a batch, which waits for 5 ms, and outside one.
func TestMachineTokenSeesTheEndThatItWaitedFor(t *testing.T) {
	for name, end := range map[string]string{
		"blocked":       `WITH held AS (UPDATE gh_teams SET name = name WHERE id = 't' RETURNING id) INSERT INTO gh_team_applications (team_id, client_id, state, decided_at) SELECT id, 'm0', 'blocked', 0 FROM held`,
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
			return blockClient(t.Context(), db, "t", "m0")
		},
		"DisableClient": func(db *store.DB) error { return db.DisableClient(t.Context(), "m0", now) },
		"RemoveClient":  func(db *store.DB) error { return db.RemoveClient(t.Context(), "m0") },
		"RemoveTeam":    func(db *store.DB) error { return db.RemoveTeam(t.Context(), "t", "", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, pgtest.URL(t))
			oneGrant(t, db)
			addMachines(t, db, 1)
			// The token is held up where its event is recorded, after everything else, and only outside a batch: there it holds
			// its locks while it waits.
			for _, statement := range []string{
				`CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF current_setting('lock_timeout') = '5ms' THEN RAISE 'by itself' USING ERRCODE = 'lock_not_available'; END IF;
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

func blockClient(ctx context.Context, db *store.DB, t team.ID, c oauth.ClientID) error {
	_, err := db.Decide(ctx, t, c, "", func(team.Role, govern.Row) (govern.Row, error) { return govern.Row{State: govern.Blocked}, nil })
	return err
}
