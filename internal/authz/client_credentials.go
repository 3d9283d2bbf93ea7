package authz

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// exchangeClientCredentials is a token by which a machine client acts for itself, in its own team (RFC 6749 §4.4). There is no refresh token: the client can always ask again.
//
// The team is alive because the client is: removing a team removes its clients. No row is kept of the token. The audit event is the one thing written, before the
// answer, so that no machine token is in use that the team's admins cannot see; it joins whatever commit is being gathered. The client was alive when it
// authenticated, but what counts is that moment of writing.
func (s *Server) exchangeClientCredentials(ctx context.Context, client client.Client, r oauth.TokenRequest) (oauth.TokenResponse, error) {
	x, err := r.ClientCredentials()
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	scope, err := client.ResolveScope(s.opts.Catalogue, x.Scope)
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	resources, err := asRegistered(x.Resource, s.resources(client))
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	now := s.rightTime()
	err = s.machines.IssueMachine(ctx, client.ID, now, scope)
	if errors.Is(err, ErrNotLive) {
		return oauth.TokenResponse{}, oauth.UnauthorizedClient.Because(err, "its team does not allow this client, or not with this scope; ask an admin of the team to allow it")
	}
	if err != nil {
		return oauth.TokenResponse{}, fmt.Errorf("record the issue of a token to client %s: %w", client.ID, err)
	}
	return s.signAccessToken(token.AccessClaims{
		// RFC 9068 §2.2: without a person, the client is the subject. Ids of clients and of people are never the same.
		Subject:  string(client.ID),
		Audience: s.audiences(resources),
		ClientID: string(client.ID),
		Scope:    scope.String(),
		ID:       token.NewMachineTokenID(),
		Team:     client.Team.Slug,
		TeamID:   string(client.Team.ID),
	}, r.DPoPKey, now, now.Add(s.opts.AccessTokenLifetime))
}
