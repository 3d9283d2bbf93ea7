package store

import (
	"cmp"
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// RequireProvider says at which provider members have to sign in to choose the team; "" for none. It concerns every cached user. team.ErrNoTeam.
func (db *DB) RequireProvider(ctx context.Context, id team.ID, provider string) error {
	return db.change(ctx, "RequireProvider", func(t *tx) error {
		if err := t.MustChange(team.ErrNoTeam, `UPDATE gh_teams SET require_provider = $2 WHERE id = $1`, id, provider); err != nil {
			return err
		}
		return t.happened(audit.Event{Kind: audit.TeamProvider, Team: string(id), Detail: cmp.Or(provider, "none")})
	})
}

// TeamProvider is the id of the provider that a team requires; "" for none. team.ErrNoTeam.
func (db *DB) TeamProvider(ctx context.Context, id team.ID) (string, error) {
	scan := func(r engine.Row) (provider string, err error) { return provider, r.Scan(&provider) }
	return engine.One(ctx, db.engine, "TeamProvider", team.ErrNoTeam, scan, `SELECT require_provider FROM gh_teams WHERE id = $1`, id)
}

// CountProvider counts the members of a team, those without an account at an issuer, and the connections in the team. team.ErrNoTeam.
func (db *DB) CountProvider(ctx context.Context, id team.ID, issuer string) (team.RequiredProvider, error) {
	scan := func(r engine.Row) (p team.RequiredProvider, err error) {
		return p, r.Scan(&p.Members, &p.Without, &p.Connections)
	}
	return engine.One(ctx, db.engine, "CountProvider", team.ErrNoTeam, scan, `
		SELECT (SELECT COUNT(*) FROM gh_memberships m WHERE m.team_id = t.id),
			(SELECT COUNT(*) FROM gh_memberships m WHERE m.team_id = t.id
				AND NOT EXISTS (SELECT 1 FROM gh_identities i WHERE i.user_id = m.user_id AND i.issuer = $2)),
			(SELECT COUNT(*) FROM gh_grants g WHERE g.team_id = t.id)
		FROM gh_teams t WHERE t.id = $1`, id, issuer)
}

// TeamsByProvider is the teams that require a provider, with its id. For the operator.
func (db *DB) TeamsByProvider(ctx context.Context) (map[string][]team.Team, error) {
	type row struct {
		team     team.Team
		provider string
	}
	scan := func(r engine.Row) (v row, err error) {
		return v, r.Scan(&v.team.ID, &v.team.Slug, &v.team.Name, &v.provider)
	}
	rows, err := engine.All(ctx, db.engine, "TeamsByProvider", scan, `SELECT id, slug, name, require_provider FROM gh_teams WHERE require_provider <> '' ORDER BY slug`)
	if err != nil {
		return nil, err
	}
	teams := map[string][]team.Team{}
	for _, r := range rows {
		teams[r.provider] = append(teams[r.provider], r.team)
	}
	return teams, nil
}
