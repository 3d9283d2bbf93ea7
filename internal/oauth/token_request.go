package oauth

// GrantType is a grant_type of the token endpoint.
type GrantType string

// The grant types that exist here.
const (
	GrantAuthorizationCode GrantType = "authorization_code" // RFC 6749 §4.1.3
)

// TokenRequest is a request to the token endpoint of a known grant type, with whatever the client sent to authenticate itself.
type TokenRequest struct {
	GrantType GrantType
	Client    ClientAuthentication
	params    Params
}

// ParseTokenRequest reads grant_type and the client's authentication; authorization is the Authorization header, or "".
// It is invalid_request or unsupported_grant_type before anything has been looked up.
func ParseTokenRequest(authorization string, p Params) (TokenRequest, error) { panic("contract") }

// CodeExchange is the parameters of the authorization code grant (RFC 6749 §4.1.3, RFC 7636 §4.5).
type CodeExchange struct {
	Code         string
	RedirectURI  string
	CodeVerifier string
}

// CodeExchange parses what the authorization code grant needs; invalid_request names what is missing or malformed.
func (r TokenRequest) CodeExchange() (CodeExchange, error) { panic("contract") }

// TokenResponse is a successful answer of the token endpoint (RFC 6749 §5.1), with the team's slug.
type TokenResponse struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"` // "Bearer"
	ExpiresIn   int64  `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
	Team        string `json:"team"`
}
