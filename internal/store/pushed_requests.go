package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// The oldest pushed requests of a client, beyond the newest $2. On PostgreSQL rows that another process is deleting are skipped: when clients
// push at the same time, there may be some more than the limit until the next one pushes.
const (
	trimPushedSQLite = `
DELETE FROM gh_pushed_requests WHERE id IN (
	SELECT id FROM gh_pushed_requests WHERE client_id = $1 ORDER BY expires_at DESC, id DESC LIMIT -1 OFFSET $2)`

	trimPushedPostgres = `
DELETE FROM gh_pushed_requests WHERE id IN (
	SELECT id FROM gh_pushed_requests WHERE client_id = $1 ORDER BY expires_at DESC, id DESC OFFSET $2 FOR UPDATE SKIP LOCKED)`
)

// PushRequest saves a pushed request, and keeps so many of its client's. client.ErrNoClient when that is gone.
func (db *DB) PushRequest(ctx context.Context, p authz.PushedRequest, keep int) error {
	return db.write(ctx, "PushRequest", func(t *tx) error {
		if _, err := t.Change(db.engine.Text(trimPushedSQLite, trimPushedPostgres), p.Client, keep-1); err != nil {
			return err
		}
		_, err := t.Change(`INSERT INTO gh_pushed_requests (id, client_id, sealed, expires_at) VALUES ($1, $2, $3, $4)`,
			p.ID, p.Client, p.Sealed, engine.Millis(p.ExpiresAt))
		if engine.IsForeignKey(err) {
			return client.ErrNoClient
		}
		return err
	})
}

// PushedRequest is a pushed request, and whether a code was issued for it. authz.ErrNoRequest.
func (db *DB) PushedRequest(ctx context.Context, id string) (p authz.PushedRequest, used bool, err error) {
	scan := func(r engine.Row) (authz.PushedRequest, error) {
		return p, r.Scan(&p.ID, &p.Client, &p.Sealed, engine.TimeTo(&p.ExpiresAt), &used)
	}
	_, err = engine.One(ctx, db.engine, "PushedRequest", authz.ErrNoRequest, scan, `
		SELECT p.id, p.client_id, p.sealed, p.expires_at, EXISTS (SELECT 1 FROM gh_used_requests u WHERE u.id = p.id)
		FROM gh_pushed_requests p WHERE p.id = $1`, id)
	return p, used, err
}

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
