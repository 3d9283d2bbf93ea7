package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

// TestMakingADatabase: what Open makes of nothing, of a place with other things in it, and of a database of ours.
func TestMakingADatabase(t *testing.T) {
	type state int
	const (
		nothing state = iota
		others        // other files, or another program's table
		ours
	)
	for _, tt := range []struct {
		name   string
		making store.Making
		on     map[state]error
	}{
		{"missing", store.MakeMissing, map[state]error{nothing: nil, others: nil, ours: nil}},
		{"in empty", store.MakeInEmpty, map[state]error{nothing: nil, others: store.ErrNoDatabase, ours: nil}},
		{"never", store.MakeNever, map[state]error{nothing: store.ErrNoDatabase, others: store.ErrNoDatabase, ours: nil}},
		{"new", store.MakeNew, map[state]error{nothing: nil, others: nil, ours: store.ErrDatabaseExists}},
	} {
		for before, want := range tt.on {
			t.Run(tt.name+" on "+[]string{"nothing", "others", "ours"}[before], func(t *testing.T) {
				storetest.OnBoth(t, func(t *testing.T, url string) {
					if before != ours && isPostgres(url) {
						dropSchema(t, url)
					}
					switch before {
					case others:
						addOthers(t, url)
					case ours:
						if err := open(t, url).Close(); err != nil {
							t.Fatal(err)
						}
					}
					db, err := store.Open(t.Context(), url, store.Options{Making: tt.making})
					if !errors.Is(err, want) {
						t.Fatalf("got %v, want %v", err, want)
					}
					if err == nil {
						if made := before != ours; db.Made() != made {
							t.Errorf("Made: got %v, want %v", db.Made(), made)
						}
						db.Close()
						return
					}
					path, isFile := strings.CutPrefix(url, "sqlite:")
					if isFile && !strings.Contains(err.Error(), path) {
						t.Errorf("the error does not name %s: %v", path, err)
					}
					if _, missing := os.Stat(path); isFile && before != ours && missing == nil {
						t.Error("it left a file behind")
					}
				})
			})
		}
	}
}

// addOthers adds something that is not ours beside the database.
func addOthers(t *testing.T, url string) {
	t.Helper()
	if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), "notes.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if _, err := connect(t, url).Exec(`CREATE TABLE notes (id TEXT)`); err != nil {
		t.Fatal(err)
	}
}

// A first start that was interrupted left an empty file, perhaps with SQLite's own beside it. The next start goes on.
func TestAnInterruptedFirstStartIsFinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	for _, name := range []string{path, path + "-wal"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(filepath.Dir(path), "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), "sqlite:"+path, store.Options{Making: store.MakeInEmpty})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
}
