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

// AddTeam saves a new team. team.ErrSlugTaken, *team.SlugHeldError.
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
	if err != nil {
		return err
	}
	return t.takeSlug(add.ID, add.Slug)
}

// takeSlug lets a team have a slug that it was just given, unless another team gave it up lately. The caller has written the slug before: then a team
// that gives it up at the same time has done so, or still has it. *team.SlugHeldError.
func (t *tx) takeSlug(id team.ID, slug string) error {
	var former team.ID
	var until time.Time
	err := t.Get([]any{&former, engine.TimeTo(&until)}, `SELECT team_id, expires_at FROM gh_former_slugs WHERE slug = $1 AND expires_at > $2`,
		slug, engine.Millis(t.db.rightTime()))
	switch {
	case isNoRows(err):
		return nil
	case err != nil:
		return err
	case former != id:
		return &team.SlugHeldError{Slug: slug, Until: until}
	}
	_, err = t.Change(`DELETE FROM gh_former_slugs WHERE slug = $1`, slug)
	return err
}

// giveUpSlug keeps a slug from other teams for some time.
func (t *tx) giveUpSlug(id team.ID, slug string) error {
	_, err := t.Change(`
		INSERT INTO gh_former_slugs (slug, team_id, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (slug) DO UPDATE SET team_id = excluded.team_id, expires_at = excluded.expires_at`,
		slug, id, engine.Millis(t.db.rightTime().Add(team.SlugRest)))
	return err
}

// renameSlug is giveUpSlug and takeSlug for a team that got another slug. *team.SlugHeldError, team.ErrRenamedTooOften.
func (t *tx) renameSlug(id team.ID, from, to string) error {
	if from == to {
		return nil
	}
	if err := t.takeSlug(id, to); err != nil {
		return err
	}
	var held int
	if err := t.Get([]any{&held}, `SELECT COUNT(*) FROM gh_former_slugs WHERE team_id = $1 AND expires_at > $2`, id, engine.Millis(t.db.rightTime())); err != nil {
		return err
	}
	if held >= team.MaxFormerSlugs {
		return team.ErrRenamedTooOften
	}
	return t.giveUpSlug(id, from)
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
		if err == nil {
			err = t.renameSlug(id, current.Slug, updated.Slug)
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
	if _, err := t.Change(`DELETE FROM gh_teams WHERE id = $1`, id); err != nil {
		return err
	}
	return t.giveUpSlug(id, e.Detail)
}

// rightTime is now, by the database's clock when ours is wrong.
func (db *DB) rightTime() time.Time {
	now := db.now()
	if right, wrong := db.opts.WrongClock(now); wrong {
		return right
	}
	return now
}
