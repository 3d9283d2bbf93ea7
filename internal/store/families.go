package store

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// EndReplayed ends the family of a code that was redeemed before, and reports whether it lived.
func (db *DB) EndReplayed(ctx context.Context, f authz.Family) (ended bool, err error) {
	err = db.replayed(ctx, "EndReplayed", f, &ended)
	if errors.Is(err, authz.ErrNotLive) {
		return false, nil
	}
	return ended && err == nil, err
}

// replayed ends the family of a code that was redeemed before. authz.ErrNotLive when there is none.
func (db *DB) replayed(ctx context.Context, name string, f authz.Family, ended *bool) error {
	return db.write(ctx, name, func(t *tx) error {
		e := audit.Event{
			At: f.CreatedAt, Kind: audit.CodeReplayed, Actor: actor(f.Client), Client: string(f.Client), Grant: string(f.Grant), Family: string(f.ID),
		}
		err := t.Get([]any{&e.User, &e.Team}, `SELECT g.user_id, g.team_id FROM gh_families f
			JOIN gh_grants g ON g.id = f.grant_id
			WHERE f.id = $1 AND g.client_id = $2`, f.ID, f.Client)
		if isNoRows(err) {
			return authz.ErrNotLive
		}
		if err != nil {
			return err
		}
		// Only the replay that ended the family is recorded: sending one code again and again must not fill the disk.
		if _, *ended, err = t.endFamily(f.ID, f.Client, f.CreatedAt); err != nil || !*ended {
			return err
		}
		return t.happened(e)
	})
}

// Burn saves the family of a code as ended, unless it has one. A code whose grant has ended is dead already.
func (db *DB) Burn(ctx context.Context, f authz.Family) error {
	err := db.write(ctx, "Burn", func(t *tx) error {
		e := audit.Event{
			At: f.CreatedAt, Kind: audit.CodeRefused, Actor: actor(f.Client), Client: string(f.Client), Grant: string(f.Grant), Family: string(f.ID),
			Detail: "the code cannot be redeemed any more",
		}
		err := t.ChangeGet([]any{&e.User, &e.Team}, `INSERT INTO gh_families (id, grant_id, scope, auth_time, created_at, expires_at, ended_at)
			SELECT $1, g.id, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($6 AS BIGINT)
			FROM gh_grants g WHERE g.id = $2 AND g.client_id = $3
			ON CONFLICT (id) DO NOTHING
			RETURNING (SELECT g.user_id FROM gh_grants g WHERE g.id = $2), (SELECT g.team_id FROM gh_grants g WHERE g.id = $2)`,
			f.ID, f.Grant, f.Client, engine.Words(f.Scope), engine.Millis(f.AuthTime), engine.Millis(f.CreatedAt), engine.Millis(f.ExpiresAt))
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return t.happened(e)
	})
	if engine.IsForeignKey(err) { // the grant ended while this waited for it
		return nil
	}
	return err
}

// Connection is a family and what justifies it, all alive at now. authz.ErrNoFamily, token.ErrWrongClock.
func (db *DB) Connection(ctx context.Context, id authz.FamilyID, now time.Time) (authz.Connection, error) {
	scan := func(r engine.Row) (c authz.Connection, err error) {
		f, subject := &c.Family, &c.Subject
		err = r.Scan(&f.ID, &f.Grant, engine.WordsTo(&f.Scope), engine.TimeTo(&f.AuthTime), engine.TimeTo(&f.CreatedAt), engine.TimeTo(&f.ExpiresAt),
			&f.Generation, engine.TimeTo(&f.RotatedAt), engine.TimeTo(&f.UsedAt), engine.TimeTo(&f.TokenDeadAt),
			&f.Nonce, engine.WordsTo(&f.Methods), &f.SessionID, engine.WordsTo(&f.Resource), &f.DPoPKey, engine.TimeTo(&f.LateRetryAt), &f.LateRetryGeneration,
			&f.Client, &subject.User, &subject.Team, &subject.Email, &subject.EmailVerified, &subject.Name, &subject.Slug)
		return c, err
	}
	look := func(now time.Time) (authz.Connection, error) {
		return engine.One(ctx, db.engine, "Connection", authz.ErrNoFamily, scan, connectionQuery, id, engine.Millis(now))
	}
	return unlessExpired(db, authz.ErrNoFamily, now, look)
}

const connectionQuery = `
		SELECT f.id, f.grant_id, f.scope, f.auth_time, f.created_at, f.expires_at,
			f.generation, f.rotated_at, f.used_at, f.token_dead_at, f.nonce, f.methods, f.session_id, f.resource, f.dpop_key, f.late_retry_at, f.late_retry_generation,
			g.client_id, g.user_id, g.team_id, u.email, u.email_verified, u.name, t.slug
		FROM gh_families f
		JOIN gh_grants g ON g.id = f.grant_id
		JOIN gh_users u ON u.id = g.user_id
		JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
		JOIN gh_teams t ON t.id = g.team_id
		JOIN gh_clients c ON c.id = g.client_id
		WHERE f.id = $1 AND f.ended_at = 0 AND f.expires_at > $2
			AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
			AND g.suspended_at = 0`

