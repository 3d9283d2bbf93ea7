package authz

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// Exchange answers a token request (RFC 6749 §3.2): it authenticates the client, checks the grant type and hands over to the grant. Errors are oauth errors.
// What fails for another reason (the database, a key) is a plain error.
func (s *Server) Exchange(ctx context.Context, r oauth.TokenRequest) (oauth.TokenResponse, error) {
	client, err := s.clients.Authenticate(ctx, r.Client)
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	if !client.MayUse(r.GrantType) {
		return oauth.TokenResponse{}, oauth.UnauthorizedClient.Errorf("this client may not use the grant type %s", r.GrantType)
	}
	if (client.RequireDPoP || s.opts.Profile.FAPI2()) && r.DPoPKey == "" {
		// RFC 9449 §5.2; FAPI 2.0 Security Profile §5.3.2.1: "shall only issue sender-constrained access tokens".
		return oauth.TokenResponse{}, oauth.InvalidDPoPProof.Errorf("this client's tokens are bound to a key; send a DPoP proof in the DPoP header (RFC 9449)")
	}
	ctx = asClient(ctx, client.ID)
	switch r.GrantType {
	case oauth.GrantAuthorizationCode:
		return s.exchangeCode(ctx, client, r)
	case oauth.GrantRefreshToken:
		return s.exchangeRefresh(ctx, client, r)
	case oauth.GrantClientCredentials:
		return s.exchangeClientCredentials(ctx, client, r)
	default:
		return oauth.TokenResponse{}, oauth.UnsupportedGrantType.Errorf("the grant type %s is not supported", r.GrantType)
	}
}
