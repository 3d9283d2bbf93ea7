package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A backup is taken while the database is written to, only its owner can read it, and it holds what was committed before.
func TestBackupWhileServing(t *testing.T) {
	storetest.OnBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		add := func(id string) {
			if err := db.AddTeam(t.Context(), team.Team{ID: team.ID(id), Slug: id}); err != nil {
				t.Error(err)
			}
		}
		add("before")
		done := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 10_000 {
				select {
				case <-done:
					return
				default:
					add(fmt.Sprint("team-", i))
				}
			}
		})
		file := filepath.Join(t.TempDir(), "copy")
		err := db.Backup(t.Context(), file)
		close(done)
		wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("the file: %v, %v; want mode 0600", info.Mode(), err)
		}
		if left, _ := filepath.Glob(file + "?*"); len(left) > 0 {
			t.Errorf("it left %v behind", left)
		}
		if !strings.Contains(slugsIn(t, url, file), "before") {
			t.Error("a team is missing that was added before")
		}
		if err := db.Backup(t.Context(), file); !errors.Is(err, os.ErrExist) {
			t.Errorf("over a file that is there: got %v", err)
		}
	})
}

// slugsIn is the slugs of the teams in a backup.
func slugsIn(t *testing.T, url, file string) string {
	t.Helper()
	if !isPostgres(url) {
		db, err := store.Open(t.Context(), "sqlite:"+file, store.Options{Making: store.MakeNever})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return strings.Join(column(t, db.SQL(), `SELECT slug FROM gh_teams`), " ")
	}
	output, err := exec.CommandContext(t.Context(), "pg_restore", "--data-only", "--table=gh_teams", "--file=-", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return string(output)
}

// A backup that fails leaves no file that looks like one.
func TestFailedBackupLeavesNothing(t *testing.T) {
	storetest.OnBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		t.Setenv("PATH", t.TempDir()) // no pg_dump
		if !isPostgres(url) {
			damage := connect(t, url)
			damage.SetMaxOpenConns(1)
			if _, err := damage.Exec(`PRAGMA foreign_keys = 0; INSERT INTO gh_memberships (user_id, team_id, role, created_at) VALUES ('nobody', 'nowhere', '', 0)`); err != nil {
				t.Fatal(err)
			}
		}
		file := filepath.Join(t.TempDir(), "copy")
		err := db.Backup(t.Context(), file)
		if err == nil || isPostgres(url) && !errors.Is(err, store.ErrNoDump) || !isPostgres(url) && !strings.Contains(err.Error(), "a foreign key of gh_memberships leads nowhere") {
			t.Errorf("got %v", err)
		}
		if left, _ := filepath.Glob(file + "*"); len(left) > 0 {
			t.Errorf("it left %v behind", left)
		}
	})
}
