package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// errBadRefreshToken is the one answer for a refresh token that is unknown, foreign, expired or used. The cause is for the log.
func errBadRefreshToken(cause error) error {
	return oauth.InvalidGrant.Because(cause, "the refresh token is unknown, has expired, was used before, is another client's or bound to another key, "+
		"or the access it stands for has ended; send the person to the authorization endpoint again")
}

// exchangeRefresh uses a refresh token (RFC 6749 §6): one compare-and-swap decides, then the tokens are signed. A client that asks again with the same token within the
// grace gets the same successor, so an answer that was lost can be had again, as often as needed, and nothing is written for it.
func (s *Server) exchangeRefresh(ctx context.Context, client client.Client, r oauth.TokenRequest) (oauth.TokenResponse, error) {
	x, err := r.RefreshExchange()
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	presented, err := s.keys.OpenRefreshToken(x.RefreshToken)
	if errors.Is(err, token.ErrWrongClock) {
		return oauth.TokenResponse{}, err
	}
	if err != nil {
		return oauth.TokenResponse{}, errBadRefreshToken(err)
	}
	// As the store keeps times, and right: other servers measure the grace from it, and APIs believe the token until its time is over.
	now := s.rightTime().Truncate(time.Millisecond)
	rule := s.opts.Refresh
	if client.RefreshGrace > 0 {
		rule.Grace = min(rule.Grace, client.RefreshGrace)
	}
	rotation := Rotation{
		Family: FamilyID(presented.Family), Client: client.ID, DPoPKey: familyKey(client, r.DPoPKey), Generation: presented.Generation, Keep: keepsToken(client, r.DPoPKey),
		At: now, TokenDeadAt: now.Add(s.opts.AccessTokenLifetime + token.ClockLeeway + rule.Grace), Rule: rule,
	}
	if err := s.checkNarrowing(ctx, client, rotation, x); err != nil {
		return oauth.TokenResponse{}, err
	}
	rotated, err := s.families.Rotate(ctx, rotation)
	switch {
	case errors.Is(err, ErrReused): // the store has recorded it, with the end of the family
		return oauth.TokenResponse{}, errBadRefreshToken(err)
	case errors.Is(err, ErrNoFamily), errors.Is(err, ErrNotLive):
		event := audit.Event{Kind: audit.RefreshRefused, Client: string(client.ID), Family: presented.Family}
		return oauth.TokenResponse{}, s.refusals.Refused(ctx, event, errBadRefreshToken(err), err)
	case err != nil:
		return oauth.TokenResponse{}, fmt.Errorf("rotate the refresh token of %s: %w", presented.Family, err)
	}
	scope, aud, err := s.narrowed(client, rotated.Family, x)
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	// No nonce: OpenID Connect Core §12.2 says that an ID token issued at refresh should have none.
	return s.respond(tokenSet{
		client: client, family: rotated.Family, subject: rotated.Subject, scope: scope, aud: aud, dpopKey: r.DPoPKey,
		refresh: token.RefreshToken{Family: presented.Family, Generation: rotated.Family.Generation, Key: presented.Key},
	}, now)
}

// familyKey is what a family's refresh tokens are bound to: the key of a public client, which has nothing else to prove itself with (RFC 9449 §5).
// A confidential client authenticates at each refresh, and may change its key.
func familyKey(client client.Client, dpopKey string) string {
	if !client.Public {
		return ""
	}
	return dpopKey
}

// keepsToken reports whether the client's refresh token is not replaced when it is used, because holding it is not enough to use it (RFC 9700 §4.14.2, FAPI 2.0 Security
// Profile §5.3.2.1): it is bound to a key, or the client authenticates by one. A secret is not such a key: it can be copied with the token.
func keepsToken(client client.Client, dpopKey string) bool {
	return familyKey(client, dpopKey) != "" || client.Method() == oauth.AuthPrivateKeyJWT
}

// checkNarrowing refuses a scope or resource that was never granted, before the refresh token is used up. It costs a lookup, so it looks only when something was asked for.
func (s *Server) checkNarrowing(ctx context.Context, client client.Client, r Rotation, x oauth.RefreshExchange) error {
	if len(x.Scope) == 0 && len(x.Resource) == 0 {
		return nil
	}
	connection, err := s.families.Connection(ctx, r.Family, r.At)
	if errors.Is(err, ErrNoFamily) {
		return nil // Rotate says the same, and says why
	}
	if err != nil {
		return fmt.Errorf("load the connection of %s: %w", r.Family, err)
	}
	f := connection.Family
	usable := r.Generation == f.Generation || r.Rule.Reuse(f, r.Generation, r.At) != Replay
	if f.Client != client.ID || !usable {
		return nil // a foreign or replayed token is Rotate's to judge, whatever it was sent with
	}
	_, _, err = s.narrowed(client, f, x)
	return err
}

// narrowed is the scope and the audience of one access token of a family: what was asked for or, when nothing was, all that was granted and that the client is still allowed.
func (s *Server) narrowed(client client.Client, f Family, x oauth.RefreshExchange) (oauth.Scope, []string, error) {
	scope := client.Permitted(s.opts.Catalogue, f.Scope)
	if len(scope) == 0 {
		return nil, nil, errBadRefreshToken(errors.New("the client is no longer allowed any of the scope that was granted"))
	}
	if beyond := x.Scope.Minus(scope); len(beyond) > 0 {
		return nil, nil, oauth.InvalidScope.Errorf("the scope '%s' was not granted; a refresh may ask for less than was granted, never for more", beyond[0])
	}
	if len(x.Scope) > 0 {
		scope = x.Scope
	}
	var audiences []string
	for _, resource := range s.audiences(f.Resource) {
		if registered := oauth.FindResource(resource, s.resources(client)); registered != "" {
			audiences = append(audiences, registered)
		}
	}
	if len(audiences) == 0 {
		return nil, nil, errBadRefreshToken(errors.New("the client is no longer allowed any of the audiences that were authorized"))
	}
	aud, err := narrow(audiences, x.Resource)
	return scope, aud, err
}
