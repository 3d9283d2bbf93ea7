package store

import (
	"context"
	"time"
)

// pruneQueries delete what has expired, what expired first before the rest, and at most $2 rows. A family that has ended stays until it expires: it is
// what tells a replay. Keys stay: they are few.
var pruneQueries = []string{
	`DELETE FROM families WHERE id IN (SELECT id FROM families WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
	`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
	`DELETE FROM throttle WHERE bucket IN (SELECT bucket FROM throttle WHERE resets_at <= $1 ORDER BY resets_at LIMIT $2)`,
}

// Prune deletes expired families, sessions and counters: at most batch rows of each kind, each kind in a unit of work of its own, so that
// nobody waits long for it. It returns how many it deleted; call it until that is 0.
func (db *DB) Prune(ctx context.Context, now time.Time, batch int) (int, error) {
	total := 0
	for _, query := range pruneQueries {
		var n int64
		err := db.write(ctx, "Prune", func(t *tx) (err error) {
			n, err = t.exec(query, millis(now), batch)
			return err
		})
		if err != nil {
			return total, err
		}
		total += int(n)
	}
	return total, nil
}
