package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// AddMember gives a person a place in a team. team.ErrIsMember, team.ErrNoUser, team.ErrNoTeam.
func (db *DB) AddMember(ctx context.Context, m team.Membership) error {
	return db.change(ctx, "AddMember", func(t *tx) error {
		t.changed = changeOfUser(m.User)
		var users, teams int
		err := t.Get([]any{&users, &teams},
			`SELECT (SELECT COUNT(*) FROM gh_users WHERE id = $1), (SELECT COUNT(*) FROM gh_teams WHERE id = $2)`, m.User, m.Team.ID)
		switch {
		case err != nil:
			return err
		case users == 0:
			return team.ErrNoUser
		case teams == 0:
			return team.ErrNoTeam
		}
		if err := t.addMember(m); err != nil {
			return err
		}
		return t.happened(audit.Event{At: m.CreatedAt, Kind: audit.MemberAdded, Team: string(m.Team.ID), User: string(m.User), Detail: string(m.Role)})
	})
}

func (t *tx) addMember(m team.Membership) error {
	_, err := t.Change(`INSERT INTO gh_memberships (user_id, team_id, role, created_at) VALUES ($1, $2, $3, $4)`,
		m.User, m.Team.ID, m.Role, engine.Millis(m.CreatedAt))
	switch {
	case engine.IsUnique(err):
		return team.ErrIsMember
	case engine.IsForeignKey(err): // removed since it was read
		return team.ErrNoTeam
	}
	return err
}

// RemoveMember ends a person's place in a team, and their grants there. team.ErrNoMember.
func (db *DB) RemoveMember(ctx context.Context, id team.ID, user team.UserID) error {
	return db.change(ctx, "RemoveMember", func(t *tx) error {
		t.changed = changeOfUser(user)
		// Saving a grant of theirs in the team locks this row.
		if err := t.MustChange(team.ErrNoMember, `UPDATE gh_memberships SET role = role WHERE team_id = $1 AND user_id = $2`, id, user); err != nil {
			return err
		}
		return t.endMembership(id, user)
	})
}

// endMembership ends a person's place in a team, whose row is locked, and their grants there.
func (t *tx) endMembership(id team.ID, user team.UserID) error {
	at := t.db.now()
	// Before the grants and the membership end: they say who is told.
	if err := t.happened(audit.Event{At: at, Kind: audit.MemberRemoved, Team: string(id), User: string(user)}); err != nil {
		return err
	}
	if err := t.endGrants(at, endGrantsOfMember, user, id); err != nil {
		return err
	}
	_, err := t.Change(`DELETE FROM gh_memberships WHERE team_id = $1 AND user_id = $2`, id, user)
	return err
}

// ChangeMembers reads under the team's lock how people stand in it, and saves the roles that decide gives them; "" ends a place, and the
// person's grants in the team. team.ErrNoTeam, or what decide says.
func (db *DB) ChangeMembers(ctx context.Context, id team.ID, people []team.UserID, decide func(team.Standing) (map[team.UserID]team.Role, error)) error {
	return db.change(ctx, "ChangeMembers", func(t *tx) error {
		if err := t.lockTeam(id); err != nil {
			return err
		}
		now, err := t.standing(id, people)
		if err != nil {
			return err
		}
		roles, err := decide(now)
		if err != nil {
			return err
		}
		if len(roles) == 1 {
			for user := range roles {
				t.changed = changeOfUser(user)
			}
		}
		for _, user := range slices.Sorted(maps.Keys(roles)) { // always in this order: locks
			if err := t.changeMember(id, user, now.Roles[user], roles[user]); err != nil {
				return err
			}
		}
		return nil
	})
}

// changeMember gives a member a role, or none.
func (t *tx) changeMember(id team.ID, user team.UserID, was, role team.Role) error {
	if err := t.MustChange(team.ErrNoMember, `UPDATE gh_memberships SET role = $3 WHERE team_id = $1 AND user_id = $2`, id, user, cmp.Or(role, was)); err != nil {
		return err
	}
	if role == "" {
		return t.endMembership(id, user)
	}
	if err := t.happened(audit.Event{Kind: audit.MemberRoleChanged, Team: string(id), User: string(user), Detail: fmt.Sprintf("%s, before: %s", role, was)}); err != nil {
		return err
	}
	return t.writeOutcomes(outcomesOf{team: id, user: user}, t.db.now(), &govern.Effect{})
}

// standing is how people stand in a team whose row is locked.
func (t *tx) standing(id team.ID, people []team.UserID) (team.Standing, error) {
	now := team.Standing{Roles: map[team.UserID]team.Role{}}
	for _, user := range people {
		var role team.Role
		var disabled time.Time
		err := t.Get([]any{&role, engine.TimeTo(&disabled)}, `
			SELECT m.role, u.disabled_at FROM gh_memberships m JOIN gh_users u ON u.id = m.user_id WHERE m.team_id = $1 AND m.user_id = $2`, id, user)
		switch {
		case isNoRows(err):
			continue
		case err != nil:
			return team.Standing{}, err
		}
		now.Roles[user] = role
		if !disabled.IsZero() {
			now.CannotSignIn = append(now.CannotSignIn, user)
		}
	}
	// One after the other: a unit of work reads one row at a time. There are few people, so there are few rounds.
	for last := team.UserID(""); len(now.Admins) <= len(people); {
		err := t.Get([]any{&last}, `
			SELECT m.user_id FROM gh_memberships m JOIN gh_users u ON u.id = m.user_id
			WHERE m.team_id = $1 AND m.role = 'admin' AND u.disabled_at = 0 AND m.user_id > $2 ORDER BY m.user_id LIMIT 1`, id, last)
		if isNoRows(err) {
			break
		}
		if err != nil {
			return team.Standing{}, err
		}
		now.Admins = append(now.Admins, last)
	}
	return now, nil
}

// Members is who belongs to a team, by e-mail.
func (db *DB) Members(ctx context.Context, id team.ID) ([]team.Person, error) {
	scan := func(r engine.Row) (p team.Person, err error) {
		err = r.Scan(append(userInto(&p.User), &p.Role, engine.TimeTo(&p.CreatedAt))...)
		return p, err
	}
	people, err := engine.All(ctx, db.engine, "Members", scan, `
		SELECT u.id, u.email, u.name, u.operator, u.email_verified, u.created_at, u.disabled_at, m.role, m.created_at
		FROM gh_memberships m
		JOIN gh_users u ON u.id = m.user_id
		WHERE m.team_id = $1`, id)
	slices.SortFunc(people, func(a, b team.Person) int { return cmp.Compare(a.User.Email, b.User.Email) })
	return people, err
}

// Memberships is the teams that a person belongs to, by the team's name.
func (db *DB) Memberships(ctx context.Context, user team.UserID) ([]team.Membership, error) {
	scan := func(r engine.Row) (m team.Membership, err error) {
		err = r.Scan(append(teamInto(&m.Team), &m.User, &m.Role, engine.TimeTo(&m.CreatedAt))...)
		return m, err
	}
	places, err := engine.All(ctx, db.engine, "Memberships", scan, `
		SELECT t.id, t.slug, t.name, t.created_at, m.user_id, m.role, m.created_at
		FROM gh_memberships m
		JOIN gh_teams t ON t.id = m.team_id
		WHERE m.user_id = $1`, user)
	slices.SortFunc(places, func(a, b team.Membership) int {
		return byName(a.Team.Name, string(a.Team.ID), b.Team.Name, string(b.Team.ID))
	})
	return places, err
}
