package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// pruneQueries delete what has expired, what expired first before the rest, and at most $2 rows. Keys stay: they are few.
var pruneQueries = []string{
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
// nobody waits long for one. It returns how many it deleted. 0 does not say that no family has expired: of them it sees a part at each call.
func (db *DB) Prune(ctx context.Context, now time.Time, batch int) (int, error) {
	total := 0
	for _, query := range pruneQueries {
		n, err := db.pruneKind(ctx, query, engine.Millis(now), batch)
		total += n
		if err != nil {
			return total, err
		}
	}
	n, err := db.pruneKind(ctx, pruneAudit, eventID(now.Add(-db.opts.AuditRetention)), batch)
	total += n
	if err != nil {
		return total, err
	}
	n, err = db.pruneFamilies(ctx, now, batch)
	return total + n, err
}

// How far Prune walks through the families at a time, in steps of so many rows: five million of them have been seen within the hour.
const (
	pruneWalk = 100_000
	pruneStep = 1_000
)

// expired is the condition on a family for which nothing is left to do. One that has ended stays until it expires: it is what tells a replay; and as long as an
// access token of its lives, whose end may have to be told.
const expired = `expires_at <= $1 AND token_dead_at <= $1`

// pruneFamilies walks on from where it was, and begins again at the end. Only what it finds to delete disturbs anybody.
func (db *DB) pruneFamilies(ctx context.Context, now time.Time, batch int) (total int, err error) {
	type found struct {
		id      string
		expired bool
	}
	scan := func(r engine.Row) (f found, err error) { return f, r.Scan(&f.id, &f.expired) }
	db.pruning.Lock()
	defer db.pruning.Unlock()
	again := db.pruned != "" // what is before that is seen too, after the end
	for walked := 0; walked < pruneWalk && total < batch; walked += pruneStep {
		step, err := engine.All(ctx, db.engine, "Prune", scan, `SELECT id, `+expired+` FROM families WHERE id > $2 ORDER BY id LIMIT $3`, engine.Millis(now), db.pruned, pruneStep)
		if err != nil {
			return total, err
		}
		var dead []string
		for _, f := range step {
			if f.expired && len(dead) < min(pruneUnit, batch-total) {
				dead = append(dead, f.id)
			}
		}
		switch {
		case len(dead) > 0:
			n, err := db.pruneRange(ctx, now, dead[0], dead[len(dead)-1])
			total += n
			if err != nil {
				return total, err
			}
			db.pruned = dead[len(dead)-1]
		case len(step) == pruneStep:
			db.pruned = step[len(step)-1].id
		default: // that was the last one
			db.pruned = ""
			if !again {
				return total, nil
			}
			again = false
		}
	}
	return total, nil
}

// pruneRange deletes the families between two ids, both included, that have expired.
func (db *DB) pruneRange(ctx context.Context, now time.Time, first, last string) (n int, err error) {
	err = db.write(ctx, "Prune", func(t *tx) error {
		deleted, err := t.Change(`DELETE FROM families WHERE `+expired+` AND id >= $2 AND id <= $3`, engine.Millis(now), first, last)
		n = int(deleted)
		return err
	})
	return n, err
}

func (db *DB) pruneKind(ctx context.Context, query string, until int64, batch int) (total int, err error) {
	for total < batch {
		limit := min(pruneUnit, batch-total)
		var n int64
		err := db.write(ctx, "Prune", func(t *tx) (err error) {
			n, err = t.Change(query, until, limit)
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
