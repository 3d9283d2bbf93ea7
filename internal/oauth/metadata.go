package oauth

// Metadata is the authorization server's metadata (RFC 8414 §2). It lists what the server accepts and nothing else.
type Metadata struct {
	Issuer                             string `json:"issuer"`
	AuthorizationEndpoint              string `json:"authorization_endpoint"`
	TokenEndpoint                      string `json:"token_endpoint"`
	RevocationEndpoint                 string `json:"revocation_endpoint,omitempty"`
	IntrospectionEndpoint              string `json:"introspection_endpoint,omitempty"`
	PushedAuthorizationRequestEndpoint string `json:"pushed_authorization_request_endpoint,omitempty"` // RFC 9126 §5
	JWKSURI                            string `json:"jwks_uri"`
	EndedTokensURI                     string `json:"ended_tokens_uri,omitempty"` // ours: the list that EndedList makes
	ServiceDocumentation               string `json:"service_documentation,omitempty"`

	UILocalesSupported []string `json:"ui_locales_supported,omitempty"`

	ScopesSupported               []string    `json:"scopes_supported"`
	ResponseTypesSupported        []string    `json:"response_types_supported"`
	ResponseModesSupported        []string    `json:"response_modes_supported"`
	GrantTypesSupported           []GrantType `json:"grant_types_supported"`
	CodeChallengeMethodsSupported []string    `json:"code_challenge_methods_supported"`
	// AuthorizationResponseIssParameterSupported is RFC 9207 §3's.
	AuthorizationResponseIssParameterSupported bool `json:"authorization_response_iss_parameter_supported"`
	RequirePushedAuthorizationRequests         bool `json:"require_pushed_authorization_requests,omitempty"`

	TokenEndpointAuthMethodsSupported          []AuthMethod `json:"token_endpoint_auth_methods_supported"`
	TokenEndpointAuthSigningAlgValuesSupported []string     `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	RevocationEndpointAuthMethodsSupported     []AuthMethod `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	IntrospectionEndpointAuthMethodsSupported  []AuthMethod `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	// These two are required beside private_key_jwt (RFC 8414 §2).
	RevocationEndpointAuthSigningAlgValuesSupported    []string `json:"revocation_endpoint_auth_signing_alg_values_supported,omitempty"`
	IntrospectionEndpointAuthSigningAlgValuesSupported []string `json:"introspection_endpoint_auth_signing_alg_values_supported,omitempty"`
	DPoPSigningAlgValuesSupported                      []string `json:"dpop_signing_alg_values_supported,omitempty"` // RFC 9449 §5.1
}

// OpenIDConfiguration is OpenID Connect Discovery's metadata (§3): the authorization server's, and more.
type OpenIDConfiguration struct {
	Metadata
	UserInfoEndpoint                  string   `json:"userinfo_endpoint"`
	EndSessionEndpoint                string   `json:"end_session_endpoint"`
	SubjectTypesSupported             []string `json:"subject_types_supported"`
	IDTokenSigningAlgValuesSupported  []string `json:"id_token_signing_alg_values_supported"`
	ClaimsSupported                   []string `json:"claims_supported"`
	ACRValuesSupported                []string `json:"acr_values_supported,omitempty"`
	PromptValuesSupported             []string `json:"prompt_values_supported,omitempty"`
	BackchannelLogoutSupported        bool     `json:"backchannel_logout_supported"`
	BackchannelLogoutSessionSupported bool     `json:"backchannel_logout_session_supported"`
	RequestParameterSupported         bool     `json:"request_parameter_supported"`
	RequestURIParameterSupported      bool     `json:"request_uri_parameter_supported"` // defaults to true when omitted
	ClaimsParameterSupported          bool     `json:"claims_parameter_supported"`
}
