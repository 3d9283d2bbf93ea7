package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// rowInto scans what a team decided about a client. The statements that use it list the columns in this order.
func rowInto(r *govern.Row) []any {
	return []any{
		&r.State, engine.WordsTo(&r.Scope), &r.Reason, &r.By, engine.TimeTo(&r.At), engine.TimeTo(&r.ReviewBy), &r.UsedSince,
	}
}

// Policy is a team's policy for applications. team.ErrNoTeam.
func (db *DB) Policy(ctx context.Context, id team.ID) (govern.Policy, error) {
	scan := func(r engine.Row) (p govern.Policy, err error) { return p, r.Scan(&p.Rule, &p.Strict) }
	return engine.One(ctx, db.engine, "Policy", team.ErrNoTeam, scan, `SELECT applications_policy, applications_strict FROM gh_teams WHERE id = $1`, id)
}

// Rows is what a team decided about clients, newest first.
func (db *DB) Rows(ctx context.Context, id team.ID) ([]govern.Row, error) {
	scan := func(r engine.Row) (row govern.Row, err error) {
		err = r.Scan(append([]any{&row.Team, &row.Client}, rowInto(&row)...)...)
		return row, err
	}
	return engine.All(ctx, db.engine, "Rows", scan, `
		SELECT a.team_id, a.client_id, a.state, a.scope, a.reason, a.decided_by, a.decided_at, a.review_by, a.used_since
		FROM gh_team_applications a WHERE a.team_id = $1 ORDER BY a.decided_at DESC, a.client_id`, id)
}

// Uses is which clients people have connected to a team, by client.
func (db *DB) Uses(ctx context.Context, id team.ID) ([]govern.Use, error) {
	scan := func(r engine.Row) (u govern.Use, err error) {
		err = r.Scan(&u.Client, &u.Role, engine.WordsTo(&u.Consented), engine.WordsTo(&u.Scope), &u.Suspended, &u.People)
		return u, err
	}
	return engine.All(ctx, db.engine, "Uses", scan, `
		SELECT g.client_id, m.role, g.consented, g.scope, g.suspended_at > 0, COUNT(*)
		FROM gh_grants g JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
		WHERE g.team_id = $1
		GROUP BY g.client_id, m.role, g.consented, g.scope, g.suspended_at > 0
		ORDER BY g.client_id, m.role, g.consented, g.scope`, id)
}

// SetPolicy saves the policy and the rows that decide makes of what there is under the team's lock, ends the grants of the clients that it
// cuts, and writes on all other grants of the team what the policy leaves of them. team.ErrNoTeam, or what decide says.
func (db *DB) SetPolicy(ctx context.Context, id team.ID, by team.UserID, decide func(govern.Standing) (govern.Change, error)) (effect govern.Effect, err error) {
	err = db.change(ctx, "SetPolicy", func(t *tx) error {
		effect = govern.Effect{}
		at := db.now()
		if err := t.lockTeam(id); err != nil {
			return err
		}
		standing, err := t.governStanding(id, by)
		if err != nil {
			return err
		}
		change, err := decide(standing)
		if err != nil {
			return err
		}
		_, err = t.Change(`UPDATE gh_teams SET applications_policy = $2, applications_strict = $3 WHERE id = $1`, id, change.Policy.Rule, change.Policy.Strict)
		if err != nil {
			return err
		}
		for _, row := range change.Approve {
			row.Team, row.By, row.At = id, by, at
			if err := t.saveRow(row); err != nil {
				return err
			}
		}
		e := audit.Event{At: at, Kind: audit.PolicyChanged, Team: string(id), Detail: string(change.Policy.Rule)}
		if change.Policy.Strict {
			e.Detail += ", strict"
		}
		if err := t.happened(e); err != nil { // before the grants go that say who is told
			return err
		}
		for _, c := range change.Cut {
			e := audit.Event{At: at, Kind: audit.ClientCut, Team: string(id), Client: string(c)}
			if err := t.cut(e, at, id, c, &effect); err != nil {
				return err
			}
		}
		if change.Policy.Strict { // machines get other tokens at once, if they are allowed
			if err := t.endMachines(at, endMachinesOfTeam, id); err != nil {
				return err
			}
		}
		return t.writeOutcomes(outcomesOf{team: id}, at, &effect)
	})
	return effect, err
}

