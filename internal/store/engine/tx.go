package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Work is the part of a unit of work between BEGIN and COMMIT. It may run more than once,
// so it must set everything that it hands out anew each time.
type Work func(*Tx) error

// Tx is one unit of work in progress.
type Tx struct {
	ctx  context.Context
	db   *DB
	name string // for Observe and for errors
	session
	state *txState
}

// txState is shared by all names of one unit of work (Named).
type txState struct {
	wrote  bool // a statement has changed something, or may have
	broken bool // a statement has failed
}

// session runs statements within a transaction.
type session interface {
	run(ctx context.Context, query string, args []any) (sql.Result, error)
	first(ctx context.Context, query string, args []any, dest []any) error
}

func newTx(ctx context.Context, db *DB, name string, s session) *Tx {
	return &Tx{ctx: ctx, db: db, name: name, session: s, state: &txState{}}
}

// Context is the caller's, without its cancellation: a unit of work that has begun is finished.
func (t *Tx) Context() context.Context { return t.ctx }

// Named is the same unit of work, whose statements are counted under another name.
func (t *Tx) Named(name string) *Tx {
	other := *t
	other.name = name
	return &other
}

// Wrote reports whether a statement has changed something.
func (t *Tx) Wrote() bool { return t.state.wrote }

// Change runs a statement and returns how many rows it changed.
func (t *Tx) Change(query string, args ...any) (int64, error) {
	if err := t.observe(); err != nil {
		return 0, err
	}
	result, err := t.run(t.ctx, query, args)
	if err != nil {
		return 0, t.failed(err)
	}
	n, err := result.RowsAffected()
	t.state.wrote = t.state.wrote || n > 0
	return n, err
}

// MustChange runs a statement that has to change a row. When it changes none, the error is missing.
func (t *Tx) MustChange(missing error, query string, args ...any) error {
	n, err := t.Change(query, args...)
	if err == nil && n == 0 {
		return missing
	}
	return err
}

// Get reads the first row of a query that changes nothing. The error is sql.ErrNoRows when there is none.
func (t *Tx) Get(dest []any, query string, args ...any) error {
	if err := t.observe(); err != nil {
		return err
	}
	err := t.first(t.ctx, query, args, dest)
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return t.failed(err)
}

// ChangeGet runs a statement that changes a row and returns it. The error is sql.ErrNoRows when it changed none.
func (t *Tx) ChangeGet(dest []any, query string, args ...any) error {
	err := t.Get(dest, query, args...)
	t.state.wrote = t.state.wrote || err == nil
	return err
}

// Lock runs a SELECT … FOR UPDATE or FOR SHARE. SQLite has one writer and no row locks, so nothing happens there.
func (t *Tx) Lock(query string, args ...any) error {
	if !t.db.PostgreSQL() {
		return nil
	}
	if err := t.observe(); err != nil {
		return err
	}
	if _, err := t.run(t.ctx, query, args); err != nil {
		return t.failed(err)
	}
	return nil
}

func (t *Tx) observe() error {
	err := t.db.observe(t.name)
	t.state.broken = t.state.broken || err != nil
	return err
}

func (t *Tx) failed(err error) error {
	t.state.broken = true
	return fmt.Errorf("store: %s: %w", t.name, err)
}

// do runs the work of a unit. A panic in it is the unit's error.
func (t *Tx) do(work Work) (err error) {
	defer func() {
		if err != nil && errors.Is(err, errPanic) {
			t.state.broken = true // it may have left something behind
		}
	}()
	defer recovered(&err)
	return work(t)
}

// errPanic is what a panic becomes.
var errPanic = errors.New("panic")

// recovered turns a panic into an error with the stack, for the log. On a goroutine of ours a panic would end the process, and
// everything else that is under way with it.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("store: %w: %v\n%s", errPanic, p, debug.Stack())
	}
}

// Write runs a unit of work. When it returns nil, the work is durable. When it returns an error, nothing of it remains, unless the error is
// ErrUnknown. A ctx that ends stops the unit before it begins, not midway.
func (db *DB) Write(ctx context.Context, name string, work Work) error {
	if db.sqlite != nil {
		return db.told(db.sqlite.do(ctx, name, work))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := limited(ctx, unitLimit)
	defer cancel()
	return db.told(db.retry(ctx, func() error { return db.transact(ctx, name, work) }))
}

// retry runs a transaction of PostgreSQL again when it was the victim of a deadlock.
func (db *DB) retry(ctx context.Context, transaction func() error) error {
	const attempts = 10
	began := time.Now()
	for attempt := 1; ; attempt++ {
		err := transaction()
		if err == nil || !isTransient(err) || attempt == attempts || time.Since(began) > unitLimit {
			return err
		}
		select { // for a random time, so that the same transactions do not meet again
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(attempt) * 5 * time.Millisecond)):
		}
	}
}

// transact runs a unit of work in a PostgreSQL transaction of its own.
func (db *DB) transact(ctx context.Context, name string, work Work) error {
	conn, tx, err := db.begin(ctx)
	if err != nil {
		return fmt.Errorf("store: %s: begin: %w", name, err)
	}
	defer conn.Release()
	defer tx.Rollback(ctx)
	if err := newTx(ctx, db, name, postgresSession{tx}).do(work); err != nil {
		return err
	}
	if err := db.observe("commit"); err != nil {
		return err
	}
	err = tx.Commit(ctx)
	switch {
	case err == nil:
		return nil
	case rolledBack(err), errors.Is(err, pgx.ErrTxCommitRollback):
		return fmt.Errorf("store: %s: commit: %w", name, err)
	}
	return fmt.Errorf("store: %s: commit: %w: %w", name, ErrUnknown, err)
}

// begin opens a transaction. It tries once more on another connection when one turns out to have ended: nothing has happened yet.
func (db *DB) begin(ctx context.Context) (conn *pgxpool.Conn, tx pgx.Tx, err error) {
	for range 2 {
		if conn, err = db.acquire(ctx, db.pool); err != nil {
			return nil, nil, err
		}
		if tx, err = conn.BeginTx(ctx, begin(ctx)); err == nil {
			return conn, tx, nil
		}
		conn.Release()
		if !broken(err) {
			break
		}
		db.suspect()
	}
	return nil, nil, err
}

// postgresSession lets pgx prepare the statements.
type postgresSession struct{ pgx.Tx }

func (p postgresSession) run(ctx context.Context, query string, args []any) (sql.Result, error) {
	tag, err := p.Exec(ctx, query, args...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

func (p postgresSession) first(ctx context.Context, query string, args []any, dest []any) error {
	return p.QueryRow(ctx, query, args...).Scan(dest...)
}
