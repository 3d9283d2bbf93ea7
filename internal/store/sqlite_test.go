package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// open opens a database until the end of the test.
func open(t *testing.T, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// whole is how the statements end that read a whole table, because they are asked for all of it.
var whole = []string{
	"FROM gh_users", "FROM gh_teams", "FROM gh_clients c LEFT JOIN gh_teams t ON t.id = c.team_id", "FROM gh_keyring", "WHERE c.public AND c.disabled_at = 0",
	"FROM pragma_encoding", "WHERE require_provider <> ''", "NOT EXISTS (SELECT 1 FROM gh_passkeys p WHERE p.user_id = u.id)", "GROUP BY COALESCE(s.tbl_name, d.name)", "WHERE refused_at > 0 AND resets_at > $1 GROUP BY 1", "WHERE tries > 0 AND expires_at > $1",
	"WHERE ($1 = '' OR g.user_id = $1) AND ($2 = '' OR g.team_id = $2) AND ($3 = '' OR g.client_id = $3)",
}

func everyStatementHasItsIndex(t *testing.T, statements []string) {
	db := open(t, storetest.SQLiteURL(t))
	explained := 0
	for _, query := range statements {
		words := strings.Fields(query)
		if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, words[0]) {
			continue // transactions
		}
		text, _, _ := strings.Cut(strings.Join(words, " "), " ORDER BY")
		isWhole := slices.ContainsFunc(whole, func(ending string) bool { return strings.HasSuffix(text, ending) })
		explained++
		for _, step := range plan(t, db.SQL(), query) {
			if strings.HasPrefix(step, "SCAN") && step != "SCAN CONSTANT ROW" && step != "SCAN ranked" && step != "SCAN addresses" && !strings.HasPrefix(step, "SCAN o USING INDEX gh_users_operators") && !strings.HasPrefix(step, "SCAN (subquery") && !isWhole {
				t.Errorf("%q: %s", query, step)
			}
		}
	}
	if explained < 85 {
		t.Errorf("only %d statements were explained; the methods have more", explained)
	}
}

