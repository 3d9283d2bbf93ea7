package engine

import (
	"database/sql"
	"maps"
	"slices"
)

// Fail is for tests: a statement or commit fails when at returns an error for its name. nil ends that.
func (db *DB) Fail(at func(name string) error) {
	if at == nil {
		db.fault.Store(nil)
		return
	}
	db.fault.Store(&at)
}

// SQL is for tests: a way to look at what is stored.
func (db *DB) SQL() *sql.DB { return db.reads }

// Statements is for tests: every statement that this SQLite database has prepared. Call it only while nothing writes.
func (db *DB) Statements() []string {
	list := slices.Collect(maps.Keys(db.sqlite.stmts))
	for query := range db.stmts.Range {
		list = append(list, query.(string))
	}
	return list
}
