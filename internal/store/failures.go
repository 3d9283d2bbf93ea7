package store

import (
	"context"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
)

// failuresUnit is how many failures one unit of work saves at most. Redemptions wait for no more than that.
const failuresUnit = 100

// SaveFailures adds failures to those that are kept, in units of work of a few, and keeps the latest usage.KeptPerClient of each client and kind.
// Those of unknown clients are dropped. They have to be in the order of usage.Failures.Take, so that two processes do not wait for each other.
func (db *DB) SaveFailures(ctx context.Context, failures []usage.Failure) error {
	for some := range slices.Chunk(failures, failuresUnit) {
		if err := db.write(ctx, "SaveFailures", func(t *tx) error { return t.saveFailures(some) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) saveFailures(failures []usage.Failure) error {
	type kind struct {
		client string
		proven bool
	}
	var saved []kind
	for _, f := range failures {
		n, err := t.Change(`
			INSERT INTO gh_request_failures (client_id, proven, digest, endpoint, code, description, cause, received, auth_method, network, request_id,
				first_at, last_at, happened, expires_at)
			SELECT c.id, CAST($2 AS BOOLEAN), $3, $4, $5, $6, $7, $8, $9, $10, $11, CAST($12 AS BIGINT), CAST($13 AS BIGINT), CAST($14 AS BIGINT), CAST($15 AS BIGINT)
			FROM gh_clients c WHERE c.id = $1
			ON CONFLICT (client_id, proven, digest) DO UPDATE SET happened = gh_request_failures.happened + excluded.happened,
				network = excluded.network, request_id = excluded.request_id, last_at = excluded.last_at, expires_at = excluded.expires_at`,
			f.Client, f.Proven, f.Digest(), f.Endpoint, f.Code, f.Description, f.Cause, f.Received, f.AuthMethod, f.Network, f.RequestID,
			engine.Millis(f.First), engine.Millis(f.Last), f.Count, engine.Millis(f.Last.Add(usage.Kept)))
		if err != nil {
			return err
		}
		if k := (kind{f.Client, f.Proven}); n > 0 && !slices.Contains(saved, k) {
			saved = append(saved, k)
		}
	}
	for _, k := range saved {
		_, err := t.Change(`DELETE FROM gh_request_failures WHERE client_id = $1 AND proven = $2 AND digest IN (
			SELECT r.digest FROM gh_request_failures r WHERE r.client_id = $1 AND r.proven = $2 ORDER BY r.last_at DESC, r.digest LIMIT $3 OFFSET $4)`,
			k.client, k.proven, failuresUnit, usage.KeptPerClient)
		if err != nil {
			return err
		}
	}
	return nil
}

// Failures is the failures of a client, the latest first.
func (db *DB) Failures(ctx context.Context, client string) ([]usage.Failure, error) {
	scan := func(r engine.Row) (f usage.Failure, err error) {
		err = r.Scan(&f.Client, &f.Proven, &f.Endpoint, &f.Code, &f.Description, &f.Cause, &f.Received, &f.AuthMethod, &f.Network, &f.RequestID,
			engine.TimeTo(&f.First), engine.TimeTo(&f.Last), &f.Count)
		return f, err
	}
	return engine.All(ctx, db.engine, "Failures", scan, `SELECT client_id, proven, endpoint, code, description, cause, received, auth_method, network, request_id,
			first_at, last_at, happened
		FROM gh_request_failures WHERE client_id = $1 ORDER BY last_at DESC, digest`, client)
}
