package oauth

import (
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/url"
	"strings"
	"unicode/utf8"
)

// ClientID is the identifier of a registered client (RFC 6749 §2.2). It is public.
type ClientID string

// AuthMethod is a token_endpoint_auth_method (RFC 7591 §2).
type AuthMethod string

// The ways a client may authenticate.
const (
	AuthBasic         AuthMethod = "client_secret_basic"
	AuthPost          AuthMethod = "client_secret_post"
	AuthPrivateKeyJWT AuthMethod = "private_key_jwt" // a signed assertion (OpenID Connect Core §9, RFC 7523 §2.2)
	AuthNone          AuthMethod = "none"            // public clients
)

// ClientAuthentication is the client that a request names, and its proof. It prints without secret and assertion.
type ClientAuthentication struct {
	ClientID  string
	Secret    string // empty with AuthNone, and with AuthBasic when nothing follows the colon, as some public clients do
	Method    AuthMethod
	Assertion string // with AuthPrivateKeyJWT; its signature is not verified yet
}

// assertionType is the only client_assertion_type (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Bounds of what is read of an assertion before its signature is verified, in bytes.
const (
	maxAssertionLength = 8192
	maxClientIDLength  = 255
)

// parseClientAuthentication reads client_secret_basic (RFC 6749 §2.3.1: both halves are form-urlencoded), client_secret_post,
// private_key_jwt, or a bare client_id. Two ways at once are invalid_request. Nothing at all, or a malformed Basic header, is
// invalid_client, with the way that was tried in Method. A client_id in the body beside Basic or an assertion is no second
// way, as long as both are the same.
//
// Not supported: client_secret_jwt (OpenID Connect Core §9), because the secret would have to be stored in clear text.
func parseClientAuthentication(authorization string, p Params) (ClientAuthentication, error) {
	tried := ClientAuthentication{Method: AuthNone}
	if authorization != "" {
		tried.Method = AuthBasic // the only scheme that the answer can ask for
	}
	id, err := p.Optional("client_id")
	if err != nil {
		return tried, err
	}
	secret, err := p.Optional("client_secret")
	if err != nil {
		return tried, err
	}
	assertion, err := p.Optional("client_assertion")
	if err != nil {
		return tried, err
	}
	switch ways := count(authorization, secret, assertion); {
	case ways > 1:
		return tried, InvalidRequest.Errorf("the client authenticates in more than one way; use one of the Authorization header, client_secret and client_assertion")
	case assertion != "":
		return withAssertion(assertion, id, p)
	case authorization != "":
		return withBasic(authorization, id)
	case secret != "" && id == "":
		return ClientAuthentication{Method: AuthPost}, InvalidRequest.Errorf("client_secret was sent without client_id")
	case secret != "":
		return ClientAuthentication{ClientID: id, Secret: secret, Method: AuthPost}, nil
	case id != "":
		return ClientAuthentication{ClientID: id, Method: AuthNone}, nil
	}
	return tried, InvalidClient.Errorf("the client did not say who it is; send client_id and client_secret in the body, HTTP Basic authentication, or client_assertion")
}

func count(values ...string) (n int) {
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

// withBasic reads an Authorization header; bodyID is the body's client_id, or "".
func withBasic(authorization, bodyID string) (ClientAuthentication, error) {
	c := ClientAuthentication{Method: AuthBasic}
	scheme, credentials, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return c, InvalidClient.Errorf("the Authorization header must be Basic; or send client_id and client_secret in the body")
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.Trim(credentials, " "))
	if err != nil {
		return c, InvalidClient.Errorf("the Authorization header is not Basic with base64 of client_id:client_secret")
	}
	id, secret, colon := strings.Cut(string(decoded), ":")
	if !colon {
		return c, InvalidClient.Errorf("the Authorization header has no colon between client_id and client_secret")
	}
	// The halves are encoded as in a form before they are joined (RFC 6749 §2.3.1 and Appendix B).
	id, err1 := url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	if err1 != nil || err2 != nil {
		return c, InvalidClient.Errorf("client_id and client_secret in the Authorization header must each be form-urlencoded (RFC 6749 section 2.3.1)")
	}
	if id == "" || !isText(id) || !isText(secret) {
		return c, InvalidClient.Errorf("the Authorization header has no client_id, or characters that none has")
	}
	if bodyID != "" && bodyID != id {
		return c, InvalidRequest.Errorf("client_id in the body is not the one in the Authorization header")
	}
	c.ClientID, c.Secret = id, secret
	return c, nil
}

// withAssertion reads which client an assertion names, so that its keys can be found. Nothing is verified yet.
func withAssertion(assertion, bodyID string, p Params) (ClientAuthentication, error) {
	tried := ClientAuthentication{Method: AuthPrivateKeyJWT}
	switch kind, err := p.Optional("client_assertion_type"); {
	case err != nil:
		return tried, err
	case kind != assertionType:
		return tried, InvalidRequest.Errorf("client_assertion_type must be %s", assertionType)
	case len(assertion) > maxAssertionLength:
		return tried, InvalidClient.Errorf("client_assertion is %d bytes long; at most %d are accepted", len(assertion), maxAssertionLength)
	}
	subject := unverifiedSubject(assertion)
	if subject == "" || len(subject) > maxClientIDLength || !isText(subject) {
		return tried, InvalidClient.Errorf("client_assertion must be a signed JWT whose sub is the client_id")
	}
	// RFC 7521 §4.2: client_id, if present, "MUST identify the same client as is identified by the client assertion".
	if bodyID != "" && bodyID != subject {
		return tried, InvalidClient.Errorf("client_id is not the sub of client_assertion")
	}
	return ClientAuthentication{ClientID: subject, Method: AuthPrivateKeyJWT, Assertion: assertion}, nil
}

// unverifiedSubject is the sub of a compact JWS, "" when it cannot be read.
func unverifiedSubject(jwt string) string {
	_, rest, _ := strings.Cut(jwt, ".")
	payload, _, _ := strings.Cut(rest, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(decoded, &claims) != nil {
		return ""
	}
	return claims.Subject
}

// isText reports whether a database can store and compare s as text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// String hides the secret and the assertion.
func (c ClientAuthentication) String() string { return c.ClientID + " by " + string(c.Method) }

// GoString hides them from %#v.
func (c ClientAuthentication) GoString() string { return c.String() }

// LogValue hides them from slog.
func (c ClientAuthentication) LogValue() slog.Value { return slog.StringValue(c.String()) }
