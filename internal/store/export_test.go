package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
)

// Fail makes whatever statement or commit fail for which at returns an error. nil ends it.
func (db *DB) Fail(at func(statement string) error) {
	if at == nil {
		db.fault.Store(nil)
		return
	}
	db.fault.Store(&at)
}

// GiveUp is a unit of work during which SQLite gives up the whole transaction, as it does on a full disk.
func (db *DB) GiveUp(ctx context.Context) error {
	return db.write(ctx, "GiveUp", func(t *tx) error {
		_, err := t.exec("ROLLBACK")
		return errors.Join(err, errors.New("the disk is full"))
	})
}

// Refuse is a unit of work that adds a team and then fails with err.
func (db *DB) Refuse(ctx context.Context, id string, err error) error {
	return db.write(ctx, "Refuse", func(t *tx) error {
		_, failed := t.exec(`INSERT INTO teams (id, slug, name, created_at) VALUES ($1, $1, '', 0)`, id)
		return errors.Join(failed, err)
	})
}

// WriterPragma is a setting of the connection that writes. Only for when nothing is being written.
func (db *DB) WriterPragma(ctx context.Context, name string) (value string, err error) {
	err = db.writer.conn.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)
	return value, err
}

// SQL is a way to look at what is stored.
func (db *DB) SQL() *sql.DB { return db.reads }

// Statements is every statement that this SQLite database has prepared. Only for when nothing is being written.
func (db *DB) Statements() []string {
	list := slices.Collect(maps.Keys(db.writer.stmts))
	for query := range db.stmts.Range {
		list = append(list, query.(string))
	}
	return list
}
