package store

import (
	"database/sql"
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
