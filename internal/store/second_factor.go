package store

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// RequireSecondFactor says whether members need a second factor to choose the team. It concerns every cached user. team.ErrNoTeam.
func (db *DB) RequireSecondFactor(ctx context.Context, id team.ID, required bool) error {
	return db.change(ctx, "RequireSecondFactor", func(t *tx) error {
		if err := t.MustChange(team.ErrNoTeam, `UPDATE gh_teams SET require_second_factor = $2 WHERE id = $1`, id, required); err != nil {
			return err
		}
		detail := "off"
		if required {
			detail = "on"
		}
		return t.happened(audit.Event{Kind: audit.TeamFactor, Team: string(id), Detail: detail})
	})
}

// SecondFactor is whether a team requires a second factor, and how many of its members have none. team.ErrNoTeam.
func (db *DB) SecondFactor(ctx context.Context, id team.ID) (team.SecondFactor, error) {
	scan := func(r engine.Row) (f team.SecondFactor, err error) {
		return f, r.Scan(&f.Required, &f.Members, &f.Without)
	}
	return engine.One(ctx, db.engine, "SecondFactor", team.ErrNoTeam, scan, `
		SELECT t.require_second_factor,
			(SELECT COUNT(*) FROM gh_memberships m WHERE m.team_id = t.id),
			(SELECT COUNT(*) FROM gh_memberships m WHERE m.team_id = t.id
				AND NOT EXISTS (SELECT 1 FROM gh_apps a WHERE a.user_id = m.user_id)
				AND NOT EXISTS (SELECT 1 FROM gh_passkeys p WHERE p.user_id = m.user_id))
		FROM gh_teams t WHERE t.id = $1`, id)
}
