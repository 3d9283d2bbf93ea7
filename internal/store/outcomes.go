package store

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// outcomesOf says which grants are judged anew: those of a team, or of one client or one person in it.
type outcomesOf struct {
	team   team.ID
	client oauth.ClientID // "" for all
	user   team.UserID    // "" for all
}

// grantGroup is grants that the same verdict is about.
type grantGroup struct {
	govern.Use
	user team.UserID // "" for everybody's
}

// grantGroups is the grants by what a verdict depends on. There are few groups, however many people have such grants. One after the other: a unit
// of work reads one row at a time.
func (t *tx) grantGroups(of outcomesOf) (groups []grantGroup, err error) {
	last := grantGroup{user: of.user}
	state := ""
	for {
		g := grantGroup{user: of.user}
		err := t.Get([]any{&g.Client, &g.Role, engine.WordsTo(&g.Consented), engine.WordsTo(&g.Scope), &state, &g.People}, `
			SELECT g.client_id, m.role, g.consented, g.scope, CASE WHEN g.suspended_at > 0 THEN 'suspended' ELSE 'alive' END AS state, COUNT(*)
			FROM gh_grants g JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
			WHERE g.team_id = $1 AND ($2 = '' OR g.client_id = $2) AND ($3 = '' OR g.user_id = $3)
				AND (g.client_id, m.role, g.consented, g.scope, CASE WHEN g.suspended_at > 0 THEN 'suspended' ELSE 'alive' END) > ($4, $5, $6, $7, $8)
			GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 LIMIT 1`,
			of.team, of.client, of.user, last.Client, last.Role, engine.Words(last.Consented), engine.Words(last.Scope), state)
		if isNoRows(err) {
			return groups, nil
		}
		if err != nil {
			return nil, err
		}
		g.Suspended = state == "suspended"
		groups, last = append(groups, g), g
	}
}

// writeOutcomes writes on grants what the policy of their team leaves of them now. The caller has locked the row of the team, or of the membership.
func (t *tx) writeOutcomes(of outcomesOf, at time.Time, effect *govern.Effect) error {
	groups, err := t.grantGroups(of)
	if err != nil || len(groups) == 0 {
		return err
	}
	var policy govern.Policy
	err = t.Get([]any{&policy.Rule, &policy.Strict}, `SELECT applications_policy, applications_strict FROM gh_teams WHERE id = $1`, of.team)
	if err != nil {
		return err
	}
	for _, g := range groups {
		c, err := t.governedClient(g.Client)
		if err != nil {
			return err
		}
		row, err := t.row(of.team, g.Client)
		if err != nil {
			return err
		}
		scope, suspended := govern.Rest(policy, row, c, g.Role, g.Consented)
		if err := t.writeOutcome(of.team, g, scope, suspended, at, effect); err != nil {
			return err
		}
	}
	return nil
}

// ofGroup finds the grants of a group: $1 team, $2 client, $3 role, $4 consented, $5 scope, $6 suspended, $7 person or ”.
const ofGroup = `
	SELECT g.id FROM gh_grants g JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id
	WHERE g.team_id = $1 AND g.client_id = $2 AND m.role = $3 AND g.consented = $4 AND g.scope = $5 AND (g.suspended_at > 0) = $6 AND ($7 = '' OR g.user_id = $7)`

// writeOutcome writes on the grants of a group what is left of them.
func (t *tx) writeOutcome(id team.ID, g grantGroup, scope oauth.Scope, suspended bool, at time.Time, effect *govern.Effect) error {
	if suspended == g.Suspended && (suspended || scope.String() == g.Scope.String()) {
		return nil
	}
	which := []any{id, g.Client, g.Role, engine.Words(g.Consented), engine.Words(g.Scope), g.Suspended, g.user}
	// As endGrants does, and for the same reason.
	if err := t.Lock(ofGroup+` ORDER BY g.id FOR UPDATE OF g`, which...); err != nil {
		return err
	}
	if err := t.Lock(`SELECT f.id FROM gh_families f WHERE f.grant_id IN (`+ofGroup+`) ORDER BY f.id FOR UPDATE OF f`, which...); err != nil {
		return err
	}
	lost := g.Scope.Minus(scope)
	switch {
	case suspended:
		effect.Suspended += g.People
		if err := t.endFamiliesOfGroup(which, "", at); err != nil {
			return err
		}
	case g.Suspended:
		effect.Resumed += g.People
	case len(lost) > 0:
		effect.Narrowed += g.People
		if err := t.narrowFamilies(which, lost, at); err != nil {
			return err
		}
	}
	var since time.Time
	if suspended {
		since = at
	}
	_, err := t.Change(`UPDATE gh_grants SET scope = $8, suspended_at = $9 WHERE id IN (`+ofGroup+`)`, append(which, engine.Words(scope), engine.Millis(since))...)
	return err
}

