package team

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Provider is another OpenID Connect provider of the configuration, at which people can sign in.
type Provider struct{ ID, Issuer, Name string }

// RequiredProvider is the provider at which members have to sign in to choose the team for an application.
type RequiredProvider struct {
	Provider    string // its id; "" for none
	Members     int
	Without     int // members who have linked no account there
	Connections int // that exist, and go on
}

// ErrNoProvider means that no such provider is configured.
var ErrNoProvider = errors.New("no such provider is configured")

// RequireProvider says at which provider members have to sign in to choose the team for an application; "" for none. Connections that exist go on.
// ErrNoTeam, ErrNoProvider.
func (s *Service) RequireProvider(ctx context.Context, actor Actor, slug, provider string) (RequiredProvider, error) {
	t, err := s.team(ctx, actor, ManageMembers, slug)
	if err != nil {
		return RequiredProvider{}, err
	}
	if _, err := s.provider(provider); provider != "" && err != nil {
		return RequiredProvider{}, err
	}
	if err := s.Teams.RequireProvider(ctx, t.ID, provider); err != nil {
		return RequiredProvider{}, fmt.Errorf("require provider %q in team %s: %w", provider, slug, err)
	}
	return s.RequiredProvider(ctx, actor, slug)
}

// RequiredProvider is the provider that a team requires, and what that means. ErrNoTeam.
func (s *Service) RequiredProvider(ctx context.Context, actor Actor, slug string) (RequiredProvider, error) {
	t, err := s.team(ctx, actor, ManageMembers, slug)
	if err != nil {
		return RequiredProvider{}, err
	}
	now, err := s.Teams.TeamProvider(ctx, t.ID)
	if err != nil {
		return RequiredProvider{}, fmt.Errorf("load the provider of team %s: %w", slug, err)
	}
	return s.countProvider(ctx, t, now)
}

// IfRequired is what it would mean for a team to require a provider. ErrNoTeam, ErrNoProvider.
func (s *Service) IfRequired(ctx context.Context, actor Actor, slug, provider string) (RequiredProvider, error) {
	t, err := s.team(ctx, actor, ManageMembers, slug)
	if err != nil {
		return RequiredProvider{}, err
	}
	if _, err := s.provider(provider); provider != "" && err != nil {
		return RequiredProvider{}, err
	}
	return s.countProvider(ctx, t, provider)
}

// countProvider counts for a provider; one that is not configured any more has no accounts that could be used.
func (s *Service) countProvider(ctx context.Context, t Team, provider string) (RequiredProvider, error) {
	p, _ := s.provider(provider)
	required, err := s.Teams.CountProvider(ctx, t.ID, p.Issuer)
	if err != nil {
		return RequiredProvider{}, fmt.Errorf("count the identities in team %s: %w", t.Slug, err)
	}
	required.Provider = provider
	return required, nil
}

func (s *Service) provider(id string) (Provider, error) {
	i := slices.IndexFunc(s.Providers, func(p Provider) bool { return p.ID == id })
	if i < 0 {
		return Provider{}, fmt.Errorf("provider %q: %w", id, ErrNoProvider)
	}
	return s.Providers[i], nil
}

// WithoutProvider is the teams that require a provider which is not configured any more, by its id: no application can be connected to them. For the
// operator.
func (s *Service) WithoutProvider(ctx context.Context, actor Actor) (map[string][]Team, error) {
	if err := May(actor, OperateServer, On{}); err != nil {
		return nil, err
	}
	teams, err := s.Teams.TeamsByProvider(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the teams that require a provider: %w", err)
	}
	for _, p := range s.Providers {
		delete(teams, p.ID)
	}
	return teams, nil
}
