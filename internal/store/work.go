package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// A unit is the work between BEGIN and COMMIT. It may be run more than once, so it must set what it hands out anew each time.
type unit func(*tx) error

// tx is one unit of work under way.
type tx struct {
	ctx  context.Context
	db   *DB
	name string // of the method, for Observe and for errors
	session

	wrote  bool // a statement has changed something, or may have
	broken bool // a statement has failed
}

// A session runs statements within a transaction.
type session interface {
	run(ctx context.Context, query string, args []any) (sql.Result, error)
	first(ctx context.Context, query string, args []any, dest []any) error
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	if err := t.db.observe(t.name); err != nil {
		t.broken = true
		return 0, err
	}
	result, err := t.run(t.ctx, query, args)
	if err != nil {
		t.broken = true
		return 0, fmt.Errorf("store: %s: %w", t.name, err)
	}
	n, err := result.RowsAffected()
	t.wrote = t.wrote || n > 0
	return n, err
}

// must runs a statement that has to change a row; when there is none to change, the error is missing.
func (t *tx) must(missing error, query string, args ...any) error {
	n, err := t.exec(query, args...)
	if err == nil && n == 0 {
		return missing
	}
	return err
}

// get reads the first row of what a statement returns. The error is sql.ErrNoRows when there is none.
func (t *tx) get(dest []any, query string, args ...any) error {
	if err := t.db.observe(t.name); err != nil {
		t.broken = true
		return err
	}
	err := t.first(t.ctx, query, args, dest)
	t.wrote = t.wrote || err == nil && !strings.HasPrefix(query, "SELECT")
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		return err
	}
	t.broken = true
	return fmt.Errorf("store: %s: %w", t.name, err)
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// write runs a unit of work and returns when it is durable, or has left no trace. A cancelled ctx stops it before it begins, not midway.
func (db *DB) write(ctx context.Context, name string, work unit) error {
	if db.writer != nil {
		return db.writer.do(ctx, name, work)
	}
	return db.again(ctx, func() error { return db.transact(ctx, name, work) })
}

// again runs a transaction of PostgreSQL until it meets no other on its way.
func (db *DB) again(ctx context.Context, transaction func() error) error {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		err := transaction()
		if err == nil || !db.dialect.transient(err) || attempt == attempts {
			return err
		}
		// Those who got into a deadlock part ways.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(time.Duration(attempt) * 5 * time.Millisecond)):
		}
	}
}

// writeTimeout bounds a unit of work that waits for a database that no longer answers.
const writeTimeout = 30 * time.Second

// transact runs a unit of work in a transaction of its own.
func (db *DB) transact(ctx context.Context, name string, work unit) error {
	conn, err := db.handle.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store: %s: %w", name, err)
	}
	defer conn.Close()
	// A browser that goes away must not cost a connection: cancelling a statement of PostgreSQL closes it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	begun, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return fmt.Errorf("store: %s: begin: %w", name, err)
	}
	defer begun.Rollback()
	if err := work(&tx{ctx: ctx, db: db, name: name, session: plain{begun}}); err != nil {
		return err
	}
	if err := db.observe("commit"); err != nil {
		return err
	}
	if err := begun.Commit(); err != nil {
		return fmt.Errorf("store: %s: commit: %w", name, err)
	}
	return nil
}

// plain leaves the preparing of statements to the driver.
type plain struct{ *sql.Tx }

func (p plain) run(ctx context.Context, query string, args []any) (sql.Result, error) {
	return p.ExecContext(ctx, query, args...)
}

func (p plain) first(ctx context.Context, query string, args []any, dest []any) error {
	return p.QueryRowContext(ctx, query, args...).Scan(dest...)
}

// A row is what a scan function reads from.
type row interface{ Scan(dest ...any) error }

// all reads every row of a query.
func all[T any](ctx context.Context, db *DB, name string, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.read(ctx, name, query, args)
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", name, err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("store: %s: %w", name, err)
		}
		list = append(list, item)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: %s: %w", name, err)
	}
	return list, nil
}

// one reads the only row of a query; when there is none, the error is missing.
func one[T any](ctx context.Context, db *DB, name string, missing error, scan func(row) (T, error), query string, args ...any) (T, error) {
	list, err := all(ctx, db, name, scan, query, args...)
	if err == nil && len(list) == 0 {
		err = missing
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return list[0], nil
}

// read runs a query outside any transaction: it sees all that was committed before it began.
func (db *DB) read(ctx context.Context, name, query string, args []any) (*sql.Rows, error) {
	if err := errors.Join(ctx.Err(), db.observe(name)); err != nil {
		return nil, err
	}
	if db.writer == nil {
		return db.reads.QueryContext(ctx, query, args...) // pgx keeps prepared statements itself
	}
	// To be able to end a statement that has been cancelled, the driver starts a goroutine for each one, which costs more than most of them.
	ctx = context.WithoutCancel(ctx)
	stmt, ok := db.stmts.Load(query)
	if !ok {
		prepared, err := db.reads.PrepareContext(ctx, query)
		if err != nil {
			return nil, err
		}
		var lost bool
		if stmt, lost = db.stmts.LoadOrStore(query, prepared); lost {
			prepared.Close()
		}
	}
	return stmt.(*sql.Stmt).QueryContext(ctx, args...)
}

// millis is how a time is stored: Unix milliseconds, and 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// The following turn a column back into what it was; they are given to Scan.
type (
	timeColumn  struct{ to *time.Time }
	scopeColumn struct{ to *oauth.Scope }
	wordsColumn struct{ to *[]string }
	listColumn  struct{ to *[]string }
)

func (c timeColumn) Scan(value any) error {
	ms, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", value)
	}
	*c.to = time.Time{}
	if ms != 0 {
		*c.to = time.UnixMilli(ms).UTC()
	}
	return nil
}

func (c scopeColumn) Scan(value any) error { return wordsColumn{(*[]string)(c.to)}.Scan(value) }

func (c wordsColumn) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("words are stored as %T", value)
	}
	*c.to = nil
	if text != "" {
		*c.to = strings.Split(text, " ")
	}
	return nil
}

func (c listColumn) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a list is stored as %T", value)
	}
	*c.to = nil
	return json.Unmarshal([]byte(text), c.to)
}

// words is how a scope and a session's methods are stored.
func words(list []string) string { return strings.Join(list, " ") }

// list is how redirect URIs are stored.
func list(items []string) (string, error) {
	if len(items) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(items)
	return string(text), err
}
