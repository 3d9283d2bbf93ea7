package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// grantInto scans a grant with what was seen of its client. The statements that use it list the columns in this order.
func grantInto(g *authz.Grant) []any {
	return []any{
		&g.ID, engine.WordsTo(&g.Scope), engine.TimeTo(&g.SuspendedAt), engine.TimeTo(&g.CreatedAt), engine.TimeTo(&g.UpdatedAt),
		&g.Seen.Name, &g.Seen.Owner, engine.ListTo(&g.Seen.RedirectURIs),
	}
}

// SaveGrant creates the grant of (user, client, team) or widens the one there is, and returns it as saved. What the team says of the client is judged again,
// under the locks. forTeam approves the client for the whole team, up to g.Scope, if the person may decide that. authz.ErrNotLive, also when the team
// does not allow all of g.Scope. The person is told of a new connection.
func (db *DB) SaveGrant(ctx context.Context, g authz.Grant, forTeam bool) (saved authz.Grant, err error) {
	work := func(t *tx) error {
		if forTeam { // others may get more of what they agreed to
			if err := t.lockTeam(g.Team); err != nil {
				return err
			}
		}
		if err := t.holdLive(g); err != nil {
			return err
		}
		before, now, err := t.grantBefore(g)
		if err != nil {
			return err
		}
		verdict := govern.Judge(now.policy, now.row, now.client, now.role, g.Scope, govern.Asked{}, g.UpdatedAt)
		if len(verdict.Scope) < len(g.Scope) {
			return authz.ErrNotLive
		}
		if forTeam && verdict.Outcome == govern.Decide {
			if now.row, err = t.approveWith(g, now.row); err != nil {
				return err
			}
		}
		saved, err = t.saveGrant(g, before, now)
		return err
	}
	if forTeam {
		err = db.change(ctx, "SaveGrant", work)
	} else {
		err = db.write(ctx, "SaveGrant", work)
	}
	if err != nil {
		return authz.Grant{}, err
	}
	return saved, nil
}

// approveWith approves a client for the whole team, because an admin agreed to it themselves.
func (t *tx) approveWith(g authz.Grant, before govern.Row) (govern.Row, error) {
	after := govern.Row{Team: g.Team, Client: g.Client, State: govern.Approved, Scope: g.Scope, By: g.User, At: g.UpdatedAt}
	if before.State == govern.Approved {
		after.Scope, after.ReviewBy = before.Scope.Union(g.Scope), before.ReviewBy
	}
	if err := t.saveRow(after); err != nil {
		return before, err
	}
	return after, t.decided(before, after, after.Scope, g.UpdatedAt, &govern.Effect{})
}

