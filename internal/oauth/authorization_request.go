package oauth

import "time"

// Prompt is the prompt parameter (OpenID Connect Core §3.1.2.1).
type Prompt struct {
	None          bool `json:"none,omitempty"`
	Login         bool `json:"login,omitempty"`
	Consent       bool `json:"consent,omitempty"`
	SelectAccount bool `json:"select_account,omitempty"`
}

// AuthorizationRequest is a well-formed authorization request (RFC 6749 §4.1.1 with RFC 7636). It says nothing yet about whether the client
// exists or may ask for what it asks.
type AuthorizationRequest struct {
	ClientID      string         `json:"client_id"`
	RedirectURI   string         `json:"redirect_uri"`
	State         string         `json:"state,omitempty"`
	Scope         Scope          `json:"scope,omitempty"` // as asked; empty when omitted
	CodeChallenge CodeChallenge  `json:"code_challenge"`
	Team          string         `json:"team,omitempty"` // a slug; empty when the person may choose
	Prompt        Prompt         `json:"prompt,omitzero"`
	MaxAge        *time.Duration `json:"max_age,omitempty"` // nil when omitted; zero asks for a fresh sign-in
	Nonce         string         `json:"nonce,omitempty"`
}

// MaxStateLength is how many bytes of state are accepted and returned.
const MaxStateLength = 4096

// ParseAuthorizationRequest parses and checks everything that can be checked without knowing the client, in the order of response_type, code_challenge,
// code_challenge_method, scope, request, request_uri, prompt, max_age, and the rest. When it returns an error, the request still holds the State to answer
// with (if that could be read), so the error can travel to a redirect URI that has been verified before.
func ParseAuthorizationRequest(p Params) (AuthorizationRequest, error) { panic("contract") }

// AuthorizationResponse is what goes back to the redirect URI: a code, or an error (RFC 6749 §4.1.2, with iss of RFC 9207).
type AuthorizationResponse struct {
	RedirectURI string // verified
	Issuer      string
	State       string
	Code        string
	Err         error // instead of Code
}

// URL is the redirect URI with the response added to its query. What the URI had is kept byte for byte.
func (r AuthorizationResponse) URL() string { panic("contract") }
