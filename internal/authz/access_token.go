package authz

import (
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// tokenSet is what one answer of the token endpoint is made of.
type tokenSet struct {
	client  client.Client
	family  Family
	subject Subject
	scope   oauth.Scope // of this access token
	aud     []string
	dpopKey string // of the proof that came with the request; "" for a bearer token
	refresh token.RefreshToken
	nonce   string // for the ID token
}

// respond signs the tokens of a family, with the person and the team as they are now.
func (s *Server) respond(set tokenSet, now time.Time) (oauth.TokenResponse, error) {
	// The last access tokens of a connection end with it.
	expires := now.Add(s.opts.AccessTokenLifetime)
	if set.family.ExpiresAt.Before(expires) {
		expires = set.family.ExpiresAt
	}
	response, err := s.signAccessToken(token.AccessClaims{
		Subject:  string(set.subject.User),
		Audience: set.aud,
		ClientID: string(set.client.ID),
		Scope:    set.scope.String(),
		ID:       token.NewFamilyTokenID(string(set.family.ID)),
		AuthTime: set.family.AuthTime.Unix(),
		ACR:      authn.LevelOf(set.family.Methods).ACR(),
		Team:     set.subject.Slug,
		TeamID:   string(set.subject.Team),
		GrantID:  string(set.family.Grant),
	}, set.dpopKey, now, expires)
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	if response.RefreshToken, err = s.keys.RefreshToken(set.refresh); err != nil {
		return oauth.TokenResponse{}, fmt.Errorf("make the refresh token of %s: %w", set.family.ID, err)
	}
	if set.scope.Contains(oauth.ScopeOpenID) {
		response.IDToken, err = s.signIDToken(set, response.AccessToken, now)
	}
	return response, err
}

// signAccessToken completes the claims, signs them, and is the answer with that token alone.
func (s *Server) signAccessToken(claims token.AccessClaims, dpopKey string, now, expires time.Time) (oauth.TokenResponse, error) {
	claims.Issuer, claims.IssuedAt, claims.Expires = s.opts.Issuer, now.Unix(), expires.Unix()
	tokenType := typeBearer
	if dpopKey != "" {
		tokenType, claims.Confirmation = typeDPoP, &token.Confirmation{Thumbprint: dpopKey}
	}
	signed, err := s.keys.SignAccessToken(claims)
	if err != nil {
		return oauth.TokenResponse{}, fmt.Errorf("sign the access token %s: %w", claims.ID, err)
	}
	return oauth.TokenResponse{
		AccessToken: signed, TokenType: tokenType, ExpiresIn: int64(expires.Sub(now) / time.Second), Scope: claims.Scope, Team: claims.Team,
	}, nil
}

// The token types (RFC 6750, RFC 9449 §5).
const (
	typeBearer = "Bearer"
	typeDPoP   = "DPoP"
)
