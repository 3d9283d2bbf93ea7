package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// grantsEnd ends a set of grants in four statements, which all say in the same way which grants these are.
//
// On PostgreSQL the rows are locked first, and always in this order: the grants, which Redeem locks through its foreign
// key, then the families, which Rotate changes. So a redemption or a refresh at the same time either comes first, and then
// publish sees the token that it issued; or it waits, and then it finds nothing.
type grantsEnd struct {
	lockGrants   string
	lockFamilies string
	publish      string // the ends of those whose access tokens may still be believed; the last parameter is the time
	remove       string // with the families, by foreign key
}

var (
	// endGrant is one grant.
	endGrant = grantsEnd{
		lockGrants:   `SELECT g.id FROM gh_grants g WHERE g.id = $1 ORDER BY g.id FOR UPDATE`,
		lockFamilies: `SELECT f.id FROM gh_families f JOIN gh_grants g ON g.id = f.grant_id WHERE g.id = $1 ORDER BY f.id FOR UPDATE OF f`,
		publish: `INSERT INTO gh_endings (kind, id, at, expires_at)
			SELECT 'grant', g.id, CAST($2 AS BIGINT), MAX(f.token_dead_at) FROM gh_grants g JOIN gh_families f ON f.grant_id = g.id
			WHERE g.id = $1 AND f.ended_at = 0 AND f.token_dead_at > CAST($2 AS BIGINT) GROUP BY g.id
			ON CONFLICT (kind, id) DO UPDATE SET
				at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
				expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`,
		remove: `DELETE FROM gh_grants WHERE id = $1`,
	}
	// endGrantsOfUser is all grants of a person.
	endGrantsOfUser = grantsEnd{
		lockGrants:   `SELECT g.id FROM gh_grants g WHERE g.user_id = $1 ORDER BY g.id FOR UPDATE`,
		lockFamilies: `SELECT f.id FROM gh_families f JOIN gh_grants g ON g.id = f.grant_id WHERE g.user_id = $1 ORDER BY f.id FOR UPDATE OF f`,
		publish: `INSERT INTO gh_endings (kind, id, at, expires_at)
			SELECT 'grant', g.id, CAST($2 AS BIGINT), MAX(f.token_dead_at) FROM gh_grants g JOIN gh_families f ON f.grant_id = g.id
			WHERE g.user_id = $1 AND f.ended_at = 0 AND f.token_dead_at > CAST($2 AS BIGINT) GROUP BY g.id
			ON CONFLICT (kind, id) DO UPDATE SET
				at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
				expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`,
		remove: `DELETE FROM gh_grants WHERE user_id = $1`,
	}
	// endGrantsOfUserSince is the grants of a person that were made, widened or used for a new connection since a time.
	endGrantsOfUserSince = grantsEnd{
		lockGrants: `SELECT g.id FROM gh_grants g
			WHERE g.user_id = $1 AND (g.created_at >= $2 OR g.updated_at >= $2
				OR EXISTS (SELECT 1 FROM gh_families n WHERE n.grant_id = g.id AND n.created_at >= $2)) ORDER BY g.id FOR UPDATE`,
		lockFamilies: `SELECT f.id FROM gh_families f JOIN gh_grants g ON g.id = f.grant_id
			WHERE g.user_id = $1 AND (g.created_at >= $2 OR g.updated_at >= $2
				OR EXISTS (SELECT 1 FROM gh_families n WHERE n.grant_id = g.id AND n.created_at >= $2)) ORDER BY f.id FOR UPDATE OF f`,
		publish: `INSERT INTO gh_endings (kind, id, at, expires_at)
			SELECT 'grant', g.id, CAST($3 AS BIGINT), MAX(f.token_dead_at) FROM gh_grants g JOIN gh_families f ON f.grant_id = g.id
			WHERE g.user_id = $1 AND (g.created_at >= $2 OR g.updated_at >= $2
				OR EXISTS (SELECT 1 FROM gh_families n WHERE n.grant_id = g.id AND n.created_at >= $2))
				AND f.ended_at = 0 AND f.token_dead_at > CAST($3 AS BIGINT) GROUP BY g.id
			ON CONFLICT (kind, id) DO UPDATE SET
				at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
				expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`,
		remove: `DELETE FROM gh_grants AS g
			WHERE g.user_id = $1 AND (g.created_at >= $2 OR g.updated_at >= $2
				OR EXISTS (SELECT 1 FROM gh_families n WHERE n.grant_id = g.id AND n.created_at >= $2))`,
	}
	// endGrantsOfMember is the grants of a person in a team.
	endGrantsOfMember = grantsEnd{
		lockGrants:   `SELECT g.id FROM gh_grants g WHERE g.user_id = $1 AND g.team_id = $2 ORDER BY g.id FOR UPDATE`,
		lockFamilies: `SELECT f.id FROM gh_families f JOIN gh_grants g ON g.id = f.grant_id WHERE g.user_id = $1 AND g.team_id = $2 ORDER BY f.id FOR UPDATE OF f`,
		publish: `INSERT INTO gh_endings (kind, id, at, expires_at)
			SELECT 'grant', g.id, CAST($3 AS BIGINT), MAX(f.token_dead_at) FROM gh_grants g JOIN gh_families f ON f.grant_id = g.id
			WHERE g.user_id = $1 AND g.team_id = $2 AND f.ended_at = 0 AND f.token_dead_at > CAST($3 AS BIGINT) GROUP BY g.id
			ON CONFLICT (kind, id) DO UPDATE SET
				at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
				expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`,
		remove: `DELETE FROM gh_grants WHERE user_id = $1 AND team_id = $2`,
	}
	// endGrantsOfTeam is all grants in a team.
	endGrantsOfTeam = grantsEnd{
		lockGrants:   `SELECT g.id FROM gh_grants g WHERE g.team_id = $1 ORDER BY g.id FOR UPDATE`,
		lockFamilies: `SELECT f.id FROM gh_families f JOIN gh_grants g ON g.id = f.grant_id WHERE g.team_id = $1 ORDER BY f.id FOR UPDATE OF f`,
		publish: `INSERT INTO gh_endings (kind, id, at, expires_at)
			SELECT 'grant', g.id, CAST($2 AS BIGINT), MAX(f.token_dead_at) FROM gh_grants g JOIN gh_families f ON f.grant_id = g.id
			WHERE g.team_id = $1 AND f.ended_at = 0 AND f.token_dead_at > CAST($2 AS BIGINT) GROUP BY g.id
			ON CONFLICT (kind, id) DO UPDATE SET
				at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
				expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`,
		remove: `DELETE FROM gh_grants WHERE team_id = $1`,
	}
	// endGrantsOfClient is all grants of a client.
	endGrantsOfClient = grantsEnd{
		lockGrants:   `SELECT g.id FROM gh_grants g WHERE g.client_id = $1 ORDER BY g.id FOR UPDATE`,
		lockFamilies: `SELECT f.id FROM gh_families f JOIN gh_grants g ON g.id = f.grant_id WHERE g.client_id = $1 ORDER BY f.id FOR UPDATE OF f`,
		publish: `INSERT INTO gh_endings (kind, id, at, expires_at)
			SELECT 'grant', g.id, CAST($2 AS BIGINT), MAX(f.token_dead_at) FROM gh_grants g JOIN gh_families f ON f.grant_id = g.id
			WHERE g.client_id = $1 AND f.ended_at = 0 AND f.token_dead_at > CAST($2 AS BIGINT) GROUP BY g.id
			ON CONFLICT (kind, id) DO UPDATE SET
				at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
				expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`,
		remove: `DELETE FROM gh_grants WHERE client_id = $1`,
	}
	// endGrantsOfClientInTeam is the grants of a client in a team.
	endGrantsOfClientInTeam = grantsEnd{
		lockGrants:   `SELECT g.id FROM gh_grants g WHERE g.client_id = $1 AND g.team_id = $2 ORDER BY g.id FOR UPDATE`,
		lockFamilies: `SELECT f.id FROM gh_families f JOIN gh_grants g ON g.id = f.grant_id WHERE g.client_id = $1 AND g.team_id = $2 ORDER BY f.id FOR UPDATE OF f`,
		publish: `INSERT INTO gh_endings (kind, id, at, expires_at)
			SELECT 'grant', g.id, CAST($3 AS BIGINT), MAX(f.token_dead_at) FROM gh_grants g JOIN gh_families f ON f.grant_id = g.id
			WHERE g.client_id = $1 AND g.team_id = $2 AND f.ended_at = 0 AND f.token_dead_at > CAST($3 AS BIGINT) GROUP BY g.id
			ON CONFLICT (kind, id) DO UPDATE SET
				at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
				expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`,
		remove: `DELETE FROM gh_grants WHERE client_id = $1 AND team_id = $2`,
	}
)

