package authz

import "github.com/gatehouse-auth/gatehouse/internal/oauth"

// Metadata is what the server accepts (RFC 8414).
func (s *Server) Metadata() oauth.Metadata {
	return oauth.Metadata{
		Issuer:                            s.opts.Issuer,
		AuthorizationEndpoint:             s.opts.Issuer + "/o/authorize/",
		TokenEndpoint:                     s.opts.Issuer + "/o/token/",
		JWKSURI:                           s.opts.Issuer + "/.well-known/jwks.json",
		ScopesSupported:                   s.opts.Catalogue.Scope(),
		ResponseTypesSupported:            []string{"code"},
		ResponseModesSupported:            []string{"query"},
		GrantTypesSupported:               []oauth.GrantType{oauth.GrantAuthorizationCode},
		TokenEndpointAuthMethodsSupported: []oauth.AuthMethod{oauth.AuthBasic, oauth.AuthPost, oauth.AuthNone},
		CodeChallengeMethodsSupported:     []string{"S256"},
		AuthorizationResponseIssParameterSupported: true,
		ServiceDocumentation:                       s.opts.Issuer + "/docs/guide/",
	}
}
