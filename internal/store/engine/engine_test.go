package engine

import (
	"path/filepath"
	"testing"
	"testing/fstest"
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
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"} {
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
