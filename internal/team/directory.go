package team

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// Directory is what the command line and the pages do with people and teams. It checks what they were given.
type Directory struct {
	Store Store
	Now   func() time.Time
}

// AddUser registers a person. The e-mail is trimmed and put in lower case. The error is ErrUserTaken, or a sentence about what was given.
func (d *Directory) AddUser(ctx context.Context, email, name string, operator bool) (User, error) {
	email, err := ParseEmail(email)
	if err != nil {
		return User{}, err
	}
	name, err = parseName("name", name)
	if err != nil {
		return User{}, err
	}
	u := User{ID: UserID(rand.Text()), Email: email, Name: name, Operator: operator, CreatedAt: d.now()}
	if err := d.Store.AddUser(ctx, u); err != nil {
		return User{}, fmt.Errorf("add user %s: %w", email, err)
	}
	return u, nil
}

// UserByEmail finds a person by e-mail, however it is cased. ErrNoUser.
func (d *Directory) UserByEmail(ctx context.Context, email string) (User, error) {
	email = NormalizeEmail(email)
	u, err := d.Store.UserByEmail(ctx, email)
	if err != nil {
		return User{}, fmt.Errorf("user %q: %w", email, err)
	}
	return u, nil
}

// DisableUser ends a person's sessions and grants and keeps them out until EnableUser. ErrNoUser.
func (d *Directory) DisableUser(ctx context.Context, email string) (User, error) {
	u, err := d.UserByEmail(ctx, email)
	if err != nil {
		return User{}, err
	}
	if !u.DisabledAt.IsZero() {
		return u, nil // the first time stands
	}
	u.DisabledAt = d.now()
	if err := d.Store.DisableUser(ctx, u.ID, u.DisabledAt); err != nil {
		return User{}, fmt.Errorf("disable user %s: %w", u.Email, err)
	}
	return u, nil
}

// EnableUser lets a person sign in again. What was ended stays ended. ErrNoUser.
func (d *Directory) EnableUser(ctx context.Context, email string) (User, error) {
	u, err := d.UserByEmail(ctx, email)
	if err != nil {
		return User{}, err
	}
	if err := d.Store.EnableUser(ctx, u.ID); err != nil {
		return User{}, fmt.Errorf("enable user %s: %w", u.Email, err)
	}
	u.DisabledAt = time.Time{}
	return u, nil
}

// AddTeam creates a team. The slug is 1 to 63 of a-z, 0-9 and single inner hyphens. The error is ErrSlugTaken, or a sentence about what was given.
func (d *Directory) AddTeam(ctx context.Context, slug, name string) (Team, error) {
	if err := checkSlug(slug); err != nil {
		return Team{}, err
	}
	name, err := parseName("name", name)
	if err != nil {
		return Team{}, err
	}
	t := Team{ID: ID(rand.Text()), Slug: slug, Name: name, CreatedAt: d.now()}
	if err := d.Store.AddTeam(ctx, t); err != nil {
		return Team{}, fmt.Errorf("add team %s: %w", slug, err)
	}
	return t, nil
}

// TeamBySlug finds a team. ErrNoTeam.
func (d *Directory) TeamBySlug(ctx context.Context, slug string) (Team, error) {
	t, err := d.Store.TeamBySlug(ctx, slug)
	if err != nil {
		return Team{}, fmt.Errorf("team %q: %w", slug, err)
	}
	return t, nil
}

// RenameTeam gives a team another slug, name, or both; an empty one is kept. Grants live on. ErrNoTeam, ErrSlugTaken.
func (d *Directory) RenameTeam(ctx context.Context, slug, newSlug, newName string) (Team, error) {
	t, err := d.TeamBySlug(ctx, slug)
	if err != nil {
		return Team{}, err
	}
	if newSlug != "" {
		if err := checkSlug(newSlug); err != nil {
			return Team{}, err
		}
		t.Slug = newSlug
	}
	if newName != "" {
		if t.Name, err = parseName("name", newName); err != nil {
			return Team{}, err
		}
	}
	if err := d.Store.RenameTeam(ctx, t.ID, t.Slug, t.Name); err != nil {
		return Team{}, fmt.Errorf("rename team %s to %s: %w", slug, t.Slug, err)
	}
	return t, nil
}

// RemoveTeam removes a team and all that belongs to it. ErrNoTeam.
func (d *Directory) RemoveTeam(ctx context.Context, slug string) (Team, error) {
	t, err := d.TeamBySlug(ctx, slug)
	if err != nil {
		return Team{}, err
	}
	if err := d.Store.RemoveTeam(ctx, t.ID); err != nil {
		return Team{}, fmt.Errorf("remove team %s: %w", slug, err)
	}
	return t, nil
}

// AddMember gives a person a place in a team. ErrNoTeam, ErrNoUser, ErrIsMember.
func (d *Directory) AddMember(ctx context.Context, slug, email string, role Role) (Membership, error) {
	if role != Admin && role != Member {
		return Membership{}, fmt.Errorf("the role %q does not exist: use %s or %s", role, Admin, Member)
	}
	t, u, err := d.find(ctx, slug, email)
	if err != nil {
		return Membership{}, err
	}
	m := Membership{User: u.ID, Team: t, Role: role, CreatedAt: d.now()}
	if err := d.Store.AddMember(ctx, m); err != nil {
		return Membership{}, fmt.Errorf("add %s to team %s: %w", u.Email, slug, err)
	}
	return m, nil
}

// RemoveMember ends a person's place in a team and every grant of theirs there. ErrNoTeam, ErrNoUser, ErrNoMember.
func (d *Directory) RemoveMember(ctx context.Context, slug, email string) error {
	t, u, err := d.find(ctx, slug, email)
	if err != nil {
		return err
	}
	if err := d.Store.RemoveMember(ctx, t.ID, u.ID); err != nil {
		return fmt.Errorf("remove %s from team %s: %w", u.Email, slug, err)
	}
	return nil
}

// Members lists who belongs to a team, by e-mail. ErrNoTeam.
func (d *Directory) Members(ctx context.Context, slug string) ([]Person, error) {
	t, err := d.TeamBySlug(ctx, slug)
	if err != nil {
		return nil, err
	}
	people, err := d.Store.Members(ctx, t.ID)
	if err != nil {
		return nil, fmt.Errorf("list members of team %s: %w", slug, err)
	}
	return people, nil
}

func (d *Directory) find(ctx context.Context, slug, email string) (Team, User, error) {
	t, err := d.TeamBySlug(ctx, slug)
	if err != nil {
		return Team{}, User{}, err
	}
	u, err := d.UserByEmail(ctx, email)
	return t, u, err
}

// now is the time as the store keeps it, to the millisecond, so that what is returned equals what is read back.
func (d *Directory) now() time.Time { return d.Now().UTC().Truncate(time.Millisecond) }
