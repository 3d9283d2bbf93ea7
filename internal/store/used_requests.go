package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// UseRequest saves that a code is issued for a pushed request, until a time. authz.ErrRequestUsed when one was issued before.
func (db *DB) UseRequest(ctx context.Context, id string, until time.Time) error {
	return db.write(ctx, "UseRequest", func(t *tx) error {
		return t.MustChange(authz.ErrRequestUsed, `INSERT INTO gh_used_requests (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, id, engine.Millis(until))
	})
}

// RequestUsed reports whether a code was issued for a pushed request.
func (db *DB) RequestUsed(ctx context.Context, id string) (bool, error) {
	scan := func(r engine.Row) (used bool, err error) { return used, r.Scan(&used) }
	used, err := engine.All(ctx, db.engine, "RequestUsed", scan, `SELECT TRUE FROM gh_used_requests WHERE id = $1`, id)
	return len(used) > 0, err
}
