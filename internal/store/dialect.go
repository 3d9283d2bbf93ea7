package store

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

// A dialect is in what the two databases differ. Everything else is written once.
type dialect struct {
	goose     goose.Dialect
	rowLocks  bool                   // PostgreSQL locks rows; SQLite has one writer, who needs no locks
	violation func(error) constraint // which constraint a failed statement met
	transient func(error) bool       // nothing is wrong: the same unit of work may succeed if it is run again
}

type constraint int

const (
	noConstraint constraint = iota
	uniqueConstraint
	foreignKey
)

// locking is the clause that locks the rows that a query read, or nothing where there are no row locks.
func (d dialect) locking(clause string) string {
	if !d.rowLocks {
		return ""
	}
	return " " + clause
}

func opener(dsn string) (func(context.Context) (*DB, error), error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		if path == "" || path == ":memory:" {
			return nil, errors.New("the database URL sqlite: needs the path of a file")
		}
		return func(ctx context.Context) (*DB, error) { return openSQLite(ctx, path) }, nil
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return func(ctx context.Context) (*DB, error) { return openPostgres(ctx, dsn) }, nil
	}
	// The URL may hold a password, so it is not repeated.
	return nil, errors.New("the database URL must be sqlite:PATH or postgres://…")
}

var sqliteDialect = dialect{
	goose: goose.DialectSQLite3,
	violation: func(err error) constraint {
		switch sqliteCode(err) {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return uniqueConstraint
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			return foreignKey
		}
		return noConstraint
	},
	transient: func(err error) bool { return sqliteCode(err)&0xff == sqlite3.SQLITE_BUSY },
}

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func openSQLite(ctx context.Context, path string) (_ *DB, err error) {
	wrap := func(err error) error { return fmt.Errorf("open database %s: %w", path, err) }
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, wrap(err)
	}
	// SQLite would make the file readable by everyone; what it adds next to it takes the file's permissions.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, wrap(err)
	}
	if err := file.Close(); err != nil {
		return nil, wrap(err)
	}

	db := &DB{dialect: sqliteDialect}
	// FULL: a commit that was answered survives a loss of power.
	db.handle, err = sql.Open("sqlite", sqliteDSN(path, "journal_mode(WAL)", "synchronous(FULL)"))
	if err != nil {
		return nil, wrap(err)
	}
	db.handle.SetMaxOpenConns(1)
	if err := migrate(ctx, db.handle, db.dialect); err != nil {
		return nil, wrap(errors.Join(err, db.handle.Close()))
	}
	db.writer, err = newWriter(ctx, db)
	if err != nil {
		return nil, wrap(errors.Join(err, db.handle.Close()))
	}
	db.reads, err = sql.Open("sqlite", sqliteDSN(path, "query_only(1)"))
	if err != nil {
		return nil, wrap(errors.Join(err, db.writer.close(), db.handle.Close()))
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	db.reads.SetMaxOpenConns(readers)
	db.reads.SetMaxIdleConns(readers)
	db.closed = func() error { return errors.Join(db.writer.close(), db.reads.Close(), db.handle.Close()) }
	return db, nil
}

// sqliteDSN is a URI, so that a path may have any character in it.
func sqliteDSN(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{"busy_timeout(10000)", "foreign_keys(1)"}, pragmas...)}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}

var postgresDialect = dialect{
	goose:    goose.DialectPostgres,
	rowLocks: true,
	violation: func(err error) constraint {
		switch postgresCode(err) {
		case "23505": // unique_violation
			return uniqueConstraint
		case "23503": // foreign_key_violation
			return foreignKey
		}
		return noConstraint
	},
	transient: func(err error) bool {
		code := postgresCode(err)
		return code == "40001" || code == "40P01" // serialization_failure, deadlock_detected
	},
}

func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// idleTimeout is how long PostgreSQL waits for the next statement of a unit of work, and less than the writeTimeout of those who wait for its rows. For the revision all wait
// who end something (see memory), and the one who has it may have stopped midway, or be cut off.
const idleTimeout = 10 * time.Second

func openPostgres(ctx context.Context, dsn string) (*DB, error) {
	config, err := pgxpool.ParseConfig(dsn) // its errors leave the password out
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	wrap := func(err error) error {
		return fmt.Errorf("open database %s on %s: %w", config.ConnConfig.Database, config.ConnConfig.Host, err)
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("SET idle_in_transaction_session_timeout = %d", idleTimeout.Milliseconds()))
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, wrap(err)
	}
	handle := stdlib.OpenDBFromPool(pool)
	db := &DB{dialect: postgresDialect, handle: handle, reads: handle}
	db.closed = func() error {
		if db.group != nil {
			db.group.close()
		}
		err := handle.Close()
		pool.Close()
		return err
	}
	err = migrate(ctx, handle, db.dialect)
	if err == nil {
		db.group, err = newGroup(ctx, pool, db.count)
	}
	if err != nil {
		return nil, wrap(errors.Join(err, db.Close()))
	}
	return db, nil
}
