package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// noReason stands for a block whose admin gave no reason, since an empty one means that there is no block.
const noReason = "no reason was given"

// A membership m as far as the client $2 is concerned; COALESCE is for a person who has none.
const (
	standingColumns = `COALESCE(t.id, ''), COALESCE(t.slug, ''), COALESCE(t.name, ''), COALESCE(t.created_at, 0), COALESCE(m.role, ''),
		CASE WHEN b.team_id IS NULL THEN '' WHEN b.reason = '' THEN '` + noReason + `' ELSE b.reason END,
		COALESCE(g.id, ''), COALESCE(g.scope, ''), COALESCE(g.created_at, 0), COALESCE(g.updated_at, 0)`
	standingTables = `LEFT JOIN teams t ON t.id = m.team_id
	LEFT JOIN grants g ON g.user_id = m.user_id AND g.team_id = m.team_id AND g.client_id = $2
	LEFT JOIN team_blocks b ON b.team_id = m.team_id AND b.client_id = $2`
)

// scanStanding reads dest and then a standing.
func scanStanding(r engine.Row, user team.UserID, client oauth.ClientID, dest ...any) (s authz.Standing, err error) {
	g := authz.Grant{Client: client}
	dest = append(dest, teamInto(&s.Team)...)
	err = r.Scan(append(dest, &s.Role, &s.Blocked, &g.ID, engine.WordsTo(&g.Scope), engine.TimeTo(&g.CreatedAt), engine.TimeTo(&g.UpdatedAt))...)
	if g.ID != "" {
		g.User, g.Team = user, s.Team.ID
		s.Grant = &g
	}
	return s, err
}

func sortStandings(standings []authz.Standing) {
	slices.SortFunc(standings, func(a, b authz.Standing) int {
		return byName(a.Team.Name, string(a.Team.ID), b.Team.Name, string(b.Team.ID))
	})
}

const standingsQuery = `SELECT ` + standingColumns + ` FROM memberships m ` + standingTables + ` WHERE m.user_id = $1`

// Standings is each team that the person belongs to, by name, with what concerns the client.
func (db *DB) Standings(ctx context.Context, user team.UserID, client oauth.ClientID) ([]authz.Standing, error) {
	scan := func(r engine.Row) (authz.Standing, error) { return scanStanding(r, user, client) }
	standings, err := engine.All(ctx, db.engine, "Standings", scan, standingsQuery, user, client)
	sortStandings(standings)
	return standings, err
}

const visitorQuery = `SELECT ` + sessionColumns + `, ` + standingColumns + `
	FROM ` + sessionTables + ` LEFT JOIN memberships m ON m.user_id = s.user_id ` + standingTables + `
	WHERE s.id = $1 AND ` + sessionIsLive + ` > $3`

// readVisitor is Visitor, from the database.
func (db *DB) readVisitor(ctx context.Context, session string, client oauth.ClientID, now time.Time) (v authz.Visitor, err error) {
	scan := func(r engine.Row) (s authz.Standing, err error) { // one row for each team, and one without a team for a person who has none
		if s, err = scanStanding(r, "", client, sessionInto(&v.Session)...); s.Grant != nil {
			s.Grant.User = v.Session.User.ID
		}
		return s, err
	}
	v.Standings, err = engine.All(ctx, db.engine, "Visitor", scan, visitorQuery, session, client, engine.Millis(now))
	switch {
	case err != nil:
		return authz.Visitor{}, err
	case len(v.Standings) == 0:
		return authz.Visitor{}, authn.ErrNoSession
	case v.Standings[0].Team.ID == "":
		v.Standings = nil
	}
	sortStandings(v.Standings)
	return v, nil
}

