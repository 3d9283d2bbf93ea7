package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Revoke ends the family of a client's own refresh or access token, or its machine token (RFC 7009). Unknown and foreign tokens are no error, and nothing happens to them.
//
// Any token of a family ends all of it, an expired one included: who revokes wants the connection to end, and has proved whose it is.
func (s *Server) Revoke(ctx context.Context, r oauth.TokenParameter) error {
	client, err := s.clients.Authenticate(ctx, r.Client)
	if err != nil {
		return err
	}
	ctx = asClient(ctx, client.ID)
	now := s.rightTime() // by a clock that is ahead, the end would come after all tokens are dead, and would not be published
	refresh, err := s.keys.OpenRefreshToken(r.Token)
	if err == nil {
		return s.endFamily(ctx, FamilyID(refresh.Family), client, now)
	}
	if errors.Is(err, token.ErrWrongClock) {
		return err
	}
	claims, err := s.keys.VerifyAccessToken(r.Token)
	expired := errors.Is(err, token.ErrExpired)
	switch {
	case err != nil && !expired && !errors.Is(err, token.ErrWrongClock), claims.ClientID != string(client.ID):
		return nil
	case !claims.Machine():
		return s.endFamily(ctx, FamilyID(claims.Family()), client, now)
	case expired:
		return nil
	}
	if err := s.machines.EndToken(ctx, claims.ID, client.ID, now, time.Unix(claims.Expires, 0).Add(token.ClockLeeway)); err != nil {
		return fmt.Errorf("end token %s: %w", claims.ID, err)
	}
	return nil
}

func (s *Server) endFamily(ctx context.Context, id FamilyID, client client.Client, now time.Time) error {
	if _, err := s.families.EndFamily(ctx, id, client.ID, now); err != nil {
		return fmt.Errorf("end family %s: %w", id, err)
	}
	return nil
}
