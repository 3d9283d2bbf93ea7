package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// typeRefreshToken is the token_type of a refresh token; RFC 7662 §2.2 leaves it open.
const typeRefreshToken = "refresh_token"

// Introspect says what a live token is for to the client that owns it or a resource server of its audience (RFC 7662). Anything else is the zero Introspection.
// Whether the token lives is one lookup, and only when the caller may know; nothing is written.
func (s *Server) Introspect(ctx context.Context, r oauth.TokenParameter) (oauth.Introspection, error) {
	client, err := s.clients.Authenticate(ctx, r.Client)
	if err != nil {
		return oauth.Introspection{}, err
	}
	if client.Public {
		// RFC 7662 §2.1, §4: somebody who found a token could ask about it under a public client's name.
		return oauth.Introspection{}, oauth.InvalidClient.Errorf("a public client cannot prove who it is, so it may not introspect tokens")
	}
	refresh, err := s.keys.OpenRefreshToken(r.Token)
	if err == nil {
		return s.introspectRefreshToken(ctx, client, refresh)
	}
	if errors.Is(err, token.ErrWrongClock) {
		return oauth.Introspection{}, err
	}
	claims, err := s.keys.VerifyAccessToken(r.Token)
	wrongClock := errors.Is(err, token.ErrWrongClock)
	if err != nil && !wrongClock || !mayIntrospect(client, claims) {
		return oauth.Introspection{}, nil
	}
	if wrongClock {
		return oauth.Introspection{}, err
	}
	username, teamNow, err := s.alive(ctx, claims)
	if err != nil {
		return oauth.Introspection{}, ifDead(err)
	}
	i := oauth.Introspection{
		Active: true, Scope: claims.Scope, ClientID: claims.ClientID, Username: username, Subject: claims.Subject, Team: teamNow, TeamID: claims.TeamID,
		TokenType: typeBearer, Expires: claims.Expires, IssuedAt: claims.IssuedAt, Issuer: claims.Issuer, Audience: claims.Audience, ID: claims.ID,
		AuthTime: claims.AuthTime, ACR: claims.ACR,
	}
	if claims.Confirmation != nil {
		i.TokenType, i.Confirmation = typeDPoP, &oauth.Confirmation{Thumbprint: claims.Confirmation.Thumbprint}
	}
	return i, nil
}

// mayIntrospect reports whether a token is the client's own, or one for the API that it is.
func mayIntrospect(client client.Client, claims token.AccessClaims) bool {
	return claims.ClientID == string(client.ID) || client.ResourceServer != "" && oauth.FindResource(client.ResourceServer, claims.Audience) != ""
}

// alive is the e-mail and the team's slug of an access token whose signature and time are good, as they are now. The error is ErrNoFamily or ErrNotLive when it is dead.
func (s *Server) alive(ctx context.Context, claims token.AccessClaims) (username, slug string, err error) {
	if claims.Machine() {
		client, err := s.machineLive(ctx, claims)
		return "", client.Team.Slug, err
	}
	connection, err := s.families.Connection(ctx, FamilyID(claims.Family()), s.now())
	if err != nil {
		return "", "", fmt.Errorf("load the connection of %s: %w", FamilyID(claims.Family()), err)
	}
	if !connection.Family.Scope.CoversText(claims.Scope) {
		return "", "", fmt.Errorf("the team allows less since the token was issued: %w", ErrNotLive)
	}
	return connection.Subject.Email, connection.Subject.Slug, nil
}

func (s *Server) machineLive(ctx context.Context, claims token.AccessClaims) (client.Client, error) {
	c, err := s.machines.MachineLive(ctx, claims.ID, oauth.ClientID(claims.ClientID), time.Unix(claims.IssuedAt, 0))
	if err != nil {
		return c, fmt.Errorf("load the client of %s: %w", claims.ID, err)
	}
	return c, nil
}

// ifDead is nil for an error that says that a token is dead: that is an answer.
func ifDead(err error) error {
	if errors.Is(err, ErrNoFamily) || errors.Is(err, ErrNotLive) {
		return nil
	}
	return err
}

// introspectRefreshToken tells the owner alone: a resource server has no business with refresh tokens. A generation that was used is dead, the grace notwithstanding.
func (s *Server) introspectRefreshToken(ctx context.Context, client client.Client, refresh token.RefreshToken) (oauth.Introspection, error) {
	connection, err := s.families.Connection(ctx, FamilyID(refresh.Family), s.now())
	if err != nil {
		return oauth.Introspection{}, ifDead(err)
	}
	f := connection.Family
	if f.Client != client.ID || f.Generation != refresh.Generation {
		return oauth.Introspection{}, nil
	}
	issued := f.RotatedAt
	if issued.IsZero() {
		issued = f.CreatedAt
	}
	i := oauth.Introspection{
		Active: true, Scope: f.Scope.String(), ClientID: string(client.ID), Username: connection.Subject.Email, Subject: string(connection.Subject.User),
		Team: connection.Subject.Slug, TeamID: string(connection.Subject.Team), TokenType: typeRefreshToken, Expires: f.ExpiresAt.Unix(), IssuedAt: issued.Unix(),
		Issuer: s.opts.Issuer, Audience: token.Audience(s.audiences(f.Resource)), AuthTime: f.AuthTime.Unix(), ACR: authn.LevelOf(f.Methods).ACR(),
	}
	if f.DPoPKey != "" {
		i.Confirmation = &oauth.Confirmation{Thumbprint: f.DPoPKey}
	}
	return i, nil
}
