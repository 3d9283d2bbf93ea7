package authz

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// exchangeClientCredentials is a token by which a machine client acts for itself, in its own team (RFC 6749 §4.4). There is no refresh token: the client can always ask again.
//
// The team is alive because the client is: removing a team removes its clients. No row is kept of the token. The audit event is the one thing written, before the
// answer, so that no machine token is in use that the team's admins cannot see; it joins whatever commit is being gathered.
func (s *Server) exchangeClientCredentials(ctx context.Context, client Client, r oauth.TokenRequest) (oauth.TokenResponse, error) {
	x, err := r.ClientCredentials()
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	scope, err := s.opts.Catalogue.resolve(client, x.Scope)
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	if err := within(x.Resource, s.resources(client)); err != nil {
		return oauth.TokenResponse{}, err
	}
	now := s.now()
	if err := s.unblocked(ctx, client); err != nil {
		return oauth.TokenResponse{}, err
	}
	response, err := s.signAccessToken(token.AccessClaims{
		// RFC 9068 §2.2: without a person, the client is the subject. Ids of clients and of people are never the same.
		Subject:  string(client.ID),
		Audience: s.audiences(x.Resource),
		ClientID: string(client.ID),
		Scope:    scope.String(),
		ID:       machinePrefix + token.NewID(),
		Team:     client.Team.Slug,
		TeamID:   string(client.Team.ID),
	}, r.DPoPKey, now, now.Add(s.opts.AccessTokenLifetime))
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	event := audit.Event{Kind: audit.MachineToken, Client: string(client.ID), Team: string(client.Team.ID), Detail: response.Scope}
	if err := s.record(ctx, event); err != nil {
		return oauth.TokenResponse{}, err
	}
	return response, nil
}

// unblocked refuses a machine client that an admin of its team has blocked. It could authenticate, for that is the operator's to end; and no grant of it is there to have been ended.
func (s *Server) unblocked(ctx context.Context, client Client) error {
	blocks, err := s.store.Blocks(ctx, client.Team.ID)
	if err != nil {
		return fmt.Errorf("load the blocks of team %s: %w", client.Team.ID, err)
	}
	if slices.ContainsFunc(blocks, func(b Block) bool { return b.Client == client.ID }) {
		return oauth.UnauthorizedClient.Errorf("an admin of its team has blocked this client; ask them to allow it again")
	}
	return nil
}
