package store_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
)

// lines is a log whose lines a test waits for.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default:
	}
	return len(line), nil
}

// opening opens a database on a goroutine. The log says why it takes long.
func opening(t *testing.T, url string) (log lines, opened chan error) {
	log, opened = make(lines, 100), make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	go func() {
		defer cancel()
		db, err := store.Open(ctx, url, store.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
		if err == nil {
			err = db.Close()
		}
		opened <- err
	}()
	t.Cleanup(cancel)
	return log, opened
}

// Somebody who reads a table for a long time delays an upgrade, but nobody who uses the table meanwhile. The log says who it is.
func TestLockOfAStrangerDelaysAnUpgradeOnly(t *testing.T) {
	const beforeEmailVerified = 7 // the next one changes gh_users
	for name, behind := range map[string]func(testing.TB) string{"direct": pgtest.URL, "behind a pooler": pgtest.PoolerURL} {
		t.Run(name, func(t *testing.T) {
			url := behind(t)
			dropSchema(t, url)
			oldDatabase(t, url, beforeEmailVerified)
			stranger, err := connect(t, url).BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer stranger.Rollback()
			var pid string
			if err := stranger.QueryRow(`SELECT pg_backend_pid()::text FROM gh_users, set_config('application_name', 'monthly report', true)`).Scan(&pid); err != nil {
				t.Fatal(err)
			}
			log, opened := opening(t, url)
			line := <-log
			for _, want := range []string{"somebody else holds a lock", "pid=" + pid, `application_name="monthly report"`, "table=gh_users", "query_age="} {
				if !strings.Contains(line, want) {
					t.Errorf("the log does not say %q: %s", want, line)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			others, people := connect(t, url+"&default_query_exec_mode=exec"), 0
			for range 3 { // while the stranger still reads
				if err := others.QueryRowContext(ctx, `SELECT COUNT(*) FROM gh_users`).Scan(&people); err != nil || people != 1 {
					t.Errorf("others find %d people, %v", people, err)
				}
			}
			if err := stranger.Rollback(); err != nil {
				t.Fatal(err)
			}
			if err := <-opened; err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// Another process that changes the schema, and hangs, is named too.
func TestLockOfAnotherUpgradeIsNamed(t *testing.T) {
	url := pgtest.URL(t)
	other, err := connect(t, url).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	if _, err := other.Exec(`SELECT pg_advisory_xact_lock(x'67617465'::int), set_config('application_name', 'another server', true)`); err != nil {
		t.Fatal(err)
	}
	log, opened := opening(t, url)
	if line := <-log; !strings.Contains(line, `application_name="another server"`) || !strings.Contains(line, "lock for changes of the schema") {
		t.Errorf("the log says %s", line)
	}
	if err := other.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A lock that is never released is an error that names its holder.
func TestLockThatStaysIsAnError(t *testing.T) {
	url := pgtest.URL(t)
	other, err := connect(t, url).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	if _, err := other.Exec(`SELECT pg_advisory_xact_lock(x'67617465'::int), set_config('application_name', 'another server', true)`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	log := make(lines, 1)
	go func() {
		<-log
		cancel()
	}()
	db, err := store.Open(ctx, url, store.Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	if err == nil {
		db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "application_name another server") {
		t.Errorf("got the error %v", err)
	}
}

// A unit of work that waits for a lock gives up before its time is over, and is known not to have happened: the connection stays.
func TestUnitThatWaitsForALockForTooLongHasNotHappened(t *testing.T) {
	url := pgtest.URL(t)
	db := open(t, url)
	g := oneGrant(t, db)
	locked, err := db.SQL().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Rollback()
	if _, err := locked.Exec(`LOCK TABLE gh_families, gh_teams IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	for name, unit := range map[string]func() error{
		"batch": func() error {
			_, err := db.Redeem(t.Context(), authz.Family{ID: "f", Grant: g.ID, Client: g.Client, Scope: g.Scope, CreatedAt: now, ExpiresAt: now})
			return err
		},
		"alone": func() error { return rename(t.Context(), db, "t", "new", "New") },
	} {
		err := unit()
		if !errors.Is(err, oauth.TemporarilyUnavailable) || strings.Contains(err.Error(), "nobody knows") {
			t.Errorf("%s: got %v, want temporarily_unavailable, and that it has not happened", name, err)
		}
	}
}
