package authz

import (
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// respond signs an access token for a family, with the person and the team as they are now.
func (s *Server) respond(f Family, live Live, now time.Time) (oauth.TokenResponse, error) {
	scope := f.Scope.String()
	signed, err := s.keys.SignAccessToken(token.AccessClaims{
		Issuer:   s.opts.Issuer,
		Subject:  string(live.User.ID),
		Audience: []string{s.opts.Audience},
		ClientID: string(f.Client),
		Scope:    scope,
		IssuedAt: now.Unix(),
		Expires:  now.Add(s.opts.AccessTokenLifetime).Unix(),
		// The family's id, a dot, and something random: who has only the access token can still find what to revoke.
		ID:       string(f.ID) + "." + token.NewID(),
		AuthTime: f.AuthTime.Unix(),
		Team:     live.Team.Slug,
		TeamID:   string(live.Team.ID),
		GrantID:  string(f.Grant),
	})
	if err != nil {
		return oauth.TokenResponse{}, fmt.Errorf("sign the access token of %s: %w", f.ID, err)
	}
	return oauth.TokenResponse{
		AccessToken: signed,
		TokenType:   "Bearer",
		ExpiresIn:   int64(s.opts.AccessTokenLifetime / time.Second),
		Scope:       scope,
		Team:        live.Team.Slug,
	}, nil
}
