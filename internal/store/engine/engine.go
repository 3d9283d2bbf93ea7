// Package engine opens SQLite and PostgreSQL and runs statements and units of work on them. It knows no domain type.
//
// A unit of work (Write) is one transaction: it happens whole or not at all, and it is durable when Write returns.
// Concurrent units share commits. The field calls this "group commit": a commit waits for the disk, and one wait can
// serve many units. While one commit waits, the next batch gathers, so nobody waits for a batch to fill:
//
//	unit A   |--run--|==commit 1==|
//	unit B     |...waits........|--run--|==commit 2==|
//	unit C       |...waits......|--run--|==commit 2==|     B and C are one batch
//
// Nobody is answered before the commit that holds their work.
//
//   - SQLite has one connection that writes. Its goroutine runs a whole batch in one transaction (commit_sqlite.go).
//   - On PostgreSQL, Write opens a transaction for each unit. A unit that is a single statement can use Batch: many
//     such statements travel in one round trip and one commit (commit_postgres.go).
//
// A unit that fails never fails its neighbours: the batch is rolled back and its units run again, apart from each other.
// Source: DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984.
package engine

import (
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Options are the settings of a DB.
type Options struct {
	// Migrations are the versions of the schema, as goose reads them. See migrate.
	Migrations fs.FS
	// Prefix begins the names of our tables, so that a database may be shared.
	Prefix string
	// OldMigrations are for databases that were made before there was a prefix. They end with the first version of
	// Migrations. OldTables are tables of these, which no other program is likely to have all of.
	OldMigrations fs.FS
	OldTables     []string
	// Unavailable makes an error of the database (it is down, silent, full, read-only) into what callers are told. May be nil.
	Unavailable func(error) error
	// URL is the database URL as it is now. It is asked for when PostgreSQL refuses the password. May be nil.
	URL func() (string, error)
	// Log gets what an operator should know while the database is opened. May be nil.
	Log *slog.Logger
	// Making says what Open does when there is no database yet.
	Making Making
	// Observe is called once per statement with the name of its unit of work, and once per commit with "commit".
	// It is called from several goroutines at once. May be nil.
	Observe func(name string)
}

// DB is an open database. It may be used from several goroutines at once.
type DB struct {
	opts  Options
	url   string // as it was given
	place string // see Place
	made  bool   // see Made

	login  login
	pool   *pgxpool.Pool   // PostgreSQL: everything but batches
	handle *sql.DB         // PostgreSQL: the pool, for migrations. SQLite: the one connection that writes
	reads  *sql.DB         // PostgreSQL: the pool, for tests. SQLite: connections that cannot write
	stmts  sync.Map        // SQLite: query → *sql.Stmt on reads
	sqlite *sqliteWriter   // nil on PostgreSQL
	group  *postgresWriter // nil on SQLite
	files  *fileWatch      // nil on PostgreSQL
	ended  atomic.Bool     // by Close

	damaged atomic.Pointer[error] // see Damaged

	fault atomic.Pointer[func(name string) error] // see Fail
}

// PostgreSQL reports which of the two databases this is.
func (db *DB) PostgreSQL() bool { return db.sqlite == nil }

// Text is the one of two texts of a statement that this database understands.
func (db *DB) Text(sqlite, postgres string) string {
	if db.PostgreSQL() {
		return postgres
	}
	return sqlite
}

// Close finishes the commit that is under way and closes the database. Later calls fail.
func (db *DB) Close() error {
	db.ended.Store(true)
	if db.sqlite == nil {
		return db.closePostgres()
	}
	return errors.Join(db.sqlite.close(), db.reads.Close(), db.handle.Close())
}

// observe reports a statement or a commit that is about to happen. Its error is one that a test injects.
func (db *DB) observe(name string) error {
	db.count(name)
	return db.injected(name)
}

func (db *DB) count(name string) {
	if db.opts.Observe != nil {
		db.opts.Observe(name)
	}
}

func (db *DB) injected(name string) error {
	if fault := db.fault.Load(); fault != nil {
		return (*fault)(name)
	}
	return nil
}
