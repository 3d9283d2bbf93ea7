package oauth

import (
	"log/slog"
	"slices"
)

// GrantType is a grant_type of the token endpoint.
type GrantType string

// The grant types that exist here.
const (
	GrantAuthorizationCode GrantType = "authorization_code" // RFC 6749 §4.1.3
	GrantRefreshToken      GrantType = "refresh_token"      // RFC 6749 §6
	GrantClientCredentials GrantType = "client_credentials" // RFC 6749 §4.4
)

// grantTypes is every grant type that exists here.
var grantTypes = []GrantType{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials}

// GrantTypes is every grant type that exists here, for the metadata.
func GrantTypes() []GrantType { return slices.Clone(grantTypes) }

// TokenRequest is a request to the token endpoint of a known grant type, with the client's authentication. It prints without
// secrets.
type TokenRequest struct {
	GrantType GrantType
	Client    ClientAuthentication
	// DPoPKey is the thumbprint (RFC 7638) of the key of the request's DPoP proof, which the caller has verified; "" without a
	// proof (RFC 9449 §5).
	DPoPKey string
	params  Params
}

// ParseTokenRequest reads grant_type and the client's authentication; authorization is the Authorization header, or "". It
// returns invalid_request or unsupported_grant_type before anything is looked up. With an error about the client's
// authentication, Client.Method is the way that was tried.
//
// Not supported: the password grant (RFC 9700 §2.4).
func ParseTokenRequest(authorization string, p Params) (TokenRequest, error) {
	text, err := p.Optional("grant_type")
	if err != nil {
		return TokenRequest{}, err
	}
	switch grantType := GrantType(text); {
	case text == "":
		return TokenRequest{}, InvalidRequest.Errorf("grant_type is missing; send one of %s as a form parameter in the body", grantTypes)
	case !slices.Contains(grantTypes, grantType):
		return TokenRequest{}, UnsupportedGrantType.Errorf("grant_type must be one of %s, not %.100q", grantTypes, text)
	default:
		client, err := parseClientAuthentication(authorization, p)
		return TokenRequest{GrantType: grantType, Client: client, params: p}, err
	}
}

// String hides the secret and the parameters.
func (r TokenRequest) String() string { return string(r.GrantType) + " for " + r.Client.String() }

// GoString hides them from %#v.
func (r TokenRequest) GoString() string { return r.String() }

// LogValue hides them from slog.
func (r TokenRequest) LogValue() slog.Value { return slog.StringValue(r.String()) }

// CodeExchange is the parameters of the authorization code grant (RFC 6749 §4.1.3, RFC 7636 §4.5). It prints as [secret].
type CodeExchange struct {
	Code         string
	RedirectURI  string
	CodeVerifier string   // "" when omitted
	Resource     []string // the authorized ones that this access token is for (RFC 8707 §2.2); empty when omitted
}

// CodeExchange reads the parameters of the authorization code grant. invalid_request names a missing or malformed one.
func (r TokenRequest) CodeExchange() (CodeExchange, error) {
	code, err := r.params.Required("code")
	if err != nil {
		return CodeExchange{}, err
	}
	redirectURI, err := r.params.Required("redirect_uri")
	if err != nil {
		return CodeExchange{}, err
	}
	// Whether there has to be a verifier depends on the code.
	verifier, err := r.params.Optional("code_verifier")
	if err == nil && verifier != "" {
		verifier, err = parseCodeVerifier(verifier)
	}
	if err != nil {
		return CodeExchange{}, err
	}
	resource, err := parseResource(r.params)
	if err != nil {
		return CodeExchange{}, err
	}
	return CodeExchange{Code: code, RedirectURI: redirectURI, CodeVerifier: verifier, Resource: resource}, nil
}

// String hides the code and the verifier.
func (CodeExchange) String() string { return "[secret]" }

// GoString hides them from %#v.
func (CodeExchange) GoString() string { return "[secret]" }

// LogValue hides them from slog.
func (CodeExchange) LogValue() slog.Value { return slog.StringValue("[secret]") }

// RefreshExchange is the parameters of the refresh grant (RFC 6749 §6). It prints as [secret].
type RefreshExchange struct {
	RefreshToken string
	Scope        Scope    // narrower than granted, for this access token only; empty when omitted
	Resource     []string // RFC 8707 §2.2; empty when omitted
}

// RefreshExchange reads the parameters of the refresh grant. The error names a missing or malformed one.
func (r TokenRequest) RefreshExchange() (RefreshExchange, error) {
	token, err := r.params.Required("refresh_token")
	if err != nil {
		return RefreshExchange{}, err
	}
	scope, resource, err := r.narrowing()
	if err != nil {
		return RefreshExchange{}, err
	}
	return RefreshExchange{RefreshToken: token, Scope: scope, Resource: resource}, nil
}

// String hides the refresh token.
func (RefreshExchange) String() string { return "[secret]" }

// GoString hides it from %#v.
func (RefreshExchange) GoString() string { return "[secret]" }

// LogValue hides it from slog.
func (RefreshExchange) LogValue() slog.Value { return slog.StringValue("[secret]") }

// ClientCredentials is the parameters of the client credentials grant (RFC 6749 §4.4.2).
type ClientCredentials struct {
	Scope    Scope    // as asked; empty when omitted
	Resource []string // RFC 8707 §2.2; empty when omitted
}

// ClientCredentials reads the parameters of the client credentials grant. The error names a malformed one.
func (r TokenRequest) ClientCredentials() (ClientCredentials, error) {
	scope, resource, err := r.narrowing()
	return ClientCredentials{Scope: scope, Resource: resource}, err
}

// narrowing is the scope and the resources that an access token may be limited to.
func (r TokenRequest) narrowing() (Scope, []string, error) {
	scope, err := scopeParam(r.params)
	if err != nil {
		return nil, nil, err
	}
	resource, err := parseResource(r.params)
	if err != nil {
		return nil, nil, err
	}
	return scope, resource, nil
}

// TokenResponse is a successful answer of the token endpoint (RFC 6749 §5.1), with the team's slug. It prints without the token.
type TokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"` // "Bearer" or "DPoP"
	ExpiresIn    int64  `json:"expires_in"` // seconds
	Scope        string `json:"scope"`
	Team         string `json:"team"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
}

// String hides the token.
func (r TokenResponse) String() string {
	return r.TokenType + " token for " + r.Scope + " in " + r.Team
}

// GoString hides the token from %#v.
func (r TokenResponse) GoString() string { return r.String() }

// LogValue hides the token from slog.
func (r TokenResponse) LogValue() slog.Value { return slog.StringValue(r.String()) }
