package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Row is what a scan function reads from.
type Row interface{ Scan(dest ...any) error }

// All reads every row of a query, outside any transaction. It sees all that was committed before it began.
func All[T any](ctx context.Context, db *DB, name string, scan func(Row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.query(ctx, name, query, args)
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

func (db *DB) query(ctx context.Context, name, query string, args []any) (*sql.Rows, error) {
	if err := errors.Join(ctx.Err(), db.observe(name)); err != nil {
		return nil, err
	}
	if db.PostgreSQL() {
		return db.reads.QueryContext(ctx, query, args...) // pgx caches prepared statements itself
	}
	// For a context that can be cancelled, the driver starts a goroutine, which costs more than most statements.
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
