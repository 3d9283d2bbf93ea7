package store

import (
	"context"
	"time"
)

// pruneQueries delete what has expired, what expired first before the rest, and at most $2 rows. A family that has ended stays until it expires: it is
// what tells a replay; and as long as an access token of its lives, whose end may have to be told. Keys stay: they are few.
var pruneQueries = []string{
	`DELETE FROM families WHERE id IN (SELECT id FROM families WHERE expires_at <= $1 AND token_dead_at <= $1 ORDER BY expires_at LIMIT $2)`,
	`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
	`DELETE FROM throttle WHERE bucket IN (SELECT bucket FROM throttle WHERE resets_at <= $1 ORDER BY resets_at LIMIT $2)`,
	`DELETE FROM endings WHERE (kind, id) IN (SELECT kind, id FROM endings WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
	`DELETE FROM assertions WHERE (client_id, jti) IN (SELECT client_id, jti FROM assertions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
	`DELETE FROM notices WHERE id IN (SELECT id FROM notices WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
}

// pruneAudit deletes events of before a time, which their ids begin with.
const pruneAudit = `DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT $2)`

// pruneUnit is how many rows one unit of work deletes at most: whoever redeems a code waits for no more than that.
const pruneUnit = 100

// Prune deletes what has expired, and events that have been kept long enough: at most batch rows of each kind, in units of work so small that
// nobody waits long for one. It returns how many it deleted; call it until that is 0.
func (db *DB) Prune(ctx context.Context, now time.Time, batch int) (int, error) {
	total := 0
	for _, query := range pruneQueries {
		n, err := db.pruneKind(ctx, query, millis(now), batch)
		total += n
		if err != nil {
			return total, err
		}
	}
	n, err := db.pruneKind(ctx, pruneAudit, eventID(now.Add(-db.opts.AuditRetention)), batch)
	return total + n, err
}

func (db *DB) pruneKind(ctx context.Context, query string, until int64, batch int) (total int, err error) {
	for total < batch {
		limit := min(pruneUnit, batch-total)
		var n int64
		err := db.write(ctx, "Prune", func(t *tx) (err error) {
			n, err = t.exec(query, until, limit)
			return err
		})
		if err != nil {
			return total, err
		}
		total += int(n)
		if int(n) < limit {
			break
		}
	}
	return total, nil
}
