package store

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// grantInto scans a grant with what was seen of its client. The statements that use it list the columns in this order.
func grantInto(g *authz.Grant) []any {
	return []any{
		&g.ID, engine.WordsTo(&g.Scope), engine.TimeTo(&g.CreatedAt), engine.TimeTo(&g.UpdatedAt),
		&g.Seen.Name, &g.Seen.Owner, engine.ListTo(&g.Seen.RedirectURIs),
	}
}

// SaveGrant creates the grant of (user, client, team) or widens the one there is, and returns it as saved. authz.ErrNotLive.
// The person is told of a new connection.
func (db *DB) SaveGrant(ctx context.Context, g authz.Grant) (saved authz.Grant, err error) {
	err = db.write(ctx, "SaveGrant", func(t *tx) error {
		if err := t.holdLive(g); err != nil {
			return err
		}
		before, blocked, err := t.grantBefore(g)
		if err != nil {
			return err
		}
		if blocked {
			return authz.ErrNotLive
		}
		e := audit.Event{
			At: g.UpdatedAt, Kind: audit.ConsentGiven, User: string(g.User), Team: string(g.Team), Client: string(g.Client), Detail: engine.Words(g.Scope),
		}
		if before.ID == "" {
			saved = g
			_, err = t.Change(`
				INSERT INTO gh_grants (id, user_id, team_id, client_id, scope, created_at, updated_at, seen_name, seen_owner, seen_redirect_uris)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
				g.ID, g.User, g.Team, g.Client, engine.Words(g.Scope), engine.Millis(g.CreatedAt), engine.Millis(g.UpdatedAt),
				g.Seen.Name, g.Seen.Owner, engine.List(g.Seen.RedirectURIs))
			if err != nil {
				return err
			}
			e.Grant = string(saved.ID)
			return t.happenedWith(e, outbox.Facts{NewGrant: true})
		}
		saved = before
		saved.Scope = before.Scope.Union(g.Scope)
		saved.UpdatedAt = g.UpdatedAt
		saved.Seen = before.Seen.Then(g.Seen)
		_, err = t.Change(`UPDATE gh_grants SET scope = $2, updated_at = $3, seen_name = $4, seen_owner = $5, seen_redirect_uris = $6 WHERE id = $1`,
			before.ID, engine.Words(saved.Scope), engine.Millis(g.UpdatedAt), saved.Seen.Name, saved.Seen.Owner, engine.List(saved.Seen.RedirectURIs))
		if err != nil {
			return err
		}
		e.Grant = string(saved.ID)
		return t.happened(e)
	})
	if err != nil {
		return authz.Grant{}, err
	}
	return saved, nil
}

// holdLive finds the person, membership, team and client alive. On PostgreSQL it locks them until the end of the unit of
// work, so that those who end one of them wait, and then find the grant. The lock on the membership is exclusive, so that
// two consents of one person do not lose each other's scopes.
func (t *tx) holdLive(g authz.Grant) error {
	const (
		postgres = `
SELECT 1 FROM gh_memberships m
JOIN gh_users u ON u.id = m.user_id
JOIN gh_teams t ON t.id = m.team_id
JOIN gh_clients c ON c.id = $3
WHERE m.user_id = $1 AND m.team_id = $2 AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = m.team_id)
FOR SHARE OF u, t, c FOR NO KEY UPDATE OF m`

		sqlite = `
SELECT 1 FROM gh_memberships m
JOIN gh_users u ON u.id = m.user_id
JOIN gh_teams t ON t.id = m.team_id
JOIN gh_clients c ON c.id = $3
WHERE m.user_id = $1 AND m.team_id = $2 AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = m.team_id)`
	)
	err := t.Get([]any{new(int)}, t.db.engine.Text(sqlite, postgres), g.User, g.Team, g.Client)
	if isNoRows(err) {
		return authz.ErrNotLive
	}
	return err
}

// grantBefore is the grant there is, and whether the team blocks the client. It is read after the locks, in a statement
// of its own: on PostgreSQL, a statement that waited for a lock does not see what else was committed meanwhile.
func (t *tx) grantBefore(g authz.Grant) (before authz.Grant, blocked bool, err error) {
	before = authz.Grant{User: g.User, Client: g.Client, Team: g.Team}
	dest := append([]any{&blocked}, grantInto(&before)...)
	err = t.Get(dest, `
		SELECT b.team_id IS NOT NULL, COALESCE(g.id, ''), COALESCE(g.scope, ''), COALESCE(g.created_at, 0), COALESCE(g.updated_at, 0),
			COALESCE(g.seen_name, ''), COALESCE(g.seen_owner, ''), COALESCE(g.seen_redirect_uris, '[]')
		FROM gh_memberships m
		LEFT JOIN gh_grants g ON g.user_id = m.user_id AND g.team_id = m.team_id AND g.client_id = $3
		LEFT JOIN gh_team_blocks b ON b.team_id = m.team_id AND b.client_id = $3
		WHERE m.user_id = $1 AND m.team_id = $2`, g.User, g.Team, g.Client)
	return before, blocked, err
}

// grantDetails is what the lists of grants have in common. A grant was last used when the newest of its families was
// redeemed or refreshed. A family that ended when it began is a burnt code.
const grantDetails = `
SELECT g.id, g.user_id, g.client_id, g.team_id, g.scope, g.created_at, g.updated_at,
	(SELECT COALESCE(MAX(CASE WHEN f.used_at > 0 THEN f.used_at WHEN f.rotated_at > 0 THEN f.rotated_at ELSE f.created_at END), 0)
		FROM gh_families f WHERE f.grant_id = g.id AND f.ended_at <> f.created_at),
	u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at,
	t.id, t.slug, t.name, t.created_at,
	c.id, c.name, c.owner, c.public, c.machine, c.scope, c.created_at, c.disabled_at,
	c.resource_server, c.resources, c.jwks, c.jwks_uri, c.id_token_algorithm, c.post_logout_redirect_uris,
	c.backchannel_logout_uri, c.initiate_login_uri, c.require_par, c.require_dpop, c.insecure_assertion_audience, c.pkce, c.insecure_no_pkce_no_nonce, c.refresh_grace,
	COALESCE(ct.id, ''), COALESCE(ct.slug, ''), COALESCE(ct.name, ''), COALESCE(ct.created_at, 0)
FROM gh_grants g
JOIN gh_users u ON u.id = g.user_id
JOIN gh_teams t ON t.id = g.team_id
JOIN gh_clients c ON c.id = g.client_id
LEFT JOIN gh_teams ct ON ct.id = c.team_id`

// The lists of grants, each with the condition that its index needs. All have the parameters $1 user, $2 team, $3 client.
const (
	grantsOfUser   = grantDetails + ` WHERE g.user_id = $1 AND ($2 = '' OR g.team_id = $2) AND ($3 = '' OR g.client_id = $3) ORDER BY g.created_at DESC, g.id`
	grantsOfClient = grantDetails + ` WHERE ($1 = '' OR g.user_id = $1) AND ($2 = '' OR g.team_id = $2) AND g.client_id = $3 ORDER BY g.created_at DESC, g.id`
	grantsOfTeam   = grantDetails + ` WHERE ($1 = '' OR g.user_id = $1) AND g.team_id = $2 AND ($3 = '' OR g.client_id = $3) ORDER BY g.created_at DESC, g.id`
	grantsOfAll    = grantDetails + ` WHERE ($1 = '' OR g.user_id = $1) AND ($2 = '' OR g.team_id = $2) AND ($3 = '' OR g.client_id = $3) ORDER BY g.created_at DESC, g.id`
)

// Grants is the grants that a filter lets through, newest first.
func (db *DB) Grants(ctx context.Context, f authz.GrantFilter) ([]authz.GrantDetail, error) {
	query := grantsOfAll
	switch {
	case f.User != "":
		query = grantsOfUser
	case f.Client != "":
		query = grantsOfClient
	case f.Team != "":
		query = grantsOfTeam
	}
	return engine.All(ctx, db.engine, "Grants", scanGrantDetail, query, f.User, f.Team, f.Client)
}

// Grant is one grant. authz.ErrNoGrant.
func (db *DB) Grant(ctx context.Context, id authz.GrantID) (authz.GrantDetail, error) {
	return engine.One(ctx, db.engine, "Grant", authz.ErrNoGrant, scanGrantDetail, grantDetails+` WHERE g.id = $1`, id)
}

// scanGrantDetail reads what grantDetails selects.
func scanGrantDetail(r engine.Row) (d authz.GrantDetail, err error) {
	g, u, t := &d.Grant, &d.User, &d.Team
	err = r.Scan(append([]any{
		&g.ID, &g.User, &g.Client, &g.Team, engine.WordsTo(&g.Scope), engine.TimeTo(&g.CreatedAt), engine.TimeTo(&g.UpdatedAt),
		engine.TimeTo(&d.LastUsed),
		&u.ID, &u.Email, &u.Name, &u.Operator, &u.EmailVerified, engine.TimeTo(&u.CreatedAt), engine.TimeTo(&u.DisabledAt),
		&t.ID, &t.Slug, &t.Name, engine.TimeTo(&t.CreatedAt),
	}, clientInto(&d.Client)...)...)
	return d, err
}

// RevokeGrant ends a grant with its families. authz.ErrNoGrant.
func (db *DB) RevokeGrant(ctx context.Context, id authz.GrantID) error {
	return db.change(ctx, "RevokeGrant", func(t *tx) error {
		const (
			postgres = `SELECT g.user_id, g.team_id, g.client_id FROM gh_grants g WHERE g.id = $1 FOR UPDATE OF g`
			sqlite   = `SELECT g.user_id, g.team_id, g.client_id FROM gh_grants g WHERE g.id = $1`
		)
		at := db.now()
		e := audit.Event{At: at, Kind: audit.GrantRevoked, Grant: string(id)}
		err := t.Get([]any{&e.User, &e.Team, &e.Client}, db.engine.Text(sqlite, postgres), id)
		if isNoRows(err) {
			return authz.ErrNoGrant
		}
		if err != nil {
			return err
		}
		t.changed = changeOfUser(e.User)
		if err := t.endGrants(at, endGrant, id); err != nil {
			return err
		}
		return t.happened(e)
	})
}
