package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// ErrInUse means that another process has the database open.
var ErrInUse = engine.ErrInUse

// Restoring puts a backup in the place of an SQLite database.
type Restoring struct{ *engine.Restoring }

// Restore begins. The old database is locked until PutInPlace or Close. ErrInUse.
func Restore(ctx context.Context, path, file string) (Restoring, error) {
	r, err := engine.Restore(ctx, path, file)
	return Restoring{r}, err
}

// revivedQuery is what is alive in the draft and has ended in the old database. $1 is now.
const revivedQuery = `
SELECT 'team' AS kind, d.id, '' AS also, d.slug AS name FROM draft.gh_teams d WHERE d.id NOT IN (SELECT o.id FROM main.gh_teams o)
UNION ALL
SELECT 'person', d.id, '', d.email FROM draft.gh_users d LEFT JOIN main.gh_users o ON o.id = d.id
WHERE d.disabled_at = 0 AND (o.id IS NULL OR o.disabled_at <> 0)
UNION ALL
SELECT 'password', d.id, o.password_hash, d.email FROM draft.gh_users d JOIN main.gh_users o ON o.id = d.id WHERE o.password_set_at > d.password_set_at
UNION ALL
SELECT 'application', d.id, '', d.name FROM draft.gh_clients d LEFT JOIN main.gh_clients o ON o.id = d.id
WHERE d.disabled_at = 0 AND (o.id IS NULL OR o.disabled_at <> 0)
UNION ALL
SELECT 'client secret', d.client_id, d.hash, c.name FROM draft.gh_client_secrets d JOIN main.gh_clients c ON c.id = d.client_id
WHERE NOT EXISTS (SELECT 1 FROM main.gh_client_secrets o WHERE o.client_id = d.client_id AND o.hash = d.hash) AND (d.expires_at = 0 OR d.expires_at > $1)
UNION ALL
SELECT 'member', d.team_id, d.user_id, u.email || ' in ' || t.slug FROM draft.gh_memberships d
JOIN draft.gh_users u ON u.id = d.user_id
JOIN main.gh_teams t ON t.id = d.team_id
WHERE NOT EXISTS (SELECT 1 FROM main.gh_memberships o WHERE o.team_id = d.team_id AND o.user_id = d.user_id)
UNION ALL
SELECT 'lifted block', o.team_id, o.client_id, c.name || ' in ' || t.slug FROM main.gh_team_applications o
JOIN draft.gh_clients c ON c.id = o.client_id
JOIN draft.gh_teams t ON t.id = o.team_id
WHERE o.state = 'blocked' AND NOT EXISTS (SELECT 1 FROM draft.gh_team_applications d WHERE d.team_id = o.team_id AND d.client_id = o.client_id AND d.state = 'blocked')
UNION ALL
SELECT 'policy', d.id, o.applications_policy || CASE WHEN o.applications_strict THEN ' strict' ELSE '' END, d.slug FROM draft.gh_teams d
JOIN main.gh_teams o ON o.id = d.id
WHERE o.applications_policy <> d.applications_policy OR o.applications_strict <> d.applications_strict
UNION ALL
SELECT 'connection', d.id, '', u.email || ' with ' || c.name || ' in ' || t.slug FROM draft.gh_grants d
JOIN draft.gh_users u ON u.id = d.user_id
JOIN draft.gh_clients c ON c.id = d.client_id
JOIN draft.gh_teams t ON t.id = d.team_id
WHERE d.id NOT IN (SELECT o.id FROM main.gh_grants o)
UNION ALL
SELECT 'refresh token', d.id, g.client_id, u.email || ' with ' || c.name || ' in ' || t.slug FROM draft.gh_families d
JOIN main.gh_grants g ON g.id = d.grant_id
JOIN draft.gh_users u ON u.id = g.user_id
JOIN draft.gh_clients c ON c.id = g.client_id
JOIN draft.gh_teams t ON t.id = g.team_id
LEFT JOIN main.gh_families o ON o.id = d.id
WHERE d.ended_at = 0 AND d.expires_at > $1 AND (o.id IS NULL OR o.ended_at <> 0)
UNION ALL
SELECT 'session', d.id, '', u.email FROM draft.gh_sessions d JOIN draft.gh_users u ON u.id = d.user_id
WHERE d.expires_at > $1 AND d.id NOT IN (SELECT o.id FROM main.gh_sessions o)`

