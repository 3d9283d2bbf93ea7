package engine

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
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
	for name, move := range map[string]func(path string) error{
		"deleted":     os.Remove,
		"log deleted": func(path string) error { return os.Remove(path + "-wal") },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+"-new", nil, 0o600), os.Rename(path+"-new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := told(openSQLite(t))
			if err := insert(t, db, "before"); err != nil {
				t.Fatal(err)
			}
			if err := move(db.place); err != nil {
				t.Fatal(err)
			}
			if err := insert(t, db, "after"); !errors.Is(err, errTold) || !errors.Is(err, ErrMoved) {
				t.Errorf("a commit into the void: %v", err)
			}
			scan := func(r Row) (id string, err error) { return id, r.Scan(&id) }
			if _, err := All(t.Context(), db, "all", scan, `SELECT id FROM things`); !errors.Is(err, ErrMoved) {
				t.Errorf("a query of the void: %v", err)
			}
		})
	}
	t.Run("damaged", func(t *testing.T) {
		db := told(openSQLite(t))
		if _, err := db.sqlite.conn.ExecContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(db.place, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt(bytes.Repeat([]byte{0xff}, int(info.Size())-4096), 4096); err != nil { // all pages but the first
			t.Fatal(err)
		}
		scan := func(r Row) (id string, err error) { return id, r.Scan(&id) }
		if _, err := All(t.Context(), db, "all", scan, `SELECT id FROM things WHERE id > 'a'`); !errors.Is(err, errTold) {
			t.Errorf("got the error %v", err)
		}
		if db.Damaged() == nil {
			t.Error("the damage is forgotten")
		}
	})
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
