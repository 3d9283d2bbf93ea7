package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// redeemPostgres decides everything: whether the grant and all that justifies it are alive, whether the grant covers the
// scope, and which of several redemptions is first. Each step happens only if the one before it found or changed a row.
// The lock on the grant, which the foreign key from family to grant takes anyway, waits for those who end, suspend or narrow it, and they wait
// for it: then the conditions are asked again of the grant as it is.
const redeemPostgres = `
WITH live AS (
	SELECT g.user_id, g.team_id, g.id AS grant_id, u.email, u.email_verified, u.name, t.slug
	FROM gh_grants g
	JOIN gh_users u ON u.id = g.user_id
	JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
	JOIN gh_teams t ON t.id = g.team_id
	JOIN gh_clients c ON c.id = g.client_id
	WHERE g.id = $2 AND g.client_id = $3
		AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
		AND g.suspended_at = 0
		AND string_to_array($4, ' ') <@ string_to_array(g.scope, ' ')
	FOR KEY SHARE OF g
), redeemed AS (
	INSERT INTO gh_families (id, grant_id, scope, auth_time, created_at, expires_at, token_dead_at, nonce, methods, session_id, resource, dpop_key)
	SELECT $1, live.grant_id, $4, $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9, $10, $11, $12, $13 FROM live
	ON CONFLICT (id) DO NOTHING
	RETURNING 1
), recorded AS (
	INSERT INTO gh_audit (id, at, kind, actor, client_id, family_id, address, request_id, detail, user_id, team_id, grant_id)
	SELECT $14::bigint, $15::bigint, $16, $17, $18, $19, $20, $21, $22, live.user_id, live.team_id, live.grant_id FROM live, redeemed
	RETURNING 1
)
SELECT live.user_id, live.team_id, live.grant_id, live.email, live.email_verified, live.name, live.slug FROM live, redeemed, recorded`

// The same for SQLite, which runs one unit of work at a time. The event follows in a statement of its own.
const (
	redeemFindSQLite = `
SELECT g.user_id, g.team_id, g.id, g.scope, u.email, u.email_verified, u.name, t.slug
FROM gh_grants g
JOIN gh_users u ON u.id = g.user_id
JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
JOIN gh_teams t ON t.id = g.team_id
JOIN gh_clients c ON c.id = g.client_id
WHERE g.id = $1 AND g.client_id = $2
	AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
	AND g.suspended_at = 0`

	redeemInsertSQLite = `
INSERT INTO gh_families (id, grant_id, scope, auth_time, created_at, expires_at, token_dead_at, nonce, methods, session_id, resource, dpop_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (id) DO NOTHING`
)

// Redeem saves the family of a code, and returns who it is for.
// authz.ErrReplayed when there is one already, which is ended. authz.ErrNotLive otherwise.
func (db *DB) Redeem(ctx context.Context, f authz.Family) (subject authz.Subject, err error) {
	e := audit.Event{
		At: f.CreatedAt, Kind: audit.TokenIssued, Actor: actor(f.Client), Client: string(f.Client), Family: string(f.ID), Detail: engine.Words(f.Scope),
	}
	if db.engine.PostgreSQL() {
		err = db.batch(ctx, "Redeem", e, engine.Statement{
			Query: redeemPostgres,
			Args: []any{
				f.ID, f.Grant, f.Client, engine.Words(f.Scope), engine.Millis(f.AuthTime), engine.Millis(f.CreatedAt), engine.Millis(f.ExpiresAt),
				engine.Millis(f.TokenDeadAt), f.Nonce, engine.Words(f.Methods), f.SessionID, engine.Words(f.Resource), f.DPoPKey,
			},
			Dest: []any{&subject.User, &subject.Team, new(authz.GrantID), &subject.Email, &subject.EmailVerified, &subject.Name, &subject.Slug},
		})
	} else {
		err = db.write(ctx, "Redeem", func(t *tx) (err error) {
			subject, err = t.redeem(f, e)
			return err
		})
	}
	switch {
	case errors.Is(err, errCommitted):
		c, err := db.Connection(ctx, f.ID, f.CreatedAt)
		if errors.Is(err, authz.ErrNoFamily) {
			return authz.Subject{}, authz.ErrNotLive // it has ended since
		}
		return c.Subject, err
	case isNoRows(err):
		if err := db.replayed(ctx, "Redeem", f, new(bool)); err != nil {
			return authz.Subject{}, err
		}
		return authz.Subject{}, authz.ErrReplayed
	case engine.IsForeignKey(err): // the grant ended while this waited for it
		return authz.Subject{}, authz.ErrNotLive
	case err != nil:
		return authz.Subject{}, err
	}
	return subject, nil
}

// redeem is Redeem on SQLite. sql.ErrNoRows when the grant is not alive, does not cover the scope, or the code was redeemed.
func (t *tx) redeem(f authz.Family, e audit.Event) (subject authz.Subject, err error) {
	var grant authz.Grant
	err = t.Get([]any{&subject.User, &subject.Team, &grant.ID, engine.WordsTo(&grant.Scope), &subject.Email, &subject.EmailVerified, &subject.Name, &subject.Slug},
		redeemFindSQLite, f.Grant, f.Client)
	if err != nil {
		return authz.Subject{}, err
	}
	if !grant.Scope.Covers(f.Scope) {
		return authz.Subject{}, sql.ErrNoRows
	}
	err = t.MustChange(sql.ErrNoRows, redeemInsertSQLite,
		f.ID, grant.ID, engine.Words(f.Scope), engine.Millis(f.AuthTime), engine.Millis(f.CreatedAt), engine.Millis(f.ExpiresAt),
		engine.Millis(f.TokenDeadAt), f.Nonce, engine.Words(f.Methods), f.SessionID, engine.Words(f.Resource), f.DPoPKey)
	if err != nil {
		return authz.Subject{}, err
	}
	e.User, e.Team, e.Grant = string(subject.User), string(subject.Team), string(grant.ID)
	return subject, t.happened(e)
}
