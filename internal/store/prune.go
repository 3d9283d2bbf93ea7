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

// Prune deletes what has expired, and events that have been kept long enough: at most batch rows of each kind, each kind in a unit of work of its own, so that
// nobody waits long for it. It returns how many it deleted; call it until that is 0.
func (db *DB) Prune(ctx context.Context, now time.Time, batch int) (int, error) {
	total := 0
	prune := func(query string, until int64) error {
		var n int64
		err := db.write(ctx, "Prune", func(t *tx) (err error) {
			n, err = t.exec(query, until, batch)
			return err
		})
		if err == nil {
			total += int(n)
		}
		return err
	}
	for _, query := range pruneQueries {
		if err := prune(query, millis(now)); err != nil {
			return total, err
		}
	}
	return total, prune(pruneAudit, eventID(now.Add(-db.opts.AuditRetention)))
}