// SaveGrant creates the grant of (user, client, team) or widens the one there is, and returns it as saved. authz.ErrNotLive.
// The person is told of a connection that is new.
func (db *DB) SaveGrant(ctx context.Context, g authz.Grant) (saved authz.Grant, err error) {
	err = db.write(ctx, "SaveGrant", func(t *tx) error {
		if err := t.holdLive(g); err != nil {
			return err
		}
		before, blocked, err := t.standing(g)
		switch {
		case err != nil:
			return err
		case blocked:
			return authz.ErrNotLive
		case before.ID == "":
			saved = g
			_, err = t.Change(`INSERT INTO grants (id, user_id, team_id, client_id, scope, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				g.ID, g.User, g.Team, g.Client, engine.Words(g.Scope), engine.Millis(g.CreatedAt), engine.Millis(g.UpdatedAt))
		default:
			saved = before
			saved.Scope = before.Scope.Union(g.Scope)
			saved.UpdatedAt = g.UpdatedAt
			_, err = t.Change(`UPDATE grants SET scope = $2, updated_at = $3 WHERE id = $1`, before.ID, engine.Words(saved.Scope), engine.Millis(g.UpdatedAt))
		}
		if err != nil {
			return err
		}
		if before.ID == "" {
			if err := t.mail("mail.connected", g.User, g.Client, g.Team, g.CreatedAt); err != nil {
				return err
			}
		}
		return t.audit(audit.Event{
			At: g.UpdatedAt, Kind: audit.ConsentGiven, User: string(g.User), Team: string(g.Team), Client: string(g.Client), Grant: string(saved.ID), Detail: engine.Words(g.Scope),
		})
	})
	if err != nil {
		return authz.Grant{}, err
	}
	return saved, nil
}

// holdLive finds person, membership, team and client alive, and keeps them so until the end of the unit of work: whoever ends one of them waits, and
// then finds the grant. The membership is held alone, so that two consents of one person do not lose each other's scopes.
func (t *tx) holdLive(g authz.Grant) error {
	var found int
	err := t.Get([]any{&found}, `SELECT 1 FROM memberships m
		JOIN users u ON u.id = m.user_id JOIN teams t ON t.id = m.team_id JOIN clients c ON c.id = $3
		WHERE m.user_id = $1 AND m.team_id = $2 AND u.disabled_at = 0 AND c.disabled_at = 0 AND (c.team_id IS NULL OR c.team_id = m.team_id)`+
		t.db.locking("FOR SHARE OF u, t, c FOR NO KEY UPDATE OF m"), g.User, g.Team, g.Client)
	if isNoRows(err) {
		return authz.ErrNotLive
	}
	return err
}

// standing is the grant there is, and whether the team blocks the client. It is asked in a statement of its own, after the locks: a statement of
// PostgreSQL that waited for a lock does not see what else was committed meanwhile.
func (t *tx) standing(g authz.Grant) (before authz.Grant, blocked bool, err error) {
	before = authz.Grant{User: g.User, Client: g.Client, Team: g.Team}
	dest := []any{&blocked, &before.ID, engine.WordsTo(&before.Scope), engine.TimeTo(&before.CreatedAt), engine.TimeTo(&before.UpdatedAt)}
	err = t.Get(dest, `SELECT b.team_id IS NOT NULL, COALESCE(g.id, ''), COALESCE(g.scope, ''), COALESCE(g.created_at, 0), COALESCE(g.updated_at, 0)
		FROM memberships m
		LEFT JOIN grants g ON g.user_id = m.user_id AND g.team_id = m.team_id AND g.client_id = $3
		LEFT JOIN team_blocks b ON b.team_id = m.team_id AND b.client_id = $3
		WHERE m.user_id = $1 AND m.team_id = $2`, g.User, g.Team, g.Client)
	return before, blocked, err
}

const grantColumns = `g.id, g.user_id, g.client_id, g.team_id, g.scope, g.created_at, g.updated_at`

func grantInto(g *authz.Grant) []any {
	return []any{&g.ID, &g.User, &g.Client, &g.Team, engine.WordsTo(&g.Scope), engine.TimeTo(&g.CreatedAt), engine.TimeTo(&g.UpdatedAt)}
}

// lastUsed is when the last of a grant's families was redeemed or refreshed. A family that ended as it began is a burnt code.
const lastUsed = `(SELECT COALESCE(MAX(CASE WHEN f.rotated_at > f.created_at THEN f.rotated_at ELSE f.created_at END), 0)
	FROM families f WHERE f.grant_id = g.id AND f.ended_at <> f.created_at)`

// Grants is the grants that a filter lets through, the newest first.
func (db *DB) Grants(ctx context.Context, f authz.GrantFilter) ([]authz.GrantDetail, error) {
	scan := func(r engine.Row) (d authz.GrantDetail, err error) {
		err = r.Scan(slices.Concat(grantInto(&d.Grant), []any{engine.TimeTo(&d.LastUsed)}, userInto(&d.User), teamInto(&d.Team), clientInto(&d.Client))...)
		return d, err
	}
	where, args := grantConditions(f)
	return engine.All(ctx, db.engine, "Grants", scan, `SELECT `+grantColumns+`, `+lastUsed+`,
			`+userColumns+`, `+teamColumns+`, `+clientColumns+`
		FROM `+clientTables+` JOIN grants g ON g.client_id = c.id JOIN users u ON u.id = g.user_id JOIN teams t ON t.id = g.team_id`+
		where+` ORDER BY g.created_at DESC, g.id`, args...)
}

// RevokeGrant ends a grant with its families. authz.ErrNoGrant.
func (db *DB) RevokeGrant(ctx context.Context, id authz.GrantID) error {
	return db.change(ctx, "RevokeGrant", func(t *tx) error {
		at := db.now()
		e := audit.Event{At: at, Kind: audit.GrantRevoked, Grant: string(id)}
		err := t.Get([]any{&e.User, &e.Team, &e.Client}, `SELECT g.user_id, g.team_id, g.client_id FROM grants g WHERE g.id = $1`+db.locking("FOR UPDATE OF g"), id)
		if isNoRows(err) {
			return authz.ErrNoGrant
		}
		if err != nil {
			return err
		}
		if _, err := t.endGrants(at, `g.id = $1`, id); err != nil {
			return err
		}
		return t.audit(e)
	})
}

// grantConditions spells out only what narrows, so that each combination can use its index.
func grantConditions(f authz.GrantFilter) (where string, args []any) {
	var conditions []string
	narrow := func(column, value string) {
		if value != "" {
			args = append(args, value)
			conditions = append(conditions, fmt.Sprintf("%s = $%d", column, len(args)))
		}
	}
	narrow("g.user_id", string(f.User))
	narrow("g.team_id", string(f.Team))
	narrow("g.client_id", string(f.Client))
	if len(conditions) > 0 {
		where = " WHERE " + strings.Join(conditions, " AND ")
	}
	return where, args
}
