package store

import (
	"context"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// teamStatusInto scans a team of a person with its role, what it says of a client, and the grant to that client. The
// statements that use it list the columns in this order.
func teamStatusInto(s *authz.TeamStatus, g *authz.Grant) []any {
	return append([]any{&s.Team.ID, &s.Team.Slug, &s.Team.Name, engine.TimeTo(&s.Team.CreatedAt), &s.Role, &s.NeedsFactor, &s.Provider, &s.Policy.Rule, &s.Policy.Strict, &s.Row.State, engine.WordsTo(&s.Row.Scope), &s.Row.Reason, engine.TimeTo(&s.Row.At)}, grantInto(g)...)
}

// setGrant gives a status the grant that was scanned, if there is one.
func setGrant(s *authz.TeamStatus, g authz.Grant, user team.UserID, client oauth.ClientID) {
	if g.ID != "" {
		g.User, g.Client, g.Team = user, client, s.Team.ID
		s.Grant = &g
	}
}

func sortTeams(teams []authz.TeamStatus) {
	slices.SortFunc(teams, func(a, b authz.TeamStatus) int {
		return byName(a.Team.Name, string(a.Team.ID), b.Team.Name, string(b.Team.ID))
	})
}

// TeamStatuses is each team that the person belongs to, by name, with what concerns the client.
func (db *DB) TeamStatuses(ctx context.Context, user team.UserID, client oauth.ClientID) ([]authz.TeamStatus, error) {
	scan := func(r engine.Row) (s authz.TeamStatus, err error) {
		var g authz.Grant
		err = r.Scan(teamStatusInto(&s, &g)...)
		setGrant(&s, g, user, client)
		return s, err
	}
	teams, err := engine.All(ctx, db.engine, "TeamStatuses", scan, `
		SELECT t.id, t.slug, t.name, t.created_at, m.role, t.require_second_factor, t.require_provider,
			CASE WHEN t.applications_policy = 'everyone' THEN '' ELSE t.applications_policy END, t.applications_strict,
			COALESCE(a.state, ''), COALESCE(a.scope, ''), COALESCE(a.reason, ''), COALESCE(a.decided_at, 0),
			COALESCE(g.id, ''), COALESCE(g.scope, ''), COALESCE(g.suspended_at, 0), COALESCE(g.created_at, 0), COALESCE(g.updated_at, 0),
			COALESCE(g.seen_name, ''), COALESCE(g.seen_owner, ''), COALESCE(g.seen_redirect_uris, '[]')
		FROM gh_memberships m
		JOIN gh_teams t ON t.id = m.team_id
		LEFT JOIN gh_grants g ON g.user_id = m.user_id AND g.team_id = m.team_id AND g.client_id = $2
		LEFT JOIN gh_team_applications a ON a.team_id = m.team_id AND a.client_id = $2
		WHERE m.user_id = $1`, user, client)
	sortTeams(teams)
	return teams, err
}

// readSignedInUser is SignedInUser, from the database.
func (db *DB) readSignedInUser(ctx context.Context, session string, client oauth.ClientID, now time.Time) (v authz.SignedInUser, err error) {
	// One row for each team, and one row without a team for a person who has none.
	scan := func(r engine.Row) (s authz.TeamStatus, err error) {
		var g authz.Grant
		err = r.Scan(append(sessionInto(&v.Session), teamStatusInto(&s, &g)...)...)
		setGrant(&s, g, v.Session.User.ID, client)
		return s, err
	}
	v.Teams, err = engine.All(ctx, db.engine, "SignedInUser", scan, `
		SELECT s.id, s.sid, s.auth_time, s.methods, s.expires_at, s.provider, u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at,
			COALESCE(t.id, ''), COALESCE(t.slug, ''), COALESCE(t.name, ''), COALESCE(t.created_at, 0), COALESCE(m.role, ''), COALESCE(t.require_second_factor, FALSE), COALESCE(t.require_provider, ''),
			COALESCE(CASE WHEN t.applications_policy = 'everyone' THEN '' ELSE t.applications_policy END, ''), COALESCE(t.applications_strict, FALSE),
			COALESCE(a.state, ''), COALESCE(a.scope, ''), COALESCE(a.reason, ''), COALESCE(a.decided_at, 0),
			COALESCE(g.id, ''), COALESCE(g.scope, ''), COALESCE(g.suspended_at, 0), COALESCE(g.created_at, 0), COALESCE(g.updated_at, 0),
			COALESCE(g.seen_name, ''), COALESCE(g.seen_owner, ''), COALESCE(g.seen_redirect_uris, '[]')
		FROM gh_sessions s
		JOIN gh_users u ON u.id = s.user_id
		LEFT JOIN gh_memberships m ON m.user_id = s.user_id
		LEFT JOIN gh_teams t ON t.id = m.team_id
		LEFT JOIN gh_grants g ON g.user_id = m.user_id AND g.team_id = m.team_id AND g.client_id = $2
		LEFT JOIN gh_team_applications a ON a.team_id = m.team_id AND a.client_id = $2
		WHERE s.id = $1 AND u.disabled_at = 0 AND s.expires_at > $3`, session, client, engine.Millis(now))
	switch {
	case err != nil:
		return authz.SignedInUser{}, err
	case len(v.Teams) == 0:
		return authz.SignedInUser{}, authn.ErrNoSession
	case v.Teams[0].Team.ID == "":
		v.Teams = nil
	}
	sortTeams(v.Teams)
	return v, nil
}
