package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Row is what a scan function reads from.
type Row interface{ Scan(dest ...any) error }

// rows are the result of a query.
type rows interface {
	Row
	Next() bool
	Err() error
}

// All reads every row of a query, outside any transaction. It sees all that was committed before it began.
func All[T any](ctx context.Context, db *DB, name string, scan func(Row) (T, error), query string, args ...any) (list []T, err error) {
	read := func(r rows) error {
		list = nil
		for r.Next() {
			item, err := scan(r)
			if err != nil {
				return err
			}
			list = append(list, item)
		}
		return r.Err()
	}
	if err := errors.Join(ctx.Err(), db.observe(name)); err != nil {
		return nil, fmt.Errorf("store: %s: %w", name, err)
	}
	if db.PostgreSQL() {
		err = db.readPostgres(ctx, read, query, args)
	} else {
		err = db.readSQLite(ctx, read, query, args)
	}
	if err != nil {
		return nil, db.told(fmt.Errorf("store: %s: %w", name, err))
	}
	return list, nil
}

// One reads the first row of a query. When there is none, the error is missing.
func One[T any](ctx context.Context, db *DB, name string, missing error, scan func(Row) (T, error), query string, args ...any) (T, error) {
	list, err := All(ctx, db, name, scan, query, args...)
	if err == nil && len(list) == 0 {
		err = missing
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return list[0], nil
}

// readPostgres reads once more on another connection when one turns out to have ended.
func (db *DB) readPostgres(ctx context.Context, read func(rows) error, query string, args []any) (err error) {
	ctx, cancel := limited(ctx, readLimit)
	defer cancel()
	for range 2 {
		if err = db.readOnce(ctx, read, query, args); !broken(err) {
			break
		}
		db.suspect()
	}
	return err
}

func (db *DB) readOnce(ctx context.Context, read func(rows) error, query string, args []any) error {
	conn, err := db.acquire(ctx, db.pool)
	if err != nil {
		return err
	}
	defer conn.Release()
	result, err := conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer result.Close()
	return read(result)
}

func (db *DB) readSQLite(ctx context.Context, read func(rows) error, query string, args []any) error {
	if err := db.files.recent(); err != nil {
		return err
	}
	// For a context that can be cancelled, the driver starts a goroutine, which costs more than most statements.
	ctx = context.WithoutCancel(ctx)
	stmt, ok := db.stmts.Load(query)
	if !ok {
		prepared, err := db.reads.PrepareContext(ctx, query)
		if err != nil {
			return err
		}
		var lost bool
		if stmt, lost = db.stmts.LoadOrStore(query, prepared); lost {
			prepared.Close()
		}
	}
	result, err := stmt.(*sql.Stmt).QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer result.Close()
	return read(result)
}
