package authz

import (
	"cmp"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// signIDToken signs the ID token that goes with an access token (OpenID Connect Core §2, §3.1.3.6).
func (s *Server) signIDToken(set tokenSet, accessToken string, now time.Time) (string, error) {
	info := userInfo(set.subject, set.scope)
	signed, err := s.keys.SignIDToken(token.IDClaims{
		Issuer:          s.opts.Issuer,
		Subject:         info.Subject,
		Audience:        string(set.client.ID),
		IssuedAt:        now.Unix(),
		Expires:         now.Add(s.opts.AccessTokenLifetime).Unix(),
		AuthTime:        set.family.AuthTime.Unix(),
		Nonce:           set.nonce,
		ACR:             authn.LevelOf(set.family.Methods).ACR(),
		AMR:             set.family.Methods,
		AccessTokenHash: token.HalfHash(accessToken),
		SessionID:       set.family.SessionID,
		Team:            info.Team,
		TeamID:          info.TeamID,
		Name:            info.Name,
		Email:           info.Email,
		EmailVerified:   info.EmailVerified,
	}, s.idTokenAlgorithm(set.client))
	if err != nil {
		return "", fmt.Errorf("sign the ID token of %s: %w", set.family.ID, err)
	}
	return signed, nil
}

// idTokenAlgorithm is the algorithm of what this server signs for the client itself: ID tokens and logout tokens.
func (s *Server) idTokenAlgorithm(c client.Client) string {
	return cmp.Or(c.IDTokenAlgorithm, s.opts.IDTokenAlgorithm)
}

// userInfo is the claims about a person that a scope lets out (OpenID Connect Core §5.4).
func userInfo(subject Subject, scope oauth.Scope) UserInfo {
	info := UserInfo{Subject: string(subject.User), Team: subject.Slug, TeamID: string(subject.Team)}
	if scope.Contains(oauth.ScopeProfile) {
		info.Name = subject.Name
	}
	if scope.Contains(oauth.ScopeEmail) {
		info.Email, info.EmailVerified = subject.Email, &subject.EmailVerified
	}
	return info
}