// endFamiliesOfGroup ends the living families of a group of grants, or of those the ones with a scope, and publishes their ends.
func (t *tx) endFamiliesOfGroup(which []any, scope string, at time.Time) error {
	args := append(which[:len(which):len(which)], scope, engine.Millis(at))
	const living = `f.ended_at = 0 AND ($8 = '' OR f.scope = $8) AND f.grant_id IN (` + ofGroup + `)`
	_, err := t.Change(`
		INSERT INTO gh_endings (kind, id, at, expires_at)
		SELECT 'family', f.id, CAST($9 AS BIGINT), f.token_dead_at FROM gh_families f WHERE f.token_dead_at > CAST($9 AS BIGINT) AND `+living+`
		ON CONFLICT (kind, id) DO NOTHING`, args...)
	if err != nil {
		return err
	}
	// Their rows go with their tokens, but no sooner than a code can live: see endedFamilyKept.
	_, err = t.Change(`
		UPDATE gh_families AS f SET ended_at = CAST($9 AS BIGINT),
			expires_at = CASE
				WHEN f.expires_at < CAST($10 AS BIGINT) THEN f.expires_at
				WHEN f.token_dead_at + CAST($11 AS BIGINT) < CAST($10 AS BIGINT) THEN CAST($10 AS BIGINT)
				WHEN f.token_dead_at + CAST($11 AS BIGINT) < f.expires_at THEN f.token_dead_at + CAST($11 AS BIGINT)
				ELSE f.expires_at END
		WHERE `+living, append(args, engine.Millis(at.Add(endedFamilyKept)), endedFamilyKept.Milliseconds())...)
	return err
}

// narrowFamilies takes a scope from the living families of a group of grants. Access tokens that have it are dead from now on. A family of which nothing
// is left ends.
func (t *tx) narrowFamilies(which []any, lost oauth.Scope, at time.Time) error {
	_, err := t.Change(`
		INSERT INTO gh_endings (kind, id, at, expires_at)
		SELECT 'narrowed', f.grant_id, MAX(CASE WHEN f.used_at > CAST($8 AS BIGINT) THEN f.used_at WHEN f.created_at > CAST($8 AS BIGINT) THEN f.created_at ELSE CAST($8 AS BIGINT) END),
			MAX(f.token_dead_at)
		FROM gh_families f WHERE f.ended_at = 0 AND f.token_dead_at > CAST($8 AS BIGINT) AND f.grant_id IN (`+ofGroup+`)
		GROUP BY f.grant_id
		ON CONFLICT (kind, id) DO UPDATE SET
			at = CASE WHEN gh_endings.at > excluded.at THEN gh_endings.at ELSE excluded.at END,
			expires_at = CASE WHEN gh_endings.expires_at > excluded.expires_at THEN gh_endings.expires_at ELSE excluded.expires_at END`,
		append(which[:len(which):len(which)], engine.Millis(at))...)
	if err != nil {
		return err
	}
	// The scopes of families are few, however many families there are.
	for last := ""; ; {
		var before oauth.Scope
		err := t.Get([]any{engine.WordsTo(&before)}, `
			SELECT DISTINCT f.scope FROM gh_families f WHERE f.ended_at = 0 AND f.scope > $8 AND f.grant_id IN (`+ofGroup+`) ORDER BY f.scope LIMIT 1`,
			append(which[:len(which):len(which)], last)...)
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		last = engine.Words(before)
		after := before.Minus(lost)
		switch {
		case len(after) == len(before):
		case len(after) == 0:
			err = t.endFamiliesOfGroup(which, last, at)
		default:
			_, err = t.Change(`UPDATE gh_families SET scope = $9 WHERE ended_at = 0 AND scope = $8 AND grant_id IN (`+ofGroup+`)`,
				append(which[:len(which):len(which)], last, engine.Words(after))...)
		}
		if err != nil {
			return err
		}
	}
}

// writeOutcomesOfClient writes outcomes on all grants of a client, whose row is locked, team by team.
func (t *tx) writeOutcomesOfClient(id oauth.ClientID) error {
	at := t.db.now()
	for last := team.ID(""); ; {
		err := t.Get([]any{&last}, `SELECT team_id FROM gh_grants WHERE client_id = $1 AND team_id > $2 ORDER BY team_id LIMIT 1`, id, last)
		if isNoRows(err) {
			return nil
		}
		if err == nil {
			err = t.lockTeam(last)
		}
		if err == nil {
			err = t.writeOutcomes(outcomesOf{team: last, client: id}, at, &govern.Effect{})
		}
		if err != nil {
			return err
		}
	}
}
