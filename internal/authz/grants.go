package authz

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Grants lists what a filter lets through, newest first. People see their own grants, the admins of a team see those in it.
func (s *Server) Grants(ctx context.Context, actor team.Actor, f GrantFilter) ([]GrantDetail, error) {
	if err := team.May(actor, team.SeeConnections, team.On{Team: f.Team, User: f.User}); err != nil {
		return nil, err
	}
	grants, err := s.grants.Grants(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	return grants, nil
}

// EndGrant ends a grant and everything issued under it, and returns what ended. A grant that is not among those of the filter, or not the
// actor's to end, is like one that does not exist: ErrNoGrant.
func (s *Server) EndGrant(ctx context.Context, actor team.Actor, among GrantFilter, id GrantID) (GrantDetail, error) {
	grant, err := s.grants.Grant(ctx, id)
	if errors.Is(err, ErrNoGrant) {
		return GrantDetail{}, ErrNoGrant // in the same words as below
	}
	if err != nil {
		return GrantDetail{}, fmt.Errorf("load grant %q: %w", id, err)
	}
	if !among.lets(grant) || team.May(actor, team.EndConnection, team.On{Team: grant.Team.ID, User: grant.User.ID}) != nil {
		return GrantDetail{}, ErrNoGrant
	}
	if err := s.grants.RevokeGrant(ctx, id); err != nil {
		return GrantDetail{}, fmt.Errorf("end grant %q: %w", id, err)
	}
	return grant, nil
}

// lets reports whether a filter lets a grant through.
func (f GrantFilter) lets(g GrantDetail) bool {
	return (f.User == "" || f.User == g.User.ID) && (f.Team == "" || f.Team == g.Team.ID) && (f.Client == "" || f.Client == g.Client.ID)
}
