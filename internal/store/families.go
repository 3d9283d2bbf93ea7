package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// redeemQuery decides everything but the scope in one statement: whether the grant and all that justifies it are alive, and who is first.
// The foreign key to the grant makes it wait for whoever is ending the grant, and makes them wait for it.
const redeemQuery = `INSERT INTO families (id, grant_id, scope, auth_time, created_at, expires_at)
	SELECT $1, g.id, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT)
	FROM grants g
	JOIN users u ON u.id = g.user_id
	JOIN memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
	JOIN teams t ON t.id = g.team_id
	JOIN clients c ON c.id = g.client_id
	WHERE g.id = $2 AND g.client_id = $3 AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = g.team_id)
		AND NOT EXISTS (SELECT 1 FROM team_blocks b WHERE b.team_id = g.team_id AND b.client_id = g.client_id)
	ON CONFLICT (id) DO NOTHING
	RETURNING (SELECT g.scope FROM grants g WHERE g.id = $2),
		(SELECT u.id FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $2),
		(SELECT u.email FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $2),
		(SELECT u.name FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $2),
		(SELECT u.operator FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $2),
		(SELECT u.created_at FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $2),
		(SELECT u.disabled_at FROM grants g JOIN users u ON u.id = g.user_id WHERE g.id = $2),
		(SELECT t.id FROM grants g JOIN teams t ON t.id = g.team_id WHERE g.id = $2),
		(SELECT t.slug FROM grants g JOIN teams t ON t.id = g.team_id WHERE g.id = $2),
		(SELECT t.name FROM grants g JOIN teams t ON t.id = g.team_id WHERE g.id = $2),
		(SELECT t.created_at FROM grants g JOIN teams t ON t.id = g.team_id WHERE g.id = $2)`

// Redeem saves the family of a code, and returns who it is for. authz.ErrReplayed when there is one already, which is ended; authz.ErrNotLive otherwise.
// The happy path is one statement and one commit.
func (db *DB) Redeem(ctx context.Context, f authz.Family) (live authz.Live, err error) {
	var replayed bool
	err = db.write(ctx, "Redeem", func(t *tx) error {
		live, replayed = authz.Live{}, false
		var granted oauth.Scope
		dest := append([]any{scopeColumn{&granted}}, append(userInto(&live.User), teamInto(&live.Team)...)...)
		err := t.get(dest, redeemQuery, f.ID, f.Grant, f.Client, words(f.Scope), millis(f.AuthTime), millis(f.CreatedAt), millis(f.ExpiresAt))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			// A replay ends the family, and that has to be committed: it is no failure of this unit of work.
			replayed = true
			return t.must(authz.ErrNotLive, `UPDATE families SET ended_at = CASE WHEN ended_at = 0 THEN $2 ELSE ended_at END WHERE id = $1`,
				f.ID, millis(f.CreatedAt))
		case db.dialect.violation(err) == foreignKey: // the grant ended while this waited for it
			return authz.ErrNotLive
		case err == nil && !granted.Covers(f.Scope):
			return authz.ErrNotLive
		}
		return err
	})
	switch {
	case err != nil:
		return authz.Live{}, err
	case replayed:
		return authz.Live{}, authz.ErrReplayed
	}
	return live, nil
}

// Burn saves the family of a code as ended, unless it has one. A code whose grant has ended is dead already.
func (db *DB) Burn(ctx context.Context, f authz.Family) error {
	err := db.write(ctx, "Burn", func(t *tx) error {
		_, err := t.exec(`INSERT INTO families (id, grant_id, scope, auth_time, created_at, expires_at, ended_at)
			SELECT $1, g.id, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($6 AS BIGINT)
			FROM grants g WHERE g.id = $2 AND g.client_id = $3
			ON CONFLICT (id) DO NOTHING`,
			f.ID, f.Grant, f.Client, words(f.Scope), millis(f.AuthTime), millis(f.CreatedAt), millis(f.ExpiresAt))
		return err
	})
	if db.dialect.violation(err) == foreignKey { // the grant ended while this waited for it
		return nil
	}
	return err
}