// saveGrant saves a grant that is allowed.
func (t *tx) saveGrant(g, before authz.Grant, now governed) (saved authz.Grant, err error) {
	e := audit.Event{
		At: g.UpdatedAt, Kind: audit.ConsentGiven, User: string(g.User), Team: string(g.Team), Client: string(g.Client), Detail: engine.Words(g.Scope),
	}
	if before.ID == "" {
		e.Grant = string(g.ID)
		_, err = t.Change(`
			INSERT INTO gh_grants (id, user_id, team_id, client_id, scope, consented, created_at, updated_at, seen_name, seen_owner, seen_redirect_uris)
			VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10)`,
			g.ID, g.User, g.Team, g.Client, engine.Words(g.Scope), engine.Millis(g.CreatedAt), engine.Millis(g.UpdatedAt),
			g.Seen.Name, g.Seen.Owner, engine.List(g.Seen.RedirectURIs))
		if err != nil {
			return saved, err
		}
		return g, t.happenedWith(e, outbox.Facts{NewGrant: true})
	}
	saved = before
	consented := now.consented.Union(g.Scope)
	saved.Scope, _ = govern.Rest(now.policy, now.row, now.client, now.role, consented)
	saved.SuspendedAt = time.Time{}
	saved.UpdatedAt = g.UpdatedAt
	saved.Seen = before.Seen.Then(g.Seen)
	_, err = t.Change(`UPDATE gh_grants SET scope = $2, consented = $3, suspended_at = 0, updated_at = $4, seen_name = $5, seen_owner = $6, seen_redirect_uris = $7 WHERE id = $1`,
		before.ID, engine.Words(saved.Scope), engine.Words(consented), engine.Millis(g.UpdatedAt), saved.Seen.Name, saved.Seen.Owner, engine.List(saved.Seen.RedirectURIs))
	if err != nil {
		return saved, err
	}
	e.Grant = string(saved.ID)
	return saved, t.happened(e)
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

// governed is what decides whether a grant may be saved, under the locks.
type governed struct {
	policy    govern.Policy
	row       govern.Row
	client    client.Client // what a verdict needs of it
	role      team.Role
	consented oauth.Scope // what the person agreed to before
}

// grantBefore is the grant there is, and what the team says of the client. It is read after the locks, in a statement
// of its own: on PostgreSQL, a statement that waited for a lock does not see what else was committed meanwhile.
func (t *tx) grantBefore(g authz.Grant) (before authz.Grant, now governed, err error) {
	before = authz.Grant{User: g.User, Client: g.Client, Team: g.Team}
	now.row = govern.Row{Team: g.Team, Client: g.Client}
	dest := []any{
		&now.role, &now.policy.Rule, &now.policy.Strict, &now.client.ID, &now.client.Team.ID, &now.client.FirstParty, engine.WordsTo(&now.client.OptionalScope),
		engine.WordsTo(&now.consented),
	}
	dest = append(append(dest, rowInto(&now.row)...), grantInto(&before)...)
	err = t.Get(dest, `
		SELECT m.role, t.applications_policy, t.applications_strict, c.id, COALESCE(c.team_id, ''), c.first_party, c.optional_scope, COALESCE(g.consented, ''),
			COALESCE(a.state, ''), COALESCE(a.scope, ''), COALESCE(a.reason, ''), COALESCE(a.decided_by, ''), COALESCE(a.decided_at, 0), COALESCE(a.review_by, 0), COALESCE(a.used_since, FALSE),
			COALESCE(g.id, ''), COALESCE(g.scope, ''), COALESCE(g.suspended_at, 0), COALESCE(g.created_at, 0), COALESCE(g.updated_at, 0),
			COALESCE(g.seen_name, ''), COALESCE(g.seen_owner, ''), COALESCE(g.seen_redirect_uris, '[]')
		FROM gh_memberships m
		JOIN gh_teams t ON t.id = m.team_id
		JOIN gh_clients c ON c.id = $3
		LEFT JOIN gh_grants g ON g.user_id = m.user_id AND g.team_id = m.team_id AND g.client_id = $3
		LEFT JOIN gh_team_applications a ON a.team_id = m.team_id AND a.client_id = $3
		WHERE m.user_id = $1 AND m.team_id = $2`, g.User, g.Team, g.Client)
	return before, now, err
}

// grantDetails is what the lists of grants have in common. A grant was last used when the newest of its families was
// redeemed or refreshed. A family that ended when it began is a burnt code.
const grantDetails = `
SELECT g.id, g.user_id, g.client_id, g.team_id, g.scope, g.suspended_at, g.created_at, g.updated_at,
	(SELECT COALESCE(MAX(CASE WHEN f.used_at > 0 THEN f.used_at WHEN f.rotated_at > 0 THEN f.rotated_at ELSE f.created_at END), 0)
		FROM gh_families f WHERE f.grant_id = g.id AND f.ended_at <> f.created_at),
	u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at,
	t.id, t.slug, t.name, t.created_at,
	c.id, c.name, c.owner, c.public, c.machine, c.scope, c.created_at, c.disabled_at,
	c.resource_server, c.resources, c.jwks, c.jwks_uri, c.id_token_algorithm, c.post_logout_redirect_uris,
	c.backchannel_logout_uri, c.initiate_login_uri, c.require_par, c.require_dpop, c.insecure_assertion_audience, c.pkce, c.insecure_no_pkce_no_nonce, c.refresh_grace, c.first_party, c.optional_scope,
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
		&g.ID, &g.User, &g.Client, &g.Team, engine.WordsTo(&g.Scope), engine.TimeTo(&g.SuspendedAt), engine.TimeTo(&g.CreatedAt), engine.TimeTo(&g.UpdatedAt),
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
