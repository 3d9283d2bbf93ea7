package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Open opens a database ("sqlite:PATH" or "postgres://…") and brings its schema up to date under a lock.
// A missing SQLite file is made, readable by its owner only, when opts.Making allows it. A missing directory is an error, and so
// is a schema that a newer release made.
func Open(ctx context.Context, dsn string, opts Options) (*DB, error) {
	db := &DB{opts: opts, url: dsn}
	var err error
	path, isSQLite := strings.CutPrefix(dsn, "sqlite:")
	switch {
	case isSQLite && (path == "" || path == ":memory:"):
		err = errors.New("the database URL sqlite: needs the path of a file")
	case isSQLite:
		err = db.openSQLite(ctx, path)
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"):
		err = db.openPostgres(ctx, dsn)
	default: // the URL may hold a password, so it is not repeated
		err = errors.New("the database URL must be sqlite:PATH or postgres://…")
	}
	if err != nil {
		return nil, err
	}
	return db, nil
}

// IsUnique reports that a statement failed because a row with such a key exists.
func IsUnique(err error) bool {
	code := sqliteCode(err)
	return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY ||
		postgresCode(err) == "23505" // unique_violation
}

// IsForeignKey reports that a statement failed because a row that it refers to does not exist.
func IsForeignKey(err error) bool {
	return sqliteCode(err) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY || postgresCode(err) == "23503" // foreign_key_violation
}

// isTransient reports that the same transaction may succeed when it runs again.
func isTransient(err error) bool {
	if sqliteCode(err)&0xff == sqlite3.SQLITE_BUSY {
		return true
	}
	code := postgresCode(err)
	return code == "40001" || code == "40P01" // serialization_failure, deadlock_detected
}

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func (db *DB) openSQLite(ctx context.Context, path string) (err error) {
	wrap := func(err error) error { return fmt.Errorf("open database %s: %w", path, err) }
	path, err = filepath.Abs(path)
	if err != nil {
		return wrap(err)
	}
	db.place = path
	if err := db.mayOpenFile(path); err != nil {
		return wrap(err)
	}
	// SQLite would make the file readable by everyone. The files that it adds beside it take this one's permissions.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return wrap(err)
	}
	if err := file.Close(); err != nil {
		return wrap(err)
	}

	// FULL: a commit that was answered survives a loss of power.
	db.handle, err = sql.Open("sqlite", sqliteDSN(path, "journal_mode(WAL)", "synchronous(FULL)"))
	if err != nil {
		return wrap(err)
	}
	db.handle.SetMaxOpenConns(1)
	err = db.mayMigrate(ctx, goose.DialectSQLite3, path)
	if err == nil {
		err = db.migrate(ctx, goose.DialectSQLite3)
	}
	if err != nil {
		return wrap(errors.Join(err, db.handle.Close()))
	}
	db.sqlite, err = newSQLiteWriter(ctx, db)
	if err != nil {
		return wrap(errors.Join(err, db.handle.Close()))
	}
	db.reads, err = sql.Open("sqlite", sqliteDSN(path, "query_only(1)"))
	if err != nil {
		return wrap(errors.Join(err, db.sqlite.close(), db.handle.Close()))
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	db.reads.SetMaxOpenConns(readers)
	db.reads.SetMaxIdleConns(readers)
	db.closed = func() error { return errors.Join(db.sqlite.close(), db.reads.Close(), db.handle.Close()) }
	return nil
}

// sqliteDSN is a URI, so that a path may have any character in it.
func sqliteDSN(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{"busy_timeout(10000)", "foreign_keys(1)"}, pragmas...)}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}

func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// idleTimeout is how long PostgreSQL waits for the next statement of a unit of work. A server that stopped midway, or was
// cut off, holds its locks for no longer. It is less than the writeTimeout of those who wait for these locks.
const idleTimeout = 10 * time.Second

func (db *DB) openPostgres(ctx context.Context, dsn string) error {
	config, err := pgxpool.ParseConfig(dsn) // its errors leave the password out
	if err != nil {
		return fmt.Errorf("read the database URL: %w", err)
	}
	db.place = config.ConnConfig.Database + " on " + config.ConnConfig.Host
	wrap := func(err error) error { return fmt.Errorf("open database %s: %w", db.place, err) }
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("SET idle_in_transaction_session_timeout = %d", idleTimeout.Milliseconds()))
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return wrap(err)
	}
	db.handle = stdlib.OpenDBFromPool(pool)
	db.reads = db.handle
	db.closed = func() error {
		if db.group != nil {
			db.group.close()
		}
		err := db.handle.Close()
		pool.Close()
		return err
	}
	err = db.mayMigrate(ctx, goose.DialectPostgres, "")
	if err == nil {
		err = db.migrate(ctx, goose.DialectPostgres)
	}
	if err == nil {
		db.group, err = newPostgresWriter(ctx, pool, db.count)
	}
	if err != nil {
		return wrap(errors.Join(err, db.Close()))
	}
	return nil
}
