package team

import (
	"context"
	"fmt"
)

// RequireSecondFactor says whether members need a second factor to choose the team for an application. Connections that exist go on. It returns how many
// members have none. ErrNoTeam.
func (s *Service) RequireSecondFactor(ctx context.Context, actor Actor, slug string, required bool) (SecondFactor, error) {
	t, err := s.team(ctx, actor, ManageMembers, slug)
	if err != nil {
		return SecondFactor{}, err
	}
	if err := s.Teams.RequireSecondFactor(ctx, t.ID, required); err != nil {
		return SecondFactor{}, fmt.Errorf("require a second factor in team %s: %w", slug, err)
	}
	return s.SecondFactor(ctx, actor, slug)
}

// SecondFactor is whether a team requires a second factor, and how many members have none. ErrNoTeam.
func (s *Service) SecondFactor(ctx context.Context, actor Actor, slug string) (SecondFactor, error) {
	t, err := s.team(ctx, actor, ManageMembers, slug)
	if err != nil {
		return SecondFactor{}, err
	}
	found, err := s.Teams.SecondFactor(ctx, t.ID)
	if err != nil {
		return SecondFactor{}, fmt.Errorf("count the second factors in team %s: %w", slug, err)
	}
	return found, nil
}