// cut ends the grants of a client in a team, whose row is locked.
func (t *tx) cut(e audit.Event, at time.Time, id team.ID, c oauth.ClientID, effect *govern.Effect) error {
	var people int
	if err := t.Get([]any{&people}, `SELECT COUNT(*) FROM gh_grants WHERE team_id = $1 AND client_id = $2`, id, c); err != nil {
		return err
	}
	effect.Ended += people
	if err := t.happened(e); err != nil {
		return err
	}
	return t.endGrants(at, endGrantsOfClientInTeam, c, id)
}

// governStanding is what a policy is decided from, in a team whose row is locked.
func (t *tx) governStanding(id team.ID, by team.UserID) (s govern.Standing, err error) {
	if s.Role, err = t.roleOf(id, by); err != nil {
		return s, err
	}
	if err = t.Get([]any{&s.Policy.Rule, &s.Policy.Strict}, `SELECT applications_policy, applications_strict FROM gh_teams WHERE id = $1`, id); err != nil {
		return s, err
	}
	groups, err := t.grantGroups(outcomesOf{team: id})
	if err != nil {
		return s, err
	}
	for _, g := range groups {
		s.Uses = append(s.Uses, g.Use)
		if n := len(s.Clients); n > 0 && s.Clients[n-1].ID == g.Client {
			continue
		}
		c, err := t.governedClient(g.Client)
		if err != nil {
			return s, err
		}
		row, err := t.row(id, g.Client)
		if err != nil {
			return s, err
		}
		s.Clients, s.Rows = append(s.Clients, c), append(s.Rows, row)
	}
	return s, nil
}

// governedClient is what a verdict needs to know of a client, which cannot change before the end of the unit of work.
func (t *tx) governedClient(id oauth.ClientID) (c client.Client, err error) {
	const (
		postgres = `SELECT c.id, c.name, c.first_party, c.optional_scope, COALESCE(c.team_id, '') FROM gh_clients c WHERE c.id = $1 FOR SHARE OF c`
		sqlite   = `SELECT c.id, c.name, c.first_party, c.optional_scope, COALESCE(c.team_id, '') FROM gh_clients c WHERE c.id = $1`
	)
	err = t.Get([]any{&c.ID, &c.Name, &c.FirstParty, engine.WordsTo(&c.OptionalScope), &c.Team.ID}, t.db.engine.Text(sqlite, postgres), id)
	if isNoRows(err) {
		return c, client.ErrNoClient
	}
	return c, err
}

// row is what a team, whose row is locked, decided about a client; its State is "" when nothing.
func (t *tx) row(id team.ID, c oauth.ClientID) (govern.Row, error) {
	row := govern.Row{Team: id, Client: c}
	err := t.Get(rowInto(&row), `
		SELECT a.state, a.scope, a.reason, a.decided_by, a.decided_at, a.review_by, a.used_since
		FROM gh_team_applications a WHERE a.team_id = $1 AND a.client_id = $2`, id, c)
	if isNoRows(err) {
		return row, nil
	}
	return row, err
}

