package engine

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/fstest"
	"testing/synctest"
)

// openSQLite opens a database with one table, until the end of the test.
func openSQLite(t *testing.T) *DB {
	t.Helper()
	schema := fstest.MapFS{"00001_first.sql": {Data: []byte("-- +goose Up\nCREATE TABLE things (id TEXT NOT NULL PRIMARY KEY);\n")}}
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), Options{Migrations: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// Durability and foreign keys depend on these settings.
func TestSQLiteIsSetUp(t *testing.T) {
	db := openSQLite(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "2500"} {
		var got string
		err := db.sqlite.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got)
		if err != nil || got != want {
			t.Errorf("%s is %q, %v on the connection that writes; want %q", pragma, got, err, want)
		}
	}
	if _, err := db.SQL().Exec("INSERT INTO things (id) VALUES ('x')"); err == nil {
		t.Error("a connection that reads can write")
	}
}

// A unit that fails after it has written is rolled back, however it has written, and the rest of its batch is not.
func TestFailedUnitLeavesNoTrace(t *testing.T) {
	errRefused := errors.New("refused")
	for name, write := range map[string]func(*Tx) error{
		"Change": func(tx *Tx) error { _, err := tx.Change(`INSERT INTO things (id) VALUES ('failed')`); return err },
		"ChangeGet": func(tx *Tx) error {
			return tx.ChangeGet([]any{new(string)}, `INSERT INTO things (id) VALUES ('failed') RETURNING id`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := openSQLite(t)
				held := make(chan struct{})
				go db.Write(t.Context(), "first", func(*Tx) error { <-held; return nil })
				synctest.Wait()
				failed, saved := make(chan error, 1), make(chan error, 1)
				go func() {
					failed <- db.Write(t.Context(), "failed", func(tx *Tx) error { return errors.Join(write(tx), errRefused) })
				}()
				synctest.Wait()
				go func() {
					saved <- db.Write(t.Context(), "saved", func(tx *Tx) error { _, err := tx.Change(`INSERT INTO things (id) VALUES ('saved')`); return err })
				}()
				synctest.Wait()
				close(held)
				if err := <-failed; !errors.Is(err, errRefused) {
					t.Errorf("the unit that fails: %v", err)
				}
				if err := <-saved; err != nil {
					t.Errorf("its neighbour: %v", err)
				}
				scan := func(r Row) (id string, err error) { return id, r.Scan(&id) }
				if ids, err := All(t.Context(), db, "all", scan, `SELECT id FROM things`); err != nil || len(ids) != 1 || ids[0] != "saved" {
					t.Errorf("the table holds %q, %v", ids, err)
				}
			})
		})
	}
}
