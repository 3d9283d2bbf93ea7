package engine

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

const (
	// schemaLockTimeout is how long a change of the schema waits for a lock of a table. Every request for that table waits behind it.
	schemaLockTimeout = 2 * time.Second
	// schemaLockPause is the time between two attempts. The requests that had to wait go on in it.
	schemaLockPause = 2 * time.Second
	// lockMargin is how long before the end of a unit of work PostgreSQL gives up its wait for a lock. The client would have to close the
	// connection, and would not know whether the unit was committed.
	lockMargin = 250 * time.Millisecond
)

// lockNotAvailable is the error of a statement that has waited for a lock for lock_timeout.
const lockNotAvailable = "55P03"

// lockTimeout is how long a unit of work may wait for each lock.
func lockTimeout(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return unitLimit - lockMargin
	}
	return max(batchLockTimeout, time.Until(deadline)-lockMargin)
}

// begin is one round trip. The settings end with the transaction, because behind a pooler the session is not ours.
func begin(ctx context.Context) pgx.TxOptions {
	return pgx.TxOptions{BeginQuery: fmt.Sprintf("BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = %d; SET LOCAL lock_timeout = %d",
		idleTimeout.Milliseconds(), lockTimeout(ctx).Milliseconds())}
}

// setLockTimeout is the same for a batch, which has no BEGIN.
func setLockTimeout(limit time.Duration) string {
	return fmt.Sprintf("SELECT set_config('lock_timeout', '%d', true)", limit.Milliseconds())
}

// schemaConnector makes the connections for changes of the schema: each of their transactions waits for a lock for schemaLockTimeout.
type schemaConnector struct{ driver.Connector }

func newSchemaConnector(pool *pgxpool.Pool) driver.Connector {
	return schemaConnector{stdlib.GetPoolConnector(pool)}
}

func (c schemaConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return schemaConn{conn.(*stdlib.Conn)}, nil
}

type schemaConn struct{ *stdlib.Conn }

// BeginTx is the driver's, with the limit.
func (c schemaConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	if _, err := c.ExecContext(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", schemaLockTimeout.Milliseconds()), nil); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// migratePostgres brings the schema up to date while no other process does so. When somebody holds a lock that it needs, it gives up its own
// locks, says who that is, and tries again.
func (db *DB) migratePostgres(ctx context.Context, first first) error {
	began, allowed := time.Now(), false
	for {
		err := first.locked(ctx, func() error {
			if !allowed { // asked once: afterwards the schema may be half done
				if err := db.mayMigratePostgres(ctx, first); err != nil {
					return err
				}
				allowed = true
			}
			return db.migrate(ctx, goose.DialectPostgres)
		})
		if postgresCode(err) != lockNotAvailable {
			return first.explained(ctx, err, db.opts.Prefix)
		}
		holder := first.holder(ctx, db.opts)
		db.opts.Log.WarnContext(ctx, "the schema cannot be changed yet, because somebody else holds a lock; it is tried again",
			append(holder.attributes(), slog.Duration("waited", time.Since(began).Round(time.Millisecond)))...)
		select {
		case <-ctx.Done():
			return fmt.Errorf("the schema could not be changed, because somebody else holds a lock (%s): %w", holder, err)
		case <-time.After(schemaLockPause + rand.N(schemaLockPause/4)):
		}
	}
}

// lockHolder is a transaction that holds a lock of our tables, or the lock for changes of the schema.
type lockHolder struct {
	pid                                  int // 0: a prepared transaction
	user, application, address, state    string
	table, mode                          string
	secondsOfTransaction, secondsOfQuery float64
	nobody                               bool
	unknown                              error
}

// holder finds the oldest transaction that holds a lock.
func (f first) holder(ctx context.Context, opts Options) (h lockHolder) {
	const query = `SELECT COALESCE(l.pid, 0), COALESCE(a.usename, ''), COALESCE(a.application_name, ''), COALESCE(host(a.client_addr), ''), COALESCE(a.state, ''),
			COALESCE(t.relname, 'the lock for changes of the schema'), l.mode,
			COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - a.xact_start), 0)::float8, COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - a.query_start), 0)::float8
		FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid LEFT JOIN pg_class t ON l.locktype = 'relation' AND t.oid = l.relation
		WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND (l.locktype = 'advisory' AND l.classid = 0 AND l.objid = $1 AND l.objsubid = 1
				OR t.relkind = 'r' AND t.relnamespace = quote_ident(current_schema())::regnamespace AND (starts_with(t.relname, $2) OR t.relname = ANY ($3) OR t.relname = 'goose_db_version'))
		ORDER BY a.xact_start NULLS FIRST LIMIT 1`
	err := f.QueryRow(ctx, query, lockSchema, opts.Prefix, opts.OldTables).Scan(&h.pid, &h.user, &h.application, &h.address, &h.state, &h.table, &h.mode,
		&h.secondsOfTransaction, &h.secondsOfQuery)
	h.nobody = errors.Is(err, pgx.ErrNoRows)
	if !h.nobody {
		h.unknown = err
	}
	return h
}

func (h lockHolder) attributes() []any {
	if h.nobody || h.unknown != nil {
		return []any{slog.String("holder", h.String())}
	}
	age := func(seconds float64) time.Duration {
		return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
	}
	return []any{
		slog.Int("pid", h.pid), slog.String("application_name", h.application), slog.String("user", h.user), slog.String("address", h.address), slog.String("state", h.state),
		slog.String("transaction_age", age(h.secondsOfTransaction).String()), slog.String("query_age", age(h.secondsOfQuery).String()),
		slog.String("table", h.table), slog.String("mode", h.mode),
	}
}

// String is the holder in an error.
func (h lockHolder) String() string {
	switch {
	case h.unknown != nil:
		return fmt.Sprintf("nobody knows who: %v", h.unknown)
	case h.nobody:
		return "it was released meanwhile"
	case h.pid == 0:
		return "a prepared transaction, see pg_prepared_xacts"
	}
	var parts []string
	for _, attribute := range h.attributes() {
		if a := attribute.(slog.Attr); a.Value.String() != "" {
			parts = append(parts, a.Key+" "+a.Value.String())
		}
	}
	return strings.Join(parts, ", ")
}
