package authz

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Metadata is what the server accepts (RFC 8414), and nothing else.
func (s *Server) Metadata() oauth.Metadata {
	confidential, algorithms := s.opts.Profile.AuthMethods(), s.opts.Profile.ClientAlgorithms()
	everyone := confidential
	if !s.opts.Profile.FAPI2() {
		everyone = append(slices.Clone(confidential), oauth.AuthNone)
	}
	return oauth.Metadata{
		Issuer:                             s.opts.Issuer,
		AuthorizationEndpoint:              s.opts.Issuer + oauth.PathAuthorization,
		TokenEndpoint:                      s.opts.Issuer + oauth.PathToken,
		RevocationEndpoint:                 s.opts.Issuer + oauth.PathRevocation,
		IntrospectionEndpoint:              s.opts.Issuer + oauth.PathIntrospection,
		PushedAuthorizationRequestEndpoint: s.opts.Issuer + oauth.PathPushed,
		JWKSURI:                            s.opts.Issuer + oauth.PathJWKS,
		EndedTokensURI:                     s.opts.Issuer + oauth.PathEnded,
		ServiceDocumentation:               s.opts.Issuer + "/docs/guide/",
		UILocalesSupported:                 words.Codes(),

		ScopesSupported:                            s.opts.Catalogue.Scope().Union(scope.Identity),
		ResponseTypesSupported:                     []string{"code"},
		ResponseModesSupported:                     []string{string(oauth.ModeQuery), string(oauth.ModeFormPost)},
		GrantTypesSupported:                        oauth.GrantTypes(),
		CodeChallengeMethodsSupported:              []string{oauth.MethodS256},
		AuthorizationResponseIssParameterSupported: true,
		RequirePushedAuthorizationRequests:         s.opts.Profile.FAPI2(),

		TokenEndpointAuthMethodsSupported:                  everyone,
		TokenEndpointAuthSigningAlgValuesSupported:         algorithms,
		RevocationEndpointAuthMethodsSupported:             everyone,
		IntrospectionEndpointAuthMethodsSupported:          confidential, // a client that asks about a token has to authenticate
		RevocationEndpointAuthSigningAlgValuesSupported:    algorithms,
		IntrospectionEndpointAuthSigningAlgValuesSupported: algorithms,
		DPoPSigningAlgValuesSupported:                      algorithms,
	}
}

// OpenIDConfiguration is the OpenID Provider's metadata (OpenID Connect Discovery §3): Metadata and what is particular to OpenID Connect.
func (s *Server) OpenIDConfiguration() oauth.OpenIDConfiguration {
	signing := token.IDTokenAlgorithms
	if s.opts.Profile.FAPI2() {
		signing = []string{token.ES256}
	}
	return oauth.OpenIDConfiguration{
		Metadata:                         s.Metadata(),
		UserInfoEndpoint:                 s.opts.Issuer + oauth.PathUserInfo,
		EndSessionEndpoint:               s.opts.Issuer + oauth.PathEndSession,
		SubjectTypesSupported:            []string{"public"},
		IDTokenSigningAlgValuesSupported: signing,
		ClaimsSupported: []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid", "team", "team_id", "name", "email", "email_verified",
			"team_name", "role", "picture", "locale", "zoneinfo", // of UserInfo alone
		},
		ACRValuesSupported:                s.opts.HighestLevel.ACRValues(),
		PromptValuesSupported:             []string{"none", "login", "consent", "select_account"},
		BackchannelLogoutSupported:        true,
		BackchannelLogoutSessionSupported: true,
	}
}
