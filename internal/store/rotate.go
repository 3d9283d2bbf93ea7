package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// rotatePostgres is a compare-and-swap: it changes the family if the presented generation is the newest, and if all that
// justifies the family is alive. The row of the family is the lock for everything that refreshes or ends it.
const rotatePostgres = `
WITH live AS (
	SELECT g.user_id, g.team_id, g.id AS grant_id,
		f.scope, f.auth_time, f.created_at, f.token_dead_at, f.nonce, f.methods, f.session_id, f.resource,
		u.email, u.email_verified, u.name, t.slug
	FROM gh_families f
	JOIN gh_grants g ON g.id = f.grant_id
	JOIN gh_users u ON u.id = g.user_id
	JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
	JOIN gh_teams t ON t.id = g.team_id
	JOIN gh_clients c ON c.id = g.client_id
	WHERE f.id = $1 AND g.client_id = $2 AND f.generation = $3 AND f.ended_at = 0 AND f.expires_at > $4 AND f.dpop_key = $8
		AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
		AND NOT EXISTS (SELECT 1 FROM gh_team_blocks b WHERE b.team_id = g.team_id AND b.client_id = g.client_id)
), rotated AS (
	UPDATE gh_families SET generation = gh_families.generation + 1, rotated_at = $4,
		token_dead_at = CASE WHEN gh_families.token_dead_at < $5 THEN $5 ELSE gh_families.token_dead_at END,
		expires_at = CASE WHEN gh_families.created_at + $7 < $6 THEN gh_families.created_at + $7 ELSE $6 END
	FROM live
	WHERE gh_families.id = $1 AND gh_families.generation = $3 AND gh_families.ended_at = 0 AND gh_families.expires_at > $4
	RETURNING 1
), recorded AS (
	INSERT INTO gh_audit (id, at, kind, actor, client_id, family_id, address, request_id, detail, user_id, team_id, grant_id)
	SELECT $9::bigint, $10::bigint, $11, $12, $13, $14, $15, $16, $17, live.user_id, live.team_id, live.grant_id FROM live, rotated
	RETURNING 1
)
SELECT live.user_id, live.team_id, live.grant_id,
	live.scope, live.auth_time, live.created_at, live.token_dead_at, live.nonce, live.methods, live.session_id, live.resource,
	live.email, live.email_verified, live.name, live.slug
FROM live, rotated, recorded`

// The same for SQLite, which runs one unit of work at a time. The event follows in a statement of its own.
const (
	rotateFindSQLite = `
SELECT g.user_id, g.team_id, g.id,
	f.scope, f.auth_time, f.created_at, f.token_dead_at, f.nonce, f.methods, f.session_id, f.resource,
	u.email, u.email_verified, u.name, t.slug
FROM gh_families f
JOIN gh_grants g ON g.id = f.grant_id
JOIN gh_users u ON u.id = g.user_id
JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
JOIN gh_teams t ON t.id = g.team_id
JOIN gh_clients c ON c.id = g.client_id
WHERE f.id = $1 AND g.client_id = $2 AND f.generation = $3 AND f.ended_at = 0 AND f.expires_at > $4 AND f.dpop_key = $5
	AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
	AND NOT EXISTS (SELECT 1 FROM gh_team_blocks b WHERE b.team_id = g.team_id AND b.client_id = g.client_id)`

	rotateChangeSQLite = `
UPDATE gh_families SET generation = generation + 1, rotated_at = $3,
	token_dead_at = CASE WHEN token_dead_at < $4 THEN $4 ELSE token_dead_at END,
	expires_at = CASE WHEN created_at + $6 < $5 THEN created_at + $6 ELSE $5 END
WHERE id = $1 AND generation = $2 AND ended_at = 0 AND expires_at > $3`
)