// endedFamilyKept is how long a family that has ended outlives its access tokens. It is longer than a code can live,
// because the family is what keeps its code from being redeemed again. It is no longer, because connecting and
// disconnecting all day must not leave a row each time for as long as a connection lives.
const endedFamilyKept = time.Hour

// endFamily ends a living family of a client, and publishes its end if its access tokens may still be believed.
// alive is false when there was nothing to end. The event names the grant and its person and team.
func (t *tx) endFamily(id authz.FamilyID, client oauth.ClientID, at time.Time) (e audit.Event, alive bool, err error) {
	e = audit.Event{At: at, Client: string(client), Family: string(id)}
	var tokenDeadAt time.Time
	err = t.ChangeGet([]any{engine.TimeTo(&tokenDeadAt), &e.Grant, &e.User, &e.Team}, `
		UPDATE gh_families SET ended_at = $3,
			expires_at = CASE
				WHEN expires_at < $4 THEN expires_at
				WHEN token_dead_at + $5 < $4 THEN $4
				WHEN token_dead_at + $5 < expires_at THEN token_dead_at + $5
				ELSE expires_at END
		WHERE id = $1 AND ended_at = 0 AND EXISTS (SELECT 1 FROM gh_grants g WHERE g.id = gh_families.grant_id AND g.client_id = $2)
		RETURNING token_dead_at, grant_id,
			(SELECT g.user_id FROM gh_grants g WHERE g.id = gh_families.grant_id),
			(SELECT g.team_id FROM gh_grants g WHERE g.id = gh_families.grant_id)`,
		id, client, engine.Millis(at), engine.Millis(at.Add(endedFamilyKept)), endedFamilyKept.Milliseconds())
	if isNoRows(err) {
		return e, false, nil
	}
	if err == nil && tokenDeadAt.After(at) {
		err = t.saveEnding(authz.Ending{Kind: authz.EndedFamily, ID: string(id), At: at, Expires: tokenDeadAt})
	}
	return e, err == nil, err
}

// EndFamily ends a family of this client, and reports whether it lived.
func (db *DB) EndFamily(ctx context.Context, id authz.FamilyID, client oauth.ClientID, at time.Time) (alive bool, err error) {
	err = db.write(ctx, "EndFamily", func(t *tx) error {
		e, lived, err := t.endFamily(id, client, at)
		alive = lived
		if err != nil || !lived {
			return err
		}
		e.Kind, e.Actor = audit.TokenRevoked, actor(client)
		return t.happened(e)
	})
	return alive && err == nil, err
}

// actor is a client as the actor of an event.
func actor(client oauth.ClientID) string { return "client:" + string(client) }

// trimStep is how many families one unit of work trims at most. Redemptions wait for no more than that.
const trimStep = 200

// TrimFamilies makes the oldest families of a grant expire with their access tokens, unless they are refreshed before:
// those with an id below before, except the newest keep of them. It does so once there are twice as many as are kept.
//
// No family with such an id is added any more. So a family below before that is not trimmed yet is newer than all that
// are, and the newest of the rest shows whether there is anything to do. Families that have ended do not count:
// otherwise ending many families would trim living ones, or would hide families that have to be trimmed.
func (db *DB) TrimFamilies(ctx context.Context, grant authz.GrantID, before authz.FamilyID, keep int) error {
	scan := func(r engine.Row) (untrimmed bool, err error) { return untrimmed, r.Scan(&untrimmed) }
	found, err := engine.All(ctx, db.engine, "TrimFamilies", scan, `SELECT f.expires_at > f.token_dead_at FROM gh_families f
		WHERE f.grant_id = $1 AND f.id < $2 AND f.ended_at = 0 ORDER BY f.id DESC LIMIT 1 OFFSET $3`, grant, before, 2*keep)
	if err != nil || len(found) == 0 || !found[0] {
		return err
	}
	// It goes on when the caller hangs up: the check above would not find what is left over.
	ctx = context.WithoutCancel(ctx)
	for from := keep; ; from += trimStep {
		var trimmed int64
		err := db.write(ctx, "TrimFamilies", func(t *tx) (err error) {
			trimmed, err = t.Change(`UPDATE gh_families SET expires_at = token_dead_at WHERE ended_at = 0 AND expires_at > token_dead_at
				AND id IN (SELECT f.id FROM gh_families f WHERE f.grant_id = $1 AND f.id < $2 AND f.ended_at = 0 ORDER BY f.id DESC LIMIT $3 OFFSET $4)`,
				grant, before, trimStep, from)
			return err
		})
		if err != nil || trimmed < trimStep {
			return err
		}
	}
}
