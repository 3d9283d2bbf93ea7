package oauth

// Metadata is the authorization server's metadata (RFC 8414 §2). It lists what the server accepts and nothing else.
type Metadata struct {
	Issuer                                     string       `json:"issuer"`
	AuthorizationEndpoint                      string       `json:"authorization_endpoint"`
	TokenEndpoint                              string       `json:"token_endpoint"`
	JWKSURI                                    string       `json:"jwks_uri"`
	ScopesSupported                            []string     `json:"scopes_supported"`
	ResponseTypesSupported                     []string     `json:"response_types_supported"`
	ResponseModesSupported                     []string     `json:"response_modes_supported"`
	GrantTypesSupported                        []GrantType  `json:"grant_types_supported"`
	TokenEndpointAuthMethodsSupported          []AuthMethod `json:"token_endpoint_auth_methods_supported"`
	CodeChallengeMethodsSupported              []string     `json:"code_challenge_methods_supported"`
	AuthorizationResponseIssParameterSupported bool         `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
	ServiceDocumentation                       string       `json:"service_documentation,omitempty"`

	RevocationEndpoint                         string       `json:"revocation_endpoint,omitempty"`
	IntrospectionEndpoint                      string       `json:"introspection_endpoint,omitempty"`
	RevocationEndpointAuthMethodsSupported     []AuthMethod `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	IntrospectionEndpointAuthMethodsSupported  []AuthMethod `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	PushedAuthorizationRequestEndpoint         string       `json:"pushed_authorization_request_endpoint,omitempty"` // RFC 9126 §5
	RequirePushedAuthorizationRequests         bool         `json:"require_pushed_authorization_requests,omitempty"`
	TokenEndpointAuthSigningAlgValuesSupported []string     `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	DPoPSigningAlgValuesSupported              []string     `json:"dpop_signing_alg_values_supported,omitempty"` // RFC 9449 §5.1
	EndedTokensURI                             string       `json:"ended_tokens_uri,omitempty"`                  // ours: the list that EndedList makes
}