// Rotate uses a refresh token. authz.ErrReused when it is too old: its family is ended then.
// authz.ErrNoFamily or authz.ErrNotLive otherwise. A retry writes nothing.
func (db *DB) Rotate(ctx context.Context, r authz.Rotation) (rotated authz.Rotated, err error) {
	f, subject := &rotated.Family, &rotated.Subject
	f.ID, f.Client, f.Generation, f.RotatedAt, f.DPoPKey = r.Family, r.Client, r.Generation+1, r.At, r.DPoPKey
	dest := []any{
		&subject.User, &subject.Team, &f.Grant,
		engine.WordsTo(&f.Scope), engine.TimeTo(&f.AuthTime), engine.TimeTo(&f.CreatedAt), engine.TimeTo(&f.TokenDeadAt),
		&f.Nonce, engine.WordsTo(&f.Methods), &f.SessionID, engine.WordsTo(&f.Resource),
		&subject.Email, &subject.EmailVerified, &subject.Name, &subject.Slug,
	}
	at, idle, absolute := engine.Millis(r.At), engine.Millis(r.At.Add(r.Idle)), r.Absolute.Milliseconds()
	tokenDeadAt := r.TokenDeadAt.Add(r.Grace) // a retry within the grace gets an access token too, and writes nothing
	e := audit.Event{At: r.At, Kind: audit.TokenRefreshed, Actor: actor(r.Client), Client: string(r.Client), Family: string(r.Family)}
	if db.engine.PostgreSQL() {
		err = db.batch(ctx, "Rotate", e, engine.Statement{
			Query: rotatePostgres,
			Args:  []any{r.Family, r.Client, r.Generation, at, engine.Millis(tokenDeadAt), idle, absolute, r.DPoPKey},
			Dest:  dest,
		})
	} else {
		err = db.write(ctx, "Rotate", func(t *tx) error {
			if err := t.Get(dest, rotateFindSQLite, r.Family, r.Client, r.Generation, at, r.DPoPKey); err != nil {
				return err
			}
			err := t.MustChange(sql.ErrNoRows, rotateChangeSQLite, r.Family, r.Generation, at, engine.Millis(tokenDeadAt), idle, absolute)
			if err != nil {
				return err
			}
			e.User, e.Team, e.Grant = string(subject.User), string(subject.Team), string(f.Grant)
			return t.happened(e)
		})
	}
	if isNoRows(err) || errors.Is(err, errCommitted) { // after a commit this is a retry within the grace
		return db.notRotated(ctx, r)
	}
	if err != nil {
		return authz.Rotated{}, err
	}
	f.TokenDeadAt = latest(f.TokenDeadAt, tokenDeadAt)
	f.ExpiresAt = earliest(r.At.Add(r.Idle), f.CreatedAt.Add(r.Absolute))
	return rotated, nil
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// errRetried ends a unit of work that has nothing to write.
var errRetried = errors.New("retried")

// notRotated is the answer to a refresh token that changed nothing, or the reason why there is none.
func (db *DB) notRotated(ctx context.Context, r authz.Rotation) (rotated authz.Rotated, err error) {
	var reused bool
	err = db.write(ctx, "Rotate", func(t *tx) (err error) {
		rotated = authz.Rotated{Family: authz.Family{Client: r.Client}}
		reused, err = t.notRotated(r, &rotated)
		return err
	})
	switch {
	case errors.Is(err, errRetried):
		return rotated, nil
	case err != nil:
		return authz.Rotated{}, err
	case reused:
		return authz.Rotated{}, authz.ErrReused
	}
	return rotated, nil
}

// notRotated finds out why the swap changed nothing. It runs in a statement of its own, so it sees what was committed
// while the swap waited for a lock. The generation of a family that lives only grows: a token that is too old now stays
// too old, so ending its family needs no lock.
func (t *tx) notRotated(r authz.Rotation, rotated *authz.Rotated) (reused bool, err error) {
	f, subject := &rotated.Family, &rotated.Subject
	var alive bool
	err = t.Get([]any{
		&f.ID, &f.Grant, engine.WordsTo(&f.Scope), engine.TimeTo(&f.AuthTime), engine.TimeTo(&f.CreatedAt), engine.TimeTo(&f.ExpiresAt),
		&f.Generation, engine.TimeTo(&f.RotatedAt), engine.TimeTo(&f.EndedAt), engine.TimeTo(&f.TokenDeadAt),
		&f.Nonce, engine.WordsTo(&f.Methods), &f.SessionID, engine.WordsTo(&f.Resource), &f.DPoPKey,
		&subject.Email, &subject.EmailVerified, &subject.Name, &subject.Slug, &subject.User, &subject.Team, &f.Client, &alive,
	}, `
		SELECT f.id, f.grant_id, f.scope, f.auth_time, f.created_at, f.expires_at,
			f.generation, f.rotated_at, f.ended_at, f.token_dead_at, f.nonce, f.methods, f.session_id, f.resource, f.dpop_key,
			u.email, u.email_verified, u.name, t.slug, g.user_id, g.team_id, g.client_id,
			u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
				AND NOT EXISTS (SELECT 1 FROM gh_team_blocks b WHERE b.team_id = g.team_id AND b.client_id = g.client_id)
		FROM gh_families f
		JOIN gh_grants g ON g.id = f.grant_id
		JOIN gh_users u ON u.id = g.user_id
		JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
		JOIN gh_teams t ON t.id = g.team_id
		JOIN gh_clients c ON c.id = g.client_id
		WHERE f.id = $1`, r.Family)
	switch {
	case isNoRows(err):
		return false, authz.ErrNoFamily
	case err != nil:
		return false, err
	case f.Client != r.Client || f.DPoPKey != r.DPoPKey: // not theirs to end
		return false, authz.ErrNoFamily
	case !f.EndedAt.IsZero() || !f.ExpiresAt.After(r.At):
		return false, authz.ErrNoFamily
	case !alive:
		return false, authz.ErrNotLive
	case r.Generation >= f.Generation: // newer than this database, which was restored from a backup
		return false, authz.ErrNoFamily
	case r.Generation == f.Generation-1 && !r.At.After(f.RotatedAt.Add(r.Grace)):
		rotated.Retry = true
		return false, errRetried
	}
	e, ended, err := t.endFamily(r.Family, r.Client, r.At)
	if err != nil {
		return false, err
	}
	if !ended { // another request has ended it meanwhile
		return false, authz.ErrNoFamily
	}
	e.Kind, e.Actor, e.Detail = audit.RefreshReplayed, actor(r.Client), "an old refresh token was used, so the connection was ended"
	return true, t.happened(e)
}