// endGrants ends grants with their families. The caller holds a lock on what somebody would need to save another such
// grant: the row of the person, membership, team or client.
func (t *tx) endGrants(at time.Time, end grantsEnd, which ...any) error {
	if err := t.Lock(end.lockGrants, which...); err != nil {
		return err
	}
	if err := t.Lock(end.lockFamilies, which...); err != nil {
		return err
	}
	if _, err := t.Change(end.publish, append(which[:len(which):len(which)], engine.Millis(at))...); err != nil {
		return err
	}
	_, err := t.Change(end.remove, which...)
	return err
}

// saveEnding publishes an end. What ends twice ended at the later of the two times, because the second end may be by a
// server with a slower clock.
func (t *tx) saveEnding(e authz.Ending) error {
	_, err := t.Change(`INSERT INTO gh_endings (kind, id, at, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (kind, id) DO UPDATE SET
			at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
			expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`,
		e.Kind, e.ID, engine.Millis(e.At), engine.Millis(e.Expires))
	return err
}

// Endings is what has ended and might still be believed at now, in the order of ending.
func (db *DB) Endings(ctx context.Context, now time.Time) ([]authz.Ending, error) {
	scan := func(r engine.Row) (e authz.Ending, err error) {
		err = r.Scan(&e.Kind, &e.ID, engine.TimeTo(&e.At), engine.TimeTo(&e.Expires))
		return e, err
	}
	return engine.All(ctx, db.engine, "Endings", scan,
		`SELECT kind, id, at, expires_at FROM gh_endings WHERE expires_at > $1 ORDER BY at, kind, id`, engine.Millis(now))
}
