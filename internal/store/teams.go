package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// teamInto scans a team. The statements that use it list the columns in this order.
func teamInto(t *team.Team) []any {
	return []any{&t.ID, &t.Slug, &t.Name, engine.TimeTo(&t.CreatedAt)}
}

func scanTeam(r engine.Row) (t team.Team, err error) {
	err = r.Scan(teamInto(&t)...)
	return t, err
}

// AddTeam saves a new team. team.ErrSlugTaken.
func (db *DB) AddTeam(ctx context.Context, add team.Team) error {
	return db.write(ctx, "AddTeam", func(t *tx) error {
		if err := t.addTeam(add); err != nil {
			return err
		}
		return t.happened(audit.Event{At: add.CreatedAt, Kind: audit.TeamAdded, Team: string(add.ID), Detail: add.Slug})
	})
}

func (t *tx) addTeam(add team.Team) error {
	_, err := t.Change(`INSERT INTO gh_teams (id, slug, name, created_at) VALUES ($1, $2, $3, $4)`,
		add.ID, add.Slug, add.Name, engine.Millis(add.CreatedAt))
	if engine.IsUnique(err) {
		return team.ErrSlugTaken
	}
	return err
}

// CreateTeam saves a new team with its first admin. team.ErrSlugTaken, team.ErrNoUser, team.ErrTooManyTeams.
func (db *DB) CreateTeam(ctx context.Context, add team.Team, admin team.UserID, most int) error {
	return db.change(ctx, "CreateTeam", func(t *tx) error {
		t.changed = changeOfUser(admin)
		// The lock makes two that are created at once count each other.
		if err := t.MustChange(team.ErrNoUser, `UPDATE gh_users SET name = name WHERE id = $1 AND disabled_at = 0`, admin); err != nil {
			return err
		}
		var teams int
		if err := t.Get([]any{&teams}, `SELECT COUNT(*) FROM gh_memberships WHERE user_id = $1`, admin); err != nil {
			return err
		}
		if teams >= most {
			return team.ErrTooManyTeams
		}
		if err := t.addTeam(add); err != nil {
			return err
		}
		if err := t.addMember(team.Membership{User: admin, Team: add, Role: team.Admin, CreatedAt: add.CreatedAt}); err != nil {
			return err
		}
		return t.happened(audit.Event{At: add.CreatedAt, Kind: audit.TeamAdded, Team: string(add.ID), User: string(admin), Detail: add.Slug})
	})
}

// TeamBySlug is a team by its slug. team.ErrNoTeam.
func (db *DB) TeamBySlug(ctx context.Context, slug string) (team.Team, error) {
	return engine.One(ctx, db.engine, "TeamBySlug", team.ErrNoTeam, scanTeam, `SELECT id, slug, name, created_at FROM gh_teams WHERE slug = $1`, slug)
}

// Teams is every team, by slug.
func (db *DB) Teams(ctx context.Context) ([]team.Team, error) {
	teams, err := engine.All(ctx, db.engine, "Teams", scanTeam, `SELECT id, slug, name, created_at FROM gh_teams`)
	slices.SortFunc(teams, func(a, b team.Team) int { return cmp.Compare(a.Slug, b.Slug) })
	return teams, err
}

// UpdateTeam saves the slug and the name that change gives a team, which it reads under a lock with the role of the actor in it.
// team.ErrSlugTaken, team.ErrNoTeam, or what change says.
func (db *DB) UpdateTeam(ctx context.Context, id team.ID, actor team.UserID, change func(team.Team, team.Role) (team.Team, error)) (updated team.Team, err error) {
	err = db.changeClients(ctx, "UpdateTeam", func(t *tx) error {
		if err := t.lockTeam(id); err != nil {
			return err
		}
		var current team.Team
		if err := t.Get(teamInto(&current), `SELECT id, slug, name, created_at FROM gh_teams WHERE id = $1`, id); err != nil {
			return err
		}
		role, err := t.roleOf(id, actor)
		if err != nil {
			return err
		}
		if updated, err = change(current, role); err != nil {
			return err
		}
		_, err = t.Change(`UPDATE gh_teams SET slug = $2, name = $3 WHERE id = $1`, id, updated.Slug, updated.Name)
		if engine.IsUnique(err) {
			return team.ErrSlugTaken
		}
		if err != nil {
			return err
		}
		return t.happened(audit.Event{Kind: audit.TeamRenamed, Team: string(id), Detail: updated.Slug})
	})
	return updated, err
}

// lockTeam makes others wait until this unit of work is over: those who save a grant in the team, remove it, or issue a
// token to one of its machine clients. team.ErrNoTeam.
func (t *tx) lockTeam(id team.ID) error {
	return t.MustChange(team.ErrNoTeam, `UPDATE gh_teams SET name = name WHERE id = $1`, id)
}

// roleOf is the role of a person in a team whose row is locked; "" when they are no member.
func (t *tx) roleOf(id team.ID, user team.UserID) (role team.Role, err error) {
	err = t.Get([]any{&role}, `SELECT role FROM gh_memberships WHERE team_id = $1 AND user_id = $2`, id, user)
	if isNoRows(err) {
		return "", nil
	}
	return role, err
}

// RemoveTeam removes a team with its grants, if decide agrees to the role of the actor in it; nil agrees. Its memberships, clients and blocks
// go with it by foreign key. team.ErrNoTeam, or what decide says.
func (db *DB) RemoveTeam(ctx context.Context, id team.ID, actor team.UserID, decide func(team.Role) error) error {
	return db.changeClients(ctx, "RemoveTeam", func(t *tx) error {
		if err := t.lockTeam(id); err != nil {
			return err
		}
		if decide != nil {
			role, err := t.roleOf(id, actor)
			if err == nil {
				err = decide(role)
			}
			if err != nil {
				return err
			}
		}
		return t.removeTeam(id, db.now())
	})
}

// removeTeam removes a team whose row is locked, with all that belongs to it.
func (t *tx) removeTeam(id team.ID, at time.Time) error {
	e := audit.Event{At: at, Kind: audit.TeamRemoved, Team: string(id)}
	if err := t.Get([]any{&e.Detail}, `SELECT slug FROM gh_teams WHERE id = $1`, id); err != nil {
		return err
	}
	// Before the grants and memberships end: they say who is told.
	if err := t.happened(e); err != nil {
		return err
	}
	if err := t.endMachines(e.At, endMachinesOfTeam, id); err != nil {
		return err
	}
	if err := t.endGrants(e.At, endGrantsOfTeam, id); err != nil {
		return err
	}
	_, err := t.Change(`DELETE FROM gh_teams WHERE id = $1`, id)
	return err
}
