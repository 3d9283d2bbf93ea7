package store

import (
	"context"
	"errors"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// A server whose clock is behind must not make a family expire that others have seen in use since. So expires_at stays when $4 is more than a
// minute before the last use.
//
// rotatePostgres is a compare-and-swap: it changes the family if the presented generation $3 is the newest, and if all that
// justifies the family is alive. $9 is the newest generation then. The row of the family is the lock for everything that
// refreshes or ends it.
const rotatePostgres = `
WITH live AS (
	SELECT g.user_id, g.team_id, g.id AS grant_id,
		f.auth_time, f.nonce, f.methods, f.session_id, f.resource,
		u.email, u.email_verified, u.name, t.slug
	FROM gh_families f
	JOIN gh_grants g ON g.id = f.grant_id
	JOIN gh_users u ON u.id = g.user_id
	JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
	JOIN gh_teams t ON t.id = g.team_id
	JOIN gh_clients c ON c.id = g.client_id
	WHERE f.id = $1 AND g.client_id = $2 AND f.generation = $3 AND f.ended_at = 0 AND f.expires_at > $4 AND f.dpop_key = $8
		AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
		AND g.suspended_at = 0
), rotated AS (
	UPDATE gh_families SET generation = $9, used_at = $4,
		rotated_at = CASE WHEN $9 > $3 THEN $4 ELSE gh_families.rotated_at END,
		token_dead_at = GREATEST(gh_families.token_dead_at, $5),
		expires_at = CASE WHEN $4 + 60000 < GREATEST(gh_families.used_at, gh_families.created_at) THEN gh_families.expires_at ELSE LEAST(gh_families.created_at + $7, $6) END
	FROM live
	WHERE gh_families.id = $1 AND gh_families.generation = $3 AND gh_families.ended_at = 0 AND gh_families.expires_at > $4
	RETURNING gh_families.expires_at, gh_families.scope
), recorded AS (
	INSERT INTO gh_audit (id, at, kind, actor, client_id, family_id, address, request_id, detail, user_id, team_id, grant_id)
	SELECT $10::bigint, $11::bigint, $12, $13, $14, $15, $16, $17, $18, live.user_id, live.team_id, live.grant_id FROM live, rotated
	RETURNING 1
)
SELECT live.user_id, live.team_id, live.grant_id,
	rotated.scope, live.auth_time, live.nonce, live.methods, live.session_id, live.resource,
	live.email, live.email_verified, live.name, live.slug, rotated.expires_at
FROM live, rotated, recorded`

// The same for SQLite, which runs one unit of work at a time: what the first statement finds is what the second one changes. The event
// follows in a statement of its own.
const (
	rotateFindSQLite = `
SELECT g.user_id, g.team_id, g.id,
	f.scope, f.auth_time, f.nonce, f.methods, f.session_id, f.resource,
	u.email, u.email_verified, u.name, t.slug,
	CASE WHEN $4 + 60000 < MAX(f.used_at, f.created_at) THEN f.expires_at ELSE MIN(f.created_at + $7, $6) END
FROM gh_families f
JOIN gh_grants g ON g.id = f.grant_id
JOIN gh_users u ON u.id = g.user_id
JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
JOIN gh_teams t ON t.id = g.team_id
JOIN gh_clients c ON c.id = g.client_id
WHERE f.id = $1 AND g.client_id = $2 AND f.generation = $3 AND f.ended_at = 0 AND f.expires_at > $4 AND f.dpop_key = $5
	AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
	AND g.suspended_at = 0`

	rotateChangeSQLite = `
UPDATE gh_families SET rotated_at = CASE WHEN $2 > generation THEN $3 ELSE rotated_at END, generation = $2, used_at = $3,
	token_dead_at = MAX(token_dead_at, $4), expires_at = $5 WHERE id = $1`
)

// Rotate uses a refresh token. authz.ErrReused when it is too old: its family is ended then.
// authz.ErrNoFamily or authz.ErrNotLive otherwise. A retry within the grace writes nothing.
func (db *DB) Rotate(ctx context.Context, r authz.Rotation) (rotated authz.Rotated, err error) {
	newest := r.Generation + 1
	if r.Keep {
		newest = r.Generation
	}
	f, subject := &rotated.Family, &rotated.Subject
	f.ID, f.Client, f.Generation, f.UsedAt, f.DPoPKey = r.Family, r.Client, newest, r.At, r.DPoPKey
	found := []any{
		&subject.User, &subject.Team, &f.Grant,
		engine.WordsTo(&f.Scope), engine.TimeTo(&f.AuthTime), &f.Nonce, engine.WordsTo(&f.Methods), &f.SessionID, engine.WordsTo(&f.Resource),
		&subject.Email, &subject.EmailVerified, &subject.Name, &subject.Slug, engine.TimeTo(&f.ExpiresAt),
	}
	at, tokenDeadAt, idle, absolute := engine.Millis(r.At), engine.Millis(r.TokenDeadAt), engine.Millis(r.At.Add(r.Rule.Idle)), r.Rule.Absolute.Milliseconds()
	e := audit.Event{At: r.At, Kind: audit.TokenRefreshed, Actor: actor(r.Client), Client: string(r.Client), Family: string(r.Family)}
	if db.engine.PostgreSQL() {
		args := []any{r.Family, r.Client, r.Generation, at, tokenDeadAt, idle, absolute, r.DPoPKey, newest}
		err = db.batch(ctx, "Rotate", e, engine.Statement{Query: rotatePostgres, Args: args, Dest: found})
	} else {
		err = db.write(ctx, "Rotate", func(t *tx) error {
			if err := t.Get(found, rotateFindSQLite, r.Family, r.Client, r.Generation, at, r.DPoPKey, idle, absolute); err != nil {
				return err
			}
			if _, err := t.Change(rotateChangeSQLite, r.Family, newest, at, tokenDeadAt, engine.Millis(f.ExpiresAt)); err != nil {
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
	return rotated, nil
}

// changedTimes scans what a use of a refresh token changes.
func changedTimes(f *authz.Family) []any {
	return []any{
		engine.TimeTo(&f.RotatedAt), engine.TimeTo(&f.TokenDeadAt), engine.TimeTo(&f.ExpiresAt), engine.TimeTo(&f.LateRetryAt), &f.LateRetryGeneration,
	}
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
	err = t.Get(append([]any{
		&f.ID, &f.Grant, engine.WordsTo(&f.Scope), engine.TimeTo(&f.AuthTime), engine.TimeTo(&f.CreatedAt),
		&f.Generation, engine.TimeTo(&f.UsedAt), engine.TimeTo(&f.EndedAt),
		&f.Nonce, engine.WordsTo(&f.Methods), &f.SessionID, engine.WordsTo(&f.Resource), &f.DPoPKey,
		&subject.Email, &subject.EmailVerified, &subject.Name, &subject.Slug, &subject.User, &subject.Team, &f.Client, &alive,
	}, changedTimes(f)...), `
		SELECT f.id, f.grant_id, f.scope, f.auth_time, f.created_at,
			f.generation, f.used_at, f.ended_at, f.nonce, f.methods, f.session_id, f.resource, f.dpop_key,
			u.email, u.email_verified, u.name, t.slug, g.user_id, g.team_id, g.client_id,
			u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
				AND g.suspended_at = 0,
			f.rotated_at, f.token_dead_at, f.expires_at, f.late_retry_at, f.late_retry_generation
		FROM gh_families f
		JOIN gh_grants g ON g.id = f.grant_id
		JOIN gh_users u ON u.id = g.user_id
		JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
		JOIN gh_teams t ON t.id = g.team_id
		JOIN gh_clients c ON c.id = g.client_id
		WHERE f.id = $1`, r.Family)
	right, wrong := t.db.opts.WrongClock(r.At)
	switch {
	case isNoRows(err):
		return false, authz.ErrNoFamily
	case err != nil:
		return false, err
	case f.Client != r.Client || f.DPoPKey != r.DPoPKey: // not theirs to end
		return false, authz.ErrNoFamily
	case !f.EndedAt.IsZero():
		return false, authz.ErrNoFamily
	case !f.ExpiresAt.After(r.At):
		if wrong && f.ExpiresAt.After(right) {
			return false, token.ErrWrongClock
		}
		return false, authz.ErrNoFamily
	case !alive:
		return false, authz.ErrNotLive
	case r.Generation >= f.Generation: // newer than this database, which was restored from a backup
		return false, authz.ErrNoFamily
	}
	reuse := r.Rule.Reuse(*f, r.Generation, r.At)
	if reuse != authz.Retry && wrong && r.Generation == f.Generation-1 { // the time decides, and it is not known
		return false, token.ErrWrongClock
	}
	switch reuse {
	case authz.Retry:
		rotated.Retry = true
		return false, errRetried
	case authz.LateRetry:
		rotated.Retry = true
		return t.retriedLate(r, rotated)
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

// retriedLate grants a late retry, if the family is as it was found. If another request was faster, notRotated decides again.
func (t *tx) retriedLate(r authz.Rotation, rotated *authz.Rotated) (reused bool, err error) {
	f := &rotated.Family
	err = t.ChangeGet(changedTimes(f), `
		UPDATE gh_families SET rotated_at = $4, used_at = $4, late_retry_at = $4, late_retry_generation = generation,
			token_dead_at = CASE WHEN token_dead_at < $5 THEN $5 ELSE token_dead_at END,
			expires_at = CASE WHEN created_at + $7 < $6 THEN created_at + $7 ELSE $6 END
		WHERE id = $1 AND generation = $2 AND rotated_at = $3 AND ended_at = 0
		RETURNING rotated_at, token_dead_at, expires_at, late_retry_at, late_retry_generation`,
		f.ID, f.Generation, engine.Millis(f.RotatedAt), engine.Millis(r.At), engine.Millis(r.TokenDeadAt), engine.Millis(r.At.Add(r.Rule.Idle)), r.Rule.Absolute.Milliseconds())
	if isNoRows(err) {
		return t.notRotated(r, rotated)
	}
	if err != nil {
		return false, err
	}
	f.UsedAt = r.At
	return false, t.happened(audit.Event{
		At: r.At, Kind: audit.RefreshRetried, Actor: actor(r.Client), User: string(rotated.Subject.User), Team: string(rotated.Subject.Team),
		Client: string(r.Client), Grant: string(f.Grant), Family: string(f.ID),
	})
}
