package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// prunable is a statement that deletes at most $2 rows whose time was over at $1, and those first whose time was over first. On
// PostgreSQL it skips rows that another process is deleting. Otherwise it would wait for that process, and then find nothing.
type prunable struct{ sqlite, postgres string }

var pruneQueries = []prunable{
	{
		`DELETE FROM gh_endings WHERE (kind, id) IN (SELECT kind, id FROM gh_endings WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM gh_endings WHERE (kind, id) IN (SELECT kind, id FROM gh_endings WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	},
	{
		`DELETE FROM gh_assertions WHERE (client_id, jti) IN (SELECT client_id, jti FROM gh_assertions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM gh_assertions WHERE (client_id, jti) IN (SELECT client_id, jti FROM gh_assertions WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	},
	{
		`DELETE FROM gh_used_requests WHERE id IN (SELECT id FROM gh_used_requests WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM gh_used_requests WHERE id IN (SELECT id FROM gh_used_requests WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	},
	{
		`DELETE FROM gh_pushed_requests WHERE id IN (SELECT id FROM gh_pushed_requests WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM gh_pushed_requests WHERE id IN (SELECT id FROM gh_pushed_requests WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	},
	{
		`DELETE FROM gh_links WHERE id IN (SELECT id FROM gh_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM gh_links WHERE id IN (SELECT id FROM gh_links WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	},
	{
		`DELETE FROM gh_former_slugs WHERE slug IN (SELECT slug FROM gh_former_slugs WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM gh_former_slugs WHERE slug IN (SELECT slug FROM gh_former_slugs WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	},
	{
		`DELETE FROM gh_request_failures WHERE (client_id, proven, digest) IN (SELECT client_id, proven, digest FROM gh_request_failures WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM gh_request_failures WHERE (client_id, proven, digest) IN (SELECT client_id, proven, digest FROM gh_request_failures WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	},
	{
		`DELETE FROM gh_application_requests WHERE (team_id, client_id, user_id) IN (SELECT team_id, client_id, user_id FROM gh_application_requests WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM gh_application_requests WHERE (team_id, client_id, user_id) IN (SELECT team_id, client_id, user_id FROM gh_application_requests WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	},
	{
		`DELETE FROM gh_notices WHERE id IN (SELECT id FROM gh_notices WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		`DELETE FROM gh_notices WHERE id IN (SELECT id FROM gh_notices WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
	},
}

// pruneThrottle deletes counters whose window ended before a time. Strangers can make counters as fast as they can fail, so there
// is a limit of them: firstCounterTooMany is the end of the window of the first one beyond it, when the windows that end last
// come first.
var pruneThrottle = prunable{
	`DELETE FROM gh_throttle WHERE bucket IN (SELECT bucket FROM gh_throttle WHERE resets_at <= $1 ORDER BY resets_at LIMIT $2)`,
	`DELETE FROM gh_throttle WHERE bucket IN (SELECT bucket FROM gh_throttle WHERE resets_at <= $1 ORDER BY resets_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
}

const firstCounterTooMany = `SELECT resets_at FROM gh_throttle WHERE resets_at > $1 ORDER BY resets_at DESC LIMIT 1 OFFSET $2`

// pruneAudit deletes events that are older than a time, which is the first part of their ids.
var pruneAudit = prunable{
	`DELETE FROM gh_audit WHERE id IN (SELECT id FROM gh_audit WHERE id < $1 ORDER BY id LIMIT $2)`,
	`DELETE FROM gh_audit WHERE id IN (SELECT id FROM gh_audit WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)`,
}

// pruneNetworks forgets the networks of sessions that were last seen before a time.
var pruneNetworks = prunable{
	`UPDATE gh_sessions SET network = '' WHERE id IN (SELECT id FROM gh_sessions WHERE network <> '' AND seen_at <= $1 ORDER BY seen_at LIMIT $2)`,
	`UPDATE gh_sessions SET network = '' WHERE id IN (SELECT id FROM gh_sessions WHERE network <> '' AND seen_at <= $1 ORDER BY seen_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
}

// pruneSuspended forgets consents that have been suspended since before a time.
var pruneSuspended = prunable{
	`DELETE FROM gh_grants WHERE id IN (SELECT id FROM gh_grants WHERE suspended_at > 0 AND suspended_at <= $1 ORDER BY suspended_at LIMIT $2)`,
	`DELETE FROM gh_grants WHERE id IN (SELECT id FROM gh_grants WHERE suspended_at > 0 AND suspended_at <= $1 ORDER BY suspended_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
}

// pruneUnit is how many rows one unit of work deletes at most. Redemptions wait for no more than that.
const pruneUnit = 100

// Prune deletes what has expired, and events that have been kept long enough: at most batch rows of each kind, in units of
// work so small that nobody waits long for one. Several processes may prune at once. Clients are told of the sessions. It returns how many
// rows it deleted. 0 does not mean that no family has expired, because it looks at a part of the families at each call.
func (db *DB) Prune(ctx context.Context, now time.Time, batch int) (int, error) {
	total, err := db.pruneSessions(ctx, now, batch)
	if err != nil {
		return total, err
	}
	for _, query := range pruneQueries {
		n, err := db.pruneKind(ctx, query, engine.Millis(now), batch)
		total += n
		if err != nil {
			return total, err
		}
	}
	n, err := db.pruneCounters(ctx, now, batch)
	total += n
	if err != nil {
		return total, err
	}
	n, err = db.pruneKind(ctx, pruneAudit, firstEventID(now.Add(-db.opts.AuditRetention)), batch)
	total += n
	if err != nil {
		return total, err
	}
	n, err = db.pruneKind(ctx, pruneSuspended, engine.Millis(now.Add(-govern.SuspendedFor)), batch)
	total += n
	if err != nil {
		return total, err
	}
	n, err = db.pruneKind(ctx, pruneNetworks, engine.Millis(now.Add(-authn.NetworkRetention)), batch)
	total += n
	if err != nil {
		return total, err
	}
	n, err = db.walk(ctx, now, batch)
	return total + n, err
}

// pruneCounters deletes counters whose window is over, and those beyond the limit.
func (db *DB) pruneCounters(ctx context.Context, now time.Time, batch int) (int, error) {
	scan := func(r engine.Row) (at time.Time, err error) { return at, r.Scan(engine.TimeTo(&at)) }
	until, err := engine.One(ctx, db.engine, "Prune", sql.ErrNoRows, scan, firstCounterTooMany, engine.Millis(now), db.opts.Counters)
	if isNoRows(err) {
		until, err = now, nil
	}
	if err != nil {
		return 0, err
	}
	return db.pruneKind(ctx, pruneThrottle, engine.Millis(until), batch)
}

// How many living families Prune looks at in one call, in steps of so many rows: five million of them have been seen within the hour. The
// expired ones that it finds on its way do not count.
const (
	pruneWalk = 100_000
	pruneStep = 1_000
)

// Nothing is left to do for a family that has expired, once its last access token has too. A family that has ended stays
// until then: it is what tells that its code is being replayed.
const (
	walkFamilies = `SELECT id, expires_at <= $1 AND token_dead_at <= $1 FROM gh_families WHERE id > $2 ORDER BY id LIMIT $3`

	pruneFamiliesSQLite   = `DELETE FROM gh_families WHERE expires_at <= $1 AND token_dead_at <= $1 AND id >= $2 AND id <= $3`
	pruneFamiliesPostgres = `DELETE FROM gh_families WHERE id IN (SELECT id FROM gh_families WHERE expires_at <= $1 AND token_dead_at <= $1 AND id >= $2 AND id <= $3 FOR UPDATE SKIP LOCKED)`
)

// walk looks for expired families, from where it stopped the last time, and begins again at the end of the table. Looking
// holds up nobody; only deleting does.
func (db *DB) walk(ctx context.Context, now time.Time, batch int) (total int, err error) {
	type found struct {
		id      string
		expired bool
	}
	scan := func(r engine.Row) (f found, err error) { return f, r.Scan(&f.id, &f.expired) }
	db.pruning.Lock()
	defer db.pruning.Unlock()
	again := db.pruned != "" // after the end, it looks at what comes before that
	for walked := 0; walked < pruneWalk && total < batch; {
		step, err := engine.All(ctx, db.engine, "Prune", scan, walkFamilies, engine.Millis(now), db.pruned, pruneStep)
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
			db.pruned, walked = step[len(step)-1].id, walked+pruneStep
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
		deleted, err := t.Change(db.engine.Text(pruneFamiliesSQLite, pruneFamiliesPostgres), engine.Millis(now), first, last)
		n = int(deleted)
		return err
	})
	return n, err
}

func (db *DB) pruneKind(ctx context.Context, query prunable, until int64, batch int) (total int, err error) {
	for total < batch {
		limit := min(pruneUnit, batch-total)
		var n int64
		err := db.write(ctx, "Prune", func(t *tx) (err error) {
			n, err = t.Change(db.engine.Text(query.sqlite, query.postgres), until, limit)
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
