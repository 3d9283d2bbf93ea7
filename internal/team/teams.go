package team

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// Creation says who may create teams by themselves.
type Creation string

// Who may create teams.
const (
	CreationOperators Creation = "operators"
	CreationAnyone    Creation = "anyone" // whose e-mail address is proven
)

// maxOwnTeams is how many teams a person may be in and still create another one.
const maxOwnTeams = 100

// Errors of CreateTeam. Their texts are for people.
var (
	ErrUnproven     = errors.New("the e-mail address of the account is not proven")
	ErrTooManyTeams = fmt.Errorf("in %d teams already", maxOwnTeams)
)

// MayCreateTeam reports whether the actor may create a team; ErrForbidden when not.
func (s *Service) MayCreateTeam(_ context.Context, actor Actor) error {
	if s.TeamCreation == CreationAnyone && actor.Kind == KindUser && actor.User != "" {
		return nil
	}
	return May(actor, CreateTeam, On{})
}

// CreateTeam creates a team of which the person who acts is the admin. The slug is 1 to 63 of a-z, 0-9 and single inner hyphens. The error is
// ErrSlugTaken, ErrUnproven, ErrTooManyTeams, or a sentence about what was given.
func (s *Service) CreateTeam(ctx context.Context, actor Actor, slug, name string) (Team, error) {
	if err := s.MayCreateTeam(ctx, actor); err != nil {
		return Team{}, err
	}
	if actor.Kind != KindUser {
		return Team{}, ErrForbidden // nobody would be its admin
	}
	t, err := newTeam(slug, name)
	if err != nil {
		return Team{}, err
	}
	t.CreatedAt = s.now()
	u, err := s.People.User(ctx, actor.User)
	switch {
	case err != nil:
		return Team{}, fmt.Errorf("user %s: %w", actor.User, err)
	case !u.EmailVerified && !u.Operator:
		return Team{}, ErrUnproven
	}
	if err := s.Teams.CreateTeam(ctx, t, actor.User, maxOwnTeams); err != nil {
		return Team{}, fmt.Errorf("create team %s: %w", slug, err)
	}
	return t, nil
}

// newTeam is a team with a new id, when its slug and name are right.
func newTeam(slug, name string) (Team, error) {
	if err := CheckSlug(slug); err != nil {
		return Team{}, err
	}
	name, err := parseName("name", name)
	if err != nil {
		return Team{}, err
	}
	return Team{ID: ID(rand.Text()), Slug: slug, Name: name}, nil
}

// RenameTeam gives a team another slug, name, or both; an empty one is kept. Grants live on. ErrNoTeam, ErrSlugTaken, or a sentence about what
// was given.
func (s *Service) RenameTeam(ctx context.Context, actor Actor, slug, newSlug, newName string) (Team, error) {
	t, err := s.team(ctx, actor, RenameTeam, slug)
	if err != nil {
		return Team{}, err
	}
	if newSlug != "" {
		if err := CheckSlug(newSlug); err != nil {
			return Team{}, err
		}
	}
	if newName != "" {
		if newName, err = parseName("name", newName); err != nil {
			return Team{}, err
		}
	}
	renamed, err := s.Teams.UpdateTeam(ctx, t.ID, actor.User, func(t Team, role Role) (Team, error) {
		t.Slug, t.Name = cmp.Or(newSlug, t.Slug), cmp.Or(newName, t.Name)
		return t, stillMay(actor, role, RenameTeam, On{Team: t.ID})
	})
	if err != nil {
		return Team{}, fmt.Errorf("rename team %s to %s: %w", slug, cmp.Or(newSlug, slug), err)
	}
	return renamed, nil
}

// RemoveTeam removes a team and all that belongs to it. ErrNoTeam.
func (s *Service) RemoveTeam(ctx context.Context, actor Actor, slug string) (Team, error) {
	t, err := s.team(ctx, actor, RemoveTeam, slug)
	if err != nil {
		return Team{}, err
	}
	err = s.Teams.RemoveTeam(ctx, t.ID, actor.User, func(role Role) error { return stillMay(actor, role, RemoveTeam, On{Team: t.ID}) })
	if err != nil {
		return Team{}, fmt.Errorf("remove team %s: %w", slug, err)
	}
	return t, nil
}

// team is the team of a slug, in which the actor may do something. Who may not learns nothing about which teams there are.
func (s *Service) team(ctx context.Context, actor Actor, act Act, slug string) (Team, error) {
	t, err := s.Teams.TeamBySlug(ctx, slug)
	if errors.Is(err, ErrNoTeam) && May(actor, ManageTeams, On{}) != nil {
		return Team{}, ErrForbidden
	}
	if err != nil {
		return Team{}, fmt.Errorf("team %q: %w", slug, err)
	}
	return t, May(actor, act, On{Team: t.ID, User: actor.User})
}

// stillMay asks again with the role of the actor in the team that was read under its lock.
func stillMay(actor Actor, role Role, act Act, on On) error {
	if actor.Kind == KindUser {
		actor = actor.InRole(on.Team, role)
	}
	return May(actor, act, on)
}
