package engine

import (
	"database/sql"
	"errors"
	"testing"
)

var errTold = errors.New("the database cannot answer")

// told makes errors of the database into errTold.
func told(db *DB) *DB {
	db.opts.Unavailable = func(err error) error { return errors.Join(errTold, err) }
	return db
}

func insert(t *testing.T, db *DB, id string) error {
	t.Helper()
	return db.Write(t.Context(), "insert", func(tx *Tx) error { _, err := tx.Change(`INSERT INTO things (id) VALUES ($1)`, id); return err })
}

// A database that is full, read-only or damaged is the database's fault. A row that is there already is not, nor is a wrong statement.
func TestErrorsOfTheDatabaseAreTold(t *testing.T) {
	for name, spoil := range map[string]string{
		"full":      "PRAGMA max_page_count = 1",
		"read-only": "PRAGMA query_only = 1",
	} {
		t.Run(name, func(t *testing.T) {
			db := told(openSQLite(t))
			if _, err := db.sqlite.conn.ExecContext(t.Context(), spoil); err != nil {
				t.Fatal(err)
			}
			if err := insert(t, db, string(make([]byte, 1<<20))); !errors.Is(err, errTold) {
				t.Errorf("got the error %v", err)
			}
		})
	}
	t.Run("held by another process", func(t *testing.T) {
		db := told(openSQLite(t))
		if _, err := db.sqlite.conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 1"); err != nil {
			t.Fatal(err)
		}
		other, err := sql.Open("sqlite", sqliteDSN(db.place))
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		begun, err := other.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer begun.Rollback()
		if err := insert(t, db, "x"); !errors.Is(err, errTold) {
			t.Errorf("got the error %v", err)
		}
	})
	t.Run("mistakes of ours", func(t *testing.T) {
		db := told(openSQLite(t))
		if err := insert(t, db, "x"); err != nil {
			t.Fatal(err)
		}
		if err := insert(t, db, "x"); err == nil || errors.Is(err, errTold) {
			t.Errorf("a row that is there: %v", err)
		}
		scan := func(r Row) (id string, err error) { return id, r.Scan(&id) }
		if _, err := All(t.Context(), db, "all", scan, `SELECT nothing FROM things`); err == nil || errors.Is(err, errTold) {
			t.Errorf("a wrong statement: %v", err)
		}
	})
}
