package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

const teamColumns = "t.id, t.slug, t.name, t.created_at"

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
		_, err := t.Change(`INSERT INTO teams (id, slug, name, created_at) VALUES ($1, $2, $3, $4)`, add.ID, add.Slug, add.Name, engine.Millis(add.CreatedAt))
		if engine.IsUnique(err) {
			return team.ErrSlugTaken
		}
		if err != nil {
			return err
		}
		return t.audit(audit.Event{At: add.CreatedAt, Kind: audit.TeamAdded, Team: string(add.ID), Detail: add.Slug})
	})
}

// TeamBySlug is a team by its slug. team.ErrNoTeam.
func (db *DB) TeamBySlug(ctx context.Context, slug string) (team.Team, error) {
	return engine.One(ctx, db.engine, "TeamBySlug", team.ErrNoTeam, scanTeam, `SELECT `+teamColumns+` FROM teams t WHERE t.slug = $1`, slug)
}

// Teams is every team, by slug.
func (db *DB) Teams(ctx context.Context) ([]team.Team, error) {
	teams, err := engine.All(ctx, db.engine, "Teams", scanTeam, `SELECT `+teamColumns+` FROM teams t`)
	slices.SortFunc(teams, func(a, b team.Team) int { return cmp.Compare(a.Slug, b.Slug) })
	return teams, err
}

// RenameTeam gives a team another slug and name; its grants live on. team.ErrSlugTaken, team.ErrNoTeam.
func (db *DB) RenameTeam(ctx context.Context, id team.ID, slug, name string) error {
	return db.changeClients(ctx, "RenameTeam", func(t *tx) error {
		err := t.MustChange(team.ErrNoTeam, `UPDATE teams SET slug = $2, name = $3 WHERE id = $1`, id, slug, name)
		if engine.IsUnique(err) {
			return team.ErrSlugTaken
		}
		if err != nil {
			return err
		}
		return t.audit(audit.Event{Kind: audit.TeamRenamed, Team: string(id), Detail: slug})
	})
}

// RemoveTeam removes a team with its grants; its memberships, clients and blocks go with it by foreign key. team.ErrNoTeam.
func (db *DB) RemoveTeam(ctx context.Context, id team.ID) error {
	return db.changeClients(ctx, "RemoveTeam", func(t *tx) error {
		// Whoever saves a grant in the team has its row.
		if err := t.MustChange(team.ErrNoTeam, `UPDATE teams SET name = name WHERE id = $1`, id); err != nil {
			return err
		}
		at := db.now()
		if err := t.endMachines(at, `c.team_id = $1`, id); err != nil {
			return err
		}
		if _, err := t.endGrants(at, `g.team_id = $1`, id); err != nil {
			return err
		}
		e := audit.Event{At: at, Kind: audit.TeamRemoved, Team: string(id)}
		if err := t.ChangeGet([]any{&e.Detail}, `DELETE FROM teams WHERE id = $1 RETURNING slug`, id); err != nil {
			return err
		}
		return t.audit(e)
	})
}

// AddMember gives a person a place in a team. team.ErrIsMember, team.ErrNoUser, team.ErrNoTeam.
func (db *DB) AddMember(ctx context.Context, m team.Membership) error {
	return db.change(ctx, "AddMember", func(t *tx) error {
		var users, teams int
		if err := t.Get([]any{&users, &teams}, `SELECT (SELECT COUNT(*) FROM users WHERE id = $1), (SELECT COUNT(*) FROM teams WHERE id = $2)`,
			m.User, m.Team.ID); err != nil {
			return err
		}
		switch {
		case users == 0:
			return team.ErrNoUser
		case teams == 0:
			return team.ErrNoTeam
		}
		_, err := t.Change(`INSERT INTO memberships (user_id, team_id, role, created_at) VALUES ($1, $2, $3, $4)`,
			m.User, m.Team.ID, m.Role, engine.Millis(m.CreatedAt))
		switch {
		case engine.IsUnique(err):
			return team.ErrIsMember
		case engine.IsForeignKey(err): // removed since the first statement; people are never removed
			return team.ErrNoTeam
		}
		if err != nil {
			return err
		}
		return t.audit(audit.Event{At: m.CreatedAt, Kind: audit.MemberAdded, Team: string(m.Team.ID), User: string(m.User), Detail: string(m.Role)})
	})
}

// RemoveMember ends a person's place in a team, and their grants there. team.ErrNoMember.
func (db *DB) RemoveMember(ctx context.Context, id team.ID, user team.UserID) error {
	return db.change(ctx, "RemoveMember", func(t *tx) error {
		// Whoever saves a grant of theirs in the team has this row.
		if err := t.MustChange(team.ErrNoMember, `UPDATE memberships SET role = role WHERE team_id = $1 AND user_id = $2`, id, user); err != nil {
			return err
		}
		at := db.now()
		if _, err := t.endGrants(at, `g.user_id = $1 AND g.team_id = $2`, user, id); err != nil {
			return err
		}
		if _, err := t.Change(`DELETE FROM memberships WHERE team_id = $1 AND user_id = $2`, id, user); err != nil {
			return err
		}
		return t.audit(audit.Event{At: at, Kind: audit.MemberRemoved, Team: string(id), User: string(user)})
	})
}

// Members is who belongs to a team, by e-mail.
func (db *DB) Members(ctx context.Context, id team.ID) ([]team.Person, error) {
	scan := func(r engine.Row) (p team.Person, err error) {
		err = r.Scan(append(userInto(&p.User), &p.Role, engine.TimeTo(&p.CreatedAt))...)
		return p, err
	}
	people, err := engine.All(ctx, db.engine, "Members", scan,
		`SELECT `+userColumns+`, m.role, m.created_at FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.team_id = $1`, id)
	slices.SortFunc(people, func(a, b team.Person) int { return cmp.Compare(a.User.Email, b.User.Email) })
	return people, err
}

// Memberships is the teams that a person belongs to, by the team's name.
func (db *DB) Memberships(ctx context.Context, user team.UserID) ([]team.Membership, error) {
	scan := func(r engine.Row) (m team.Membership, err error) {
		err = r.Scan(append(teamInto(&m.Team), &m.User, &m.Role, engine.TimeTo(&m.CreatedAt))...)
		return m, err
	}
	places, err := engine.All(ctx, db.engine, "Memberships", scan,
		`SELECT `+teamColumns+`, m.user_id, m.role, m.created_at FROM memberships m JOIN teams t ON t.id = m.team_id WHERE m.user_id = $1`, user)
	slices.SortFunc(places, func(a, b team.Membership) int {
		return byName(a.Team.Name, string(a.Team.ID), b.Team.Name, string(b.Team.ID))
	})
	return places, err
}