// plan is SQLite's plan for a statement.
func plan(t *testing.T, db *sql.DB, query string) (steps []string) {
	t.Helper()
	args := make([]any, 32) // more parameters than the statement has do no harm
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%q: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// Foreign keys are followed by SQLite too: each must find its rows without reading a whole table.
func TestForeignKeysHaveIndices(t *testing.T) {
	db := open(t, storetest.SQLiteURL(t)).SQL()
	rows, err := db.Query(`SELECT m.name, f.id, group_concat(f."from" || ' = 1', ' AND ') FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
		WHERE m.type = 'table' GROUP BY m.name, f.id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	keys := 0
	for rows.Next() {
		var table, condition string
		var id int
		if err := rows.Scan(&table, &id, &condition); err != nil {
			t.Fatal(err)
		}
		keys++
		for _, step := range plan(t, db, "SELECT 1 FROM "+table+" WHERE "+condition) {
			if strings.HasPrefix(step, "SCAN") {
				t.Errorf("%s by %s: %s", table, condition, step)
			}
		}
	}
	if keys < 9 {
		t.Errorf("found %d foreign keys; the schema has more", keys)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	storetest.OnBoth(t, func(t *testing.T, url string) {
		db, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.AddTeam(t.Context(), team.Team{ID: "t1", Slug: "acme"}); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
		if _, err := open(t, url).TeamBySlug(t.Context(), "acme"); err != nil {
			t.Error(err)
		}
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	storetest.OnBoth(t, func(t *testing.T, url string) {
		open(t, url).Close()
		driver, dsn := "pgx", url
		if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
			driver, dsn = "sqlite", path
		}
		db, err := sql.Open(driver, dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec("INSERT INTO gh_schema_version (version_id, is_applied) VALUES (9999, TRUE)"); err != nil {
			t.Fatal(err)
		}
		_, err = store.Open(t.Context(), url, store.Options{})
		if err == nil || !strings.Contains(err.Error(), "schema 9999, made by a newer release") {
			t.Errorf("got the error %v", err)
		}
	})
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ url, want string }{
		{"", "sqlite:PATH or postgres://"},
		{"mysql://user:hunter2@host/db", "sqlite:PATH or postgres://"},
		{"sqlite:", "needs the path of a file"},
		{"sqlite::memory:", "needs the path of a file"},
		{"sqlite:" + garbage, "garbage.db: "},
		{"sqlite:" + filepath.Join(dir, "missing", "x.db"), "no such file or directory"},
		{"sqlite:" + dir, "is a directory"},
		{"postgres://user:hunter2@/db?host=" + dir + "/nowhere", "open database db on"},
		{"postgres://user:hunter2@host:port/db", "read the database URL"},
	} {
		db, err := store.Open(t.Context(), tt.url, store.Options{})
		if err == nil {
			db.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Open(%q): got the error %v, want one with %q", tt.url, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q) tells the password: %v", tt.url, err)
		}
	}
}

func TestPathMayHaveAnyCharacter(t *testing.T) {
	for _, name := range []string{"a b.db", "a?b=c&d.db", "a#b.db", "a%41b.db", "ä:;,'\"\\.db", "file:x.db", "-x.db"} {
		dir := t.TempDir()
		open(t, "sqlite:"+filepath.Join(dir, name))
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%q was opened under another name: %v", name, err)
		}
	}
	t.Chdir(t.TempDir())
	open(t, "sqlite:relative.db")
	if _, err := os.Stat("relative.db"); err != nil {
		t.Error(err)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	url := storetest.SQLiteURL(t)
	open(t, url)
	files := 0
	err := filepath.WalkDir(filepath.Dir(strings.TrimPrefix(url, "sqlite:")), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		info, err := entry.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s may be read by others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("found %d files, %v; want the database and its log", files, err)
	}
}

func TestManyOpenOneNewDatabaseAtOnce(t *testing.T) {
	storetest.OnBoth(t, func(t *testing.T, url string) {
		if strings.HasPrefix(url, "postgres") {
			dropSchema(t, url)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				db, err := store.Open(context.Background(), url, store.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				defer db.Close()
				id := fmt.Sprint("t", i)
				if err := db.AddTeam(context.Background(), team.Team{ID: team.ID(id), Slug: id}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if teams, err := open(t, url).Teams(t.Context()); err != nil || len(teams) != 8 {
			t.Errorf("got %d teams, %v; want 8", len(teams), err)
		}
	})
}

func dropSchema(t *testing.T, url string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
}

// Another process, really: it opens the file, adds teams, and says so.
func TestTwoProcessesWriteAtOnce(t *testing.T) {
	const each = 20
	if url := os.Getenv("GATEHOUSE_TEST_STORE"); url != "" {
		addTeams(t, url, "theirs", each)
		return
	}
	url := storetest.SQLiteURL(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	other := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestTwoProcessesWriteAtOnce$", "-test.v")
	other.Env = append(os.Environ(), "GATEHOUSE_TEST_STORE="+url)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan() // it runs
	addTeams(t, url, "ours", each)
	for lines.Scan() {
	}
	if err := other.Wait(); err != nil {
		t.Errorf("the other process: %v", err)
	}
	if teams, err := open(t, url).Teams(t.Context()); err != nil || len(teams) != 2*each {
		t.Errorf("got %d teams, %v; want %d", len(teams), err, 2*each)
	}
}

func addTeams(t *testing.T, url, prefix string, n int) {
	t.Helper()
	db := open(t, url)
	for i := range n {
		id := fmt.Sprint(prefix, i)
		if err := db.AddTeam(t.Context(), team.Team{ID: team.ID(id), Slug: id}); err != nil {
			t.Fatal(err)
		}
	}
}
