package oauth

// This file is a contract while the second half is being built: each declaration moves to the file of its noun.

// Identity scopes (OpenID Connect Core §5.4, §11). They are granted only when asked for by name.
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopeOfflineAccess = "offline_access"
)

// More grant types.
const (
	GrantRefreshToken      GrantType = "refresh_token"      // RFC 6749 §6
	GrantClientCredentials GrantType = "client_credentials" // RFC 6749 §4.4
)

// AuthPrivateKeyJWT is authentication by a signed assertion (OpenID Connect Core §9, RFC 7523 §2.2).
const AuthPrivateKeyJWT AuthMethod = "private_key_jwt"

// ResponseMode is how the authorization response reaches the client.
type ResponseMode string

// The response modes.
const (
	ModeQuery    ResponseMode = "query"     // OAuth 2.0 Multiple Response Type Encoding Practices §2.1
	ModeFormPost ResponseMode = "form_post" // OAuth 2.0 Form Post Response Mode §2
)

// RefreshExchange is the parameters of the refresh grant (RFC 6749 §6). It prints as [secret].
type RefreshExchange struct {
	RefreshToken string
	Scope        Scope    // narrower than granted, for this access token only; empty when omitted
	Resource     []string // RFC 8707 §2.2; empty when omitted
}

// RefreshExchange parses what the refresh grant needs.
func (r TokenRequest) RefreshExchange() (RefreshExchange, error) { panic("contract") }

// ClientCredentials is the parameters of the client credentials grant (RFC 6749 §4.4.2).
type ClientCredentials struct {
	Scope    Scope
	Resource []string
}

// ClientCredentials parses what the client credentials grant needs.
func (r TokenRequest) ClientCredentials() (ClientCredentials, error) { panic("contract") }

// TokenParameter is a request to the revocation or introspection endpoint (RFC 7009 §2.1, RFC 7662 §2.1): the token and who asks. token_type_hint is
// accepted and not needed. It prints as [secret].
type TokenParameter struct {
	Token  string
	Client ClientAuthentication
}

// ParseTokenParameter reads token and the client's authentication; invalid_request when token is missing.
func ParseTokenParameter(authorization string, p Params) (TokenParameter, error) { panic("contract") }

// PushedRequest is a request to the pushed authorization request endpoint (RFC 9126 §2.1): the client's authentication, and the authorization request's parameters without it.
// invalid_request when it contains request_uri.
type PushedRequest struct {
	Client ClientAuthentication
	Params Params
}

// ParsePushedRequest reads a pushed authorization request.
func ParsePushedRequest(authorization string, p Params) (PushedRequest, error) { panic("contract") }

// PushedResponse is the answer to a pushed authorization request (RFC 9126 §2.2).
type PushedResponse struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}

// Introspection is the answer of the introspection endpoint (RFC 7662 §2.2). The zero value is exactly {"active":false}.
type Introspection struct {
	Active       bool          `json:"active"`
	Scope        string        `json:"scope,omitempty"`
	ClientID     string        `json:"client_id,omitempty"`
	Username     string        `json:"username,omitempty"` // the e-mail; absent for machine tokens
	Subject      string        `json:"sub,omitempty"`
	Team         string        `json:"team,omitempty"`
	TeamID       string        `json:"team_id,omitempty"`
	TokenType    string        `json:"token_type,omitempty"` // Bearer or DPoP; refresh_token for a refresh token
	Expires      int64         `json:"exp,omitempty"`
	IssuedAt     int64         `json:"iat,omitempty"`
	Issuer       string        `json:"iss,omitempty"`
	Audience     any           `json:"aud,omitempty"` // a string or a list of them
	ID           string        `json:"jti,omitempty"`
	AuthTime     int64         `json:"auth_time,omitempty"`
	ACR          string        `json:"acr,omitempty"`
	Confirmation *Confirmation `json:"cnf,omitempty"`
}

// Confirmation binds a token to a key (RFC 7800 §3.1, RFC 9449 §6.1).
type Confirmation struct {
	Thumbprint string `json:"jkt"` // SHA-256 JWK thumbprint (RFC 7638), base64url
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