// Revived is what comes back to life with the copy, because it ended after the copy was made. known is false when the old database
// cannot tell: it is not there, it is damaged, or it has another schema. Nobody may have the draft open.
func (r Restoring) Revived(ctx context.Context, now time.Time) (revived []operate.Revived, known bool) {
	if r.Old == "" {
		return nil, false
	}
	same := func(row engine.Row) (same bool, err error) { return same, row.Scan(&same) }
	versions, err := engine.Compare(ctx, r.Restoring, same, `SELECT (SELECT MAX(version_id) FROM main.gh_schema_version WHERE is_applied)
		= (SELECT MAX(version_id) FROM draft.gh_schema_version WHERE is_applied)`)
	if err != nil || !versions[0] {
		return nil, false
	}
	scan := func(row engine.Row) (v operate.Revived, err error) {
		return v, row.Scan(&v.Kind, &v.ID, &v.Also, &v.Name)
	}
	revived, err = engine.Compare(ctx, r.Restoring, scan, revivedQuery, engine.Millis(now))
	return revived, err == nil
}

// EndRevived ends what came back to life. What has ended with something else is no error.
func (db *DB) EndRevived(ctx context.Context, v operate.Revived) error {
	now := db.now()
	var err error
	switch v.Kind {
	case "team":
		err = db.RemoveTeam(ctx, team.ID(v.ID), "", nil)
	case "person":
		err = db.DisableUser(ctx, team.UserID(v.ID), now)
	case "password":
		err = db.SetPassword(ctx, team.UserID(v.ID), v.Also, now)
	case "application":
		err = db.DisableClient(ctx, oauth.ClientID(v.ID), now)
	case "client secret":
		err = db.removeSecret(ctx, oauth.ClientID(v.ID), v.Also, now)
	case "member":
		err = db.RemoveMember(ctx, team.ID(v.ID), team.UserID(v.Also))
	case "lifted block":
		_, err = db.Decide(ctx, team.ID(v.ID), oauth.ClientID(v.Also), "", func(team.Role, govern.Row) (govern.Row, error) {
			return govern.Row{State: govern.Blocked, Reason: "blocked before the database was restored"}, nil
		})
	case "policy": // what was approved since the backup has to be approved again, except what is in use
		rule, strict := strings.CutSuffix(v.Also, " strict")
		service := govern.Service{Store: db, Clients: db, Now: func() time.Time { return now }}
		_, err = service.SetPolicy(ctx, team.CommandLine, team.ID(v.ID), govern.Policy{Rule: govern.Rule(rule), Strict: strict}, nil)
	case "connection":
		err = db.RevokeGrant(ctx, authz.GrantID(v.ID))
	case "refresh token":
		_, err = db.EndFamily(ctx, authz.FamilyID(v.ID), oauth.ClientID(v.Also), now)
	case "session":
		err = db.EndSession(ctx, v.ID)
	default:
		return fmt.Errorf("store: nothing ends a %s", v.Kind)
	}
	for _, gone := range []error{team.ErrNoTeam, team.ErrNoUser, team.ErrNoMember, client.ErrNoClient, authz.ErrNoGrant} {
		if errors.Is(err, gone) {
			return nil
		}
	}
	return err
}

func (db *DB) removeSecret(ctx context.Context, id oauth.ClientID, hash string, now time.Time) error {
	return db.changeClients(ctx, "RemoveSecret", func(t *tx) error {
		if _, err := t.Change(`DELETE FROM gh_client_secrets WHERE client_id = $1 AND hash = $2`, id, hash); err != nil {
			return err
		}
		owner, err := t.clientTeam(id)
		if err != nil {
			return err
		}
		return t.happened(audit.Event{At: now, Kind: audit.SecretRotated, Client: string(id), Team: owner, Detail: "a secret that came back with a backup was deleted"})
	})
}

// LivingBefore is every connection and session that was made before a time.
func (db *DB) LivingBefore(ctx context.Context, at time.Time) ([]operate.Revived, error) {
	scan := func(row engine.Row) (v operate.Revived, err error) { return v, row.Scan(&v.Kind, &v.ID, &v.Name) }
	return engine.All(ctx, db.engine, "LivingBefore", scan, `
		SELECT 'connection', g.id, u.email || ' with ' || c.name || ' in ' || t.slug FROM gh_grants g
		JOIN gh_users u ON u.id = g.user_id
		JOIN gh_clients c ON c.id = g.client_id
		JOIN gh_teams t ON t.id = g.team_id
		WHERE g.updated_at < $1
		UNION ALL
		SELECT 'session', s.id, u.email FROM gh_sessions s JOIN gh_users u ON u.id = s.user_id WHERE s.auth_time < $1`, engine.Millis(at))
}