// saveRow replaces what a team decided about a client. A row without a state removes it.
func (t *tx) saveRow(r govern.Row) error {
	if r.State == "" {
		_, err := t.Change(`DELETE FROM gh_team_applications WHERE team_id = $1 AND client_id = $2`, r.Team, r.Client)
		return err
	}
	_, err := t.Change(`
		INSERT INTO gh_team_applications (team_id, client_id, state, scope, reason, decided_by, decided_at, review_by, used_since)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (team_id, client_id) DO UPDATE SET state = excluded.state, scope = excluded.scope, reason = excluded.reason,
			decided_by = excluded.decided_by, decided_at = excluded.decided_at, review_by = excluded.review_by, used_since = excluded.used_since`,
		r.Team, r.Client, r.State, engine.Words(r.Scope), r.Reason, r.By, engine.Millis(r.At), engine.Millis(r.ReviewBy), r.UsedSince)
	if engine.IsForeignKey(err) {
		return client.ErrNoClient
	}
	return err
}

// Decide saves what decide makes of what a team decided about a client, under the team's lock, and writes on the client's grants in the team what
// that leaves of them. A row that becomes blocked, or is no longer approved, ends them. It answers everybody who asks for the client.
// team.ErrNoTeam, client.ErrNoClient, or what decide says.
func (db *DB) Decide(ctx context.Context, id team.ID, c oauth.ClientID, by team.UserID, decide func(team.Role, govern.Row) (govern.Row, error)) (effect govern.Effect, err error) {
	err = db.change(ctx, "Decide", func(t *tx) error {
		effect = govern.Effect{}
		at := db.now()
		// A grant that is saved at the same time locks the team too: it is judged here, or it finds the row.
		if err := t.lockTeam(id); err != nil {
			return err
		}
		role, err := t.roleOf(id, by)
		if err != nil {
			return err
		}
		before, err := t.row(id, c)
		if err != nil {
			return err
		}
		after, err := decide(role, before)
		if err != nil {
			return err
		}
		if before.State == govern.Approved && after.State == govern.Approved && after.At.Equal(before.At) { // it stays, and what people ask for beyond it is declined
			e := audit.Event{At: at, Kind: audit.ClientDeclined, Team: string(id), Client: string(c), Detail: after.Reason}
			asked, err := t.closeRequests(id, c, nil)
			if err != nil {
				return err
			}
			return t.happenedWith(e, outbox.Facts{Asked: asked})
		}
		after.Team, after.Client, after.By, after.At = id, c, by, at
		if err := t.saveRow(after); err != nil {
			return err
		}
		return t.decided(before, after, nil, at, &effect)
	})
	return effect, err
}

// decided does what follows when a team's row of a client has changed. It answers the requests for the client: those that ask for no more than
// within, or all when that is nil.
func (t *tx) decided(before, after govern.Row, within oauth.Scope, at time.Time, effect *govern.Effect) error {
	e := audit.Event{At: at, Team: string(after.Team), Client: string(after.Client), Detail: after.Reason}
	ends := false
	switch {
	case after.State == govern.Blocked:
		e.Kind, ends = audit.ClientBlocked, true
	case after.State == govern.Approved:
		e.Kind, e.Detail = audit.ClientApproved, engine.Words(after.Scope)
	case after.State == govern.Declined:
		e.Kind = audit.ClientDeclined
	case before.State == govern.Approved:
		e.Kind, ends = audit.ApprovalRemoved, true
	default:
		e.Kind = audit.ClientUnblocked
	}
	if ends {
		if err := t.endMachines(at, endMachineInTeam, after.Client, after.Team); err != nil {
			return err
		}
		if err := t.cut(e, at, after.Team, after.Client, effect); err != nil {
			return err
		}
		_, err := t.answerRequests(after, within)
		return err
	}
	asked, err := t.answerRequests(after, within)
	if err != nil {
		return err
	}
	if err := t.happenedWith(e, outbox.Facts{Asked: asked}); err != nil {
		return err
	}
	if len(before.Scope.Minus(after.Scope)) > 0 { // a machine under a strict policy has tokens for more
		if err := t.endMachines(at, endMachineInTeam, after.Client, after.Team); err != nil {
			return err
		}
	}
	return t.writeOutcomes(outcomesOf{team: after.Team, client: after.Client}, at, effect)
}
