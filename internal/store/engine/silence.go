package engine

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite3 "modernc.org/sqlite/lib"
)

// A database host that fails may stay silent: it neither answers nor closes its connections. Everything has a limit therefore, so that every
// request is answered within five seconds. A deadline of the caller's context replaces readLimit and unitLimit: a command may wait for longer.
const (
	// queueLimit is how long a unit of work waits until it is begun.
	queueLimit = 2 * time.Second
	// batchLimit is how long a batch may take, and one of its units alone.
	batchLimit = 2500 * time.Millisecond
	// readLimit is for a query, with the wait for a connection.
	readLimit = 2500 * time.Millisecond
	// unitLimit is for a unit of work, with the wait for a connection, for its batch, and for locks.
	unitLimit = 3 * time.Second
	// idleTimeout is how long PostgreSQL waits for the next statement of a unit of work. A server that stopped midway, or was cut off, must
	// lose its locks before those who wait for them give up.
	idleTimeout = 2 * time.Second
)

// limited is ctx with the deadline of the caller, or else with a limit. It does not end when the caller hangs up: cancelling a statement of
// PostgreSQL closes its connection, and a browser that goes away must not cost one.
func limited(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithDeadline(context.WithoutCancel(ctx), deadlineOf(ctx, limit))
}

// deadlineOf is the caller's deadline, or else the end of a limit.
func deadlineOf(ctx context.Context, limit time.Duration) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(limit)
	}
	return deadline
}

// told is what the caller is told about an error of the database.
func (db *DB) told(err error) error {
	if err == nil {
		return nil
	}
	if damage(err) {
		first := err // only this one escapes to the heap
		db.damaged.CompareAndSwap(nil, &first)
	}
	if db.opts.Unavailable != nil && (db.ended.Load() || unavailable(err)) {
		return db.opts.Unavailable(err)
	}
	return err
}

// Damaged is the first error that said that the database's files are damaged. It stays until the process ends: the next query may not touch
// the damaged page, but another will.
func (db *DB) Damaged() error {
	if err := db.damaged.Load(); err != nil {
		return *err
	}
	return nil
}

func damage(err error) bool {
	if code := sqliteCode(err) & 0xff; code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB {
		return true
	}
	code := postgresCode(err)
	return code == "XX001" || code == "XX002" // data_corrupted, index_corrupted
}

// unavailable reports that an error is the database's, and no mistake in a statement: it is down, silent, full, read-only, damaged or overloaded.
func unavailable(err error) bool {
	if connecting(err) { // whatever PostgreSQL says: without a connection, nothing can be asked
		return true
	}
	if code := sqliteCode(err); code != 0 {
		return unavailableSQLite(code)
	}
	if code := postgresCode(err); code != "" {
		return unavailablePostgres(code)
	}
	_, network := errors.AsType[net.Error](err) // the end of a deadline is one too
	return network || notBegun(err) || errors.Is(err, ErrUnknown) || errors.Is(err, ErrMoved) || errors.Is(err, pgconn.ErrConnClosed) || broken(err)
}

// broken reports that a connection has ended.
func broken(err error) bool {
	network, ok := errors.AsType[*net.OpError](err)
	return ok && !network.Timeout() || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed) ||
		unavailablePostgres(postgresCode(err)) && postgresCode(err)[:2] == "57"
}

func unavailableSQLite(code int) bool {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT,
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return true
	}
	return false
}

func unavailablePostgres(code string) bool {
	if len(code) != 5 {
		return false
	}
	switch code[:2] {
	case "08", "40", "53", "57", "58", "XX": // connection, serialization, resources, operator, system, damage
		return true
	}
	switch code {
	case readOnly, "25P03", lockNotAvailable: // idle_in_transaction_session_timeout, lock_not_available
		return true
	}
	return false
}

// readOnly is read_only_sql_transaction: the server is a standby now, or its disk is full and its provider has stopped all writing.
const readOnly = "25006"
