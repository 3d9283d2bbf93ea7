package authz

import (
	"context"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// This file is a contract while the second half is being built: each declaration moves to the file of its noun.

// Push checks a pushed authorization request as Begin would, after authenticating the client, and answers with a request_uri: a sealed value, so nothing is stored (RFC 9126 §2).
func (s *Server) Push(ctx context.Context, r oauth.PushedRequest) (oauth.PushedResponse, error) {
	panic("contract")
}

// Revoke ends the family of a client's own refresh or access token, or its machine token (RFC 7009). Unknown and foreign tokens are no error.
func (s *Server) Revoke(ctx context.Context, r oauth.TokenParameter) error { panic("contract") }

// Introspect says what a live token is for to the client that owns it or a resource server of its audience (RFC 7662). Anything else is the zero Introspection.
func (s *Server) Introspect(ctx context.Context, r oauth.TokenParameter) (oauth.Introspection, error) {
	panic("contract")
}

// UserInfo is the claims about the person of an access token (OpenID Connect Core §5.3.2).
type UserInfo struct {
	Subject       string `json:"sub"`
	Team          string `json:"team"`
	TeamID        string `json:"team_id"`
	Name          string `json:"name,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
}

// UserInfo answers for a live access token with openid. invalid_token, or insufficient_scope. dpopKey is the thumbprint of the verified proof's key, "" without one; a bound token needs its own.
func (s *Server) UserInfo(ctx context.Context, accessToken, dpopKey string) (UserInfo, error) {
	panic("contract")
}

// EndedList is the signed list of what has ended and might still be believed, for resource servers that poll it, with its ETag: docs/adr/0002. Made at most once a second.
func (s *Server) EndedList(ctx context.Context) (jwt []byte, etag string, err error) {
	panic("contract")
}

// SignOutRequest is an RP-initiated logout request (OpenID Connect RP-Initiated Logout 1.0 §2), checked.
type SignOutRequest struct {
	Client      Client // zero when the request does not say whose it is
	RedirectURI string // where to go afterwards, with state; "" to stay
	Sure        bool   // an id_token_hint of this session's person was given: no question needed
}

// BeginSignOut checks a logout request: id_token_hint, client_id, post_logout_redirect_uri, state. Anything wrong is a *PageError.
func (s *Server) BeginSignOut(ctx context.Context, p oauth.Params, session *authn.Session) (SignOutRequest, error) {
	panic("contract")
}

// OpenIDConfiguration is the OpenID Provider's metadata (OpenID Connect Discovery §3): Metadata and what is particular to OpenID Connect.
func (s *Server) OpenIDConfiguration() oauth.OpenIDConfiguration { panic("contract") }

// LogoutToken is the signed logout token for a back-channel logout notice (OpenID Connect Back-Channel Logout 1.0 §2.4).
func (s *Server) LogoutToken(ctx context.Context, n Notice) (token string, to *url.URL, err error) {
	panic("contract")
}
