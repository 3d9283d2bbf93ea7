package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// logLimit is how many bytes the write-ahead log of SQLite keeps once it was written into the database. It may be larger for a moment.
const logLimit = 16 << 20

// Open opens a database ("sqlite:PATH" or "postgres://…") and brings its schema up to date under a lock.
// A missing SQLite file is made, readable by its owner only, when opts.Making allows it. A missing directory is an error, and so
// is a schema that a newer release made.
func Open(ctx context.Context, dsn string, opts Options) (*DB, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
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

	// FULL: a commit that was answered survives a loss of power. Without the limit, the log would stay as large as it was at its largest.
	limit := fmt.Sprintf("journal_size_limit(%d)", logLimit)
	db.handle, err = sql.Open("sqlite", sqliteDSN(path, "journal_mode(WAL)", "synchronous(FULL)", limit))
	if err != nil {
		return wrap(err)
	}
	db.handle.SetMaxOpenConns(1)
	err = db.connectSQLite(ctx)
	if err == nil {
		err = db.mayMigrate(ctx, goose.DialectSQLite3, path)
	}
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
	if db.files, err = watchFiles(path); err != nil {
		return wrap(errors.Join(err, db.Close()))
	}
	readers := max(4, 2*runtime.GOMAXPROCS(0))
	db.reads.SetMaxOpenConns(readers)
	db.reads.SetMaxIdleConns(readers)
	return nil
}

// connectSQLite makes the first connection, which gives a new file its write-ahead log. SQLite does not wait when another process has the file open
// at that moment, for example because it makes the same database, so this tries again.
func (db *DB) connectSQLite(ctx context.Context) error {
	const attempts = 40
	for attempt := 1; ; attempt++ {
		err := db.handle.PingContext(ctx)
		if err == nil || !isTransient(err) || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(attempt) * 5 * time.Millisecond)):
		}
	}
}

// sqliteDSN is a URI, so that a path may have any character in it. busy_timeout is how long a statement waits for another process.
func sqliteDSN(path string, pragmas ...string) string {
	busy := fmt.Sprintf("busy_timeout(%d)", batchLimit.Milliseconds())
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{busy, "foreign_keys(1)"}, pragmas...)}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return u.String()
}

func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
