package oauth

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Prompt is the prompt parameter (OpenID Connect Core §3.1.2.1).
type Prompt struct {
	None          bool `json:"none,omitempty"`
	Login         bool `json:"login,omitempty"`
	Consent       bool `json:"consent,omitempty"`
	SelectAccount bool `json:"select_account,omitempty"`
}

// ResponseMode is how the authorization response reaches the client.
type ResponseMode string

// The response modes.
const (
	ModeQuery    ResponseMode = "query"     // OAuth 2.0 Multiple Response Type Encoding Practices §2.1
	ModeFormPost ResponseMode = "form_post" // OAuth 2.0 Form Post Response Mode §2
)

// AuthorizationRequest is a well-formed authorization request (RFC 6749 §4.1.1 with RFC 7636). Whether the client exists, and
// what it may ask for, is not checked yet.
type AuthorizationRequest struct {
	ClientID      string         `json:"client_id"`
	RedirectURI   string         `json:"redirect_uri"`
	State         string         `json:"state,omitempty"`
	Scope         Scope          `json:"scope,omitempty"`          // as asked; empty when omitted
	CodeChallenge CodeChallenge  `json:"code_challenge,omitempty"` // "" only with PKCENonce and PKCENothing
	Team          string         `json:"team,omitempty"`           // a slug; empty when the person may choose
	Prompt        Prompt         `json:"prompt,omitzero"`
	MaxAge        *time.Duration `json:"max_age,omitempty"` // nil when omitted; zero asks for a fresh sign-in
	Nonce         string         `json:"nonce,omitempty"`
	ResponseMode  ResponseMode   `json:"response_mode,omitempty"` // query when empty
	Resource      []string       `json:"resource,omitempty"`      // RFC 8707 §2.1; may be repeated on the wire
	LoginHint     string         `json:"login_hint,omitempty"`
	IDTokenHint   string         `json:"id_token_hint,omitempty"` // not verified yet
	ACRValues     []string       `json:"acr_values,omitempty"`    // in order of preference
	UILocales     string         `json:"ui_locales,omitempty"`    // the languages that pages should be in, the preferred one first
	DPoPKey       string         `json:"dpop_jkt,omitempty"`      // RFC 9449 §10: the code is bound to this key
}

// MaxStateLength is how many bytes of state are accepted and returned.
const MaxStateLength = 4096

// MaxLocalesLength is how many bytes of ui_locales are accepted.
const MaxLocalesLength = 255

// Bounds of what travels with a pending request, in bytes.
const (
	maxTeamLength      = 255
	maxNonceLength     = 1024
	maxLoginHintLength = 255
	maxIDTokenLength   = 4096
	maxACRLength       = 1024
)

// ParseAuthorizationRequest checks everything that can be checked without knowing the client, in the order response_type,
// code_challenge, code_challenge_method, scope, request, request_uri, prompt, max_age, and the rest. With an error, the
// request still has the State and the ResponseMode to answer with, if those could be read.
//
// pkce is the client's. A request_uri is refused here: callers that accept pushed requests call Params.PushedRequest first.
//
// Not supported: request objects (OpenID Connect Core §6), the claims parameter (§5.5), the response modes fragment and jwt.
func ParseAuthorizationRequest(p Params, pkce PKCE) (AuthorizationRequest, error) {
	var r AuthorizationRequest
	// Mode and state come first: every later error is answered with them.
	mode, modeErr := parseResponseMode(p)
	r.ResponseMode = mode
	var err error
	if r.State, err = bounded(p, "state", MaxStateLength); err != nil {
		return r, err
	}
	if r.ClientID, err = p.Required("client_id"); err != nil {
		return r, err
	}
	if r.RedirectURI, err = p.Required("redirect_uri"); err != nil {
		return r, err
	}
	if err = checkResponseType(p); err != nil {
		return r, err
	}
	if r.CodeChallenge, err = parseChallenge(p, pkce); err != nil {
		return r, err
	}
	if r.Scope, err = scopeParam(p); err != nil {
		return r, err
	}
	if err = refuseRequestObjects(p); err != nil {
		return r, err
	}
	if r.Prompt, err = parsePrompt(p); err != nil {
		return r, err
	}
	if r.MaxAge, err = parseMaxAge(p); err != nil {
		return r, err
	}
	if err = parseHints(p, &r); err != nil {
		return r, err
	}
	if err = r.CheckPKCE(pkce); err != nil {
		return r, err
	}
	return r, modeErr
}

// CheckPKCE is invalid_request unless the request is protected as the client's PKCE says.
func (r AuthorizationRequest) CheckPKCE(pkce PKCE) error {
	switch {
	case r.CodeChallenge != "" || pkce == PKCENothing:
		return nil
	case pkce != PKCENonce:
		return errNoChallenge()
	case r.Nonce == "" || !r.Scope.Contains(ScopeOpenID):
		return InvalidRequest.Errorf("code_challenge is missing; without it, this client has to send a nonce and the scope openid, and compare the nonce with the ID token's")
	}
	return nil
}

// errNoChallenge names the setting of some libraries, because most of their users have never seen the word PKCE.
func errNoChallenge() error {
	return InvalidRequest.Errorf("code_challenge is missing; every client must use PKCE (RFC 7636), and most libraries have a setting for it: " +
		"OIDCPKCEMethod S256 (mod_auth_openidc), --code-challenge-method=S256 (oauth2-proxy), pkce: true and state: true (passport-oauth2); this server's guide lists more")
}

// parseHints reads the parameters whose errors may come in any order.
func parseHints(p Params, r *AuthorizationRequest) (err error) {
	if r.Team, err = bounded(p, "team", maxTeamLength); err != nil {
		return err
	}
	if r.Nonce, err = bounded(p, "nonce", maxNonceLength); err != nil {
		return err
	}
	if r.Resource, err = parseResource(p); err != nil {
		return err
	}
	if r.LoginHint, err = bounded(p, "login_hint", maxLoginHintLength); err != nil {
		return err
	}
	if r.IDTokenHint, err = bounded(p, "id_token_hint", maxIDTokenLength); err != nil {
		return err
	}
	if r.ACRValues, err = parseACRValues(p); err != nil {
		return err
	}
	if r.UILocales, err = bounded(p, "ui_locales", MaxLocalesLength); err != nil {
		return err
	}
	r.DPoPKey, err = parseThumbprint(p)
	return err
}

// bounded is an optional parameter of at most limit bytes.
func bounded(p Params, name string, limit int) (string, error) {
	value, err := p.Optional(name)
	if err != nil {
		return "", err
	}
	if len(value) > limit {
		return "", InvalidRequest.Errorf("%s is %d bytes long; at most %d are accepted", name, len(value), limit)
	}
	return value, nil
}

func checkResponseType(p Params) error {
	responseType, err := p.Optional("response_type")
	switch {
	case err != nil:
		return err
	case responseType == "":
		return InvalidRequest.Errorf("response_type is missing; send response_type=code")
	case responseType != "code":
		return UnsupportedResponseType.Errorf("response_type must be code, not %.100q", responseType)
	}
	return nil
}

// parseChallenge reads code_challenge and its method; "" when there is none and pkce allows that. A missing method would mean plain
// (RFC 7636 §4.3), which is not offered.
func parseChallenge(p Params, pkce PKCE) (CodeChallenge, error) {
	text, err := p.Optional("code_challenge")
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", checkNoChallenge(p, pkce)
	}
	challenge, err := parseCodeChallenge(text)
	if err != nil {
		return "", err
	}
	method, err := p.Optional("code_challenge_method")
	switch {
	case err != nil:
		return "", err
	case method == "":
		return "", InvalidRequest.Errorf("code_challenge_method is missing; send code_challenge_method=S256")
	case method != MethodS256:
		return "", InvalidRequest.Errorf("code_challenge_method must be S256, not %.100q", method)
	}
	return challenge, nil
}

// checkNoChallenge is invalid_request where a challenge must not be missing.
func checkNoChallenge(p Params, pkce PKCE) error {
	if pkce != PKCENonce && pkce != PKCENothing {
		return errNoChallenge()
	}
	// A method alone is what remains when somebody takes the challenge out of a request.
	method, err := p.Optional("code_challenge_method")
	if err == nil && method != "" {
		err = InvalidRequest.Errorf("code_challenge_method was sent without code_challenge")
	}
	return err
}

func scopeParam(p Params) (Scope, error) {
	text, err := p.Optional("scope")
	if err != nil {
		return nil, err
	}
	return ParseScope(text)
}

func refuseRequestObjects(p Params) error {
	if value, err := p.Optional("request"); err != nil || value != "" {
		return errorOr(err, RequestNotSupported.Errorf("request objects are not supported; send the parameters themselves"))
	}
	if value, err := p.Optional("request_uri"); err != nil || value != "" {
		return errorOr(err, RequestURINotSupported.Errorf("request_uri must be one that this server's pushed authorization request endpoint made; or send the parameters themselves"))
	}
	return nil
}

func errorOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

func parsePrompt(p Params) (Prompt, error) {
	text, err := p.Optional("prompt")
	if err != nil {
		return Prompt{}, err
	}
	var prompt Prompt
	for value := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' }) {
		switch value {
		case "none":
			prompt.None = true
		case "login":
			prompt.Login = true
		case "consent":
			prompt.Consent = true
		case "select_account":
			prompt.SelectAccount = true
		default:
			return Prompt{}, InvalidRequest.Errorf("prompt has the value %.100q; known are none, login, consent and select_account", value)
		}
	}
	if prompt.None && prompt != (Prompt{None: true}) {
		return Prompt{}, InvalidRequest.Errorf("prompt=none must be the only value of prompt")
	}
	return prompt, nil
}

// parseMaxAge reads a number of seconds. A number that is too large counts as the largest possible one.
func parseMaxAge(p Params) (*time.Duration, error) {
	const most = uint64(math.MaxInt64 / time.Second)
	text, err := p.Optional("max_age")
	if err != nil || text == "" {
		return nil, err
	}
	seconds, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, InvalidRequest.Errorf("max_age must be a number of seconds, 0 or more, not %.100q", text)
	}
	age := time.Duration(min(seconds, most)) * time.Second
	return &age, nil
}

// parseResponseMode returns "" for query, whether it was sent or not.
func parseResponseMode(p Params) (ResponseMode, error) {
	text, err := p.Optional("response_mode")
	if err != nil {
		return "", err
	}
	switch mode := ResponseMode(text); mode {
	case "", ModeQuery:
		return "", nil
	case ModeFormPost:
		return mode, nil
	}
	return "", InvalidRequest.Errorf("response_mode must be query, form_post or omitted, not %.100q", text)
}

// parseACRValues splits acr_values (OpenID Connect Core §3.1.2.1). The order is the client's preference.
func parseACRValues(p Params) ([]string, error) {
	text, err := bounded(p, "acr_values", maxACRLength)
	if err != nil {
		return nil, err
	}
	var values []string
	for value := range strings.SplitSeq(text, " ") {
		if value != "" && !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values, nil
}

// parseThumbprint reads dpop_jkt (RFC 9449 §10): the SHA-256 thumbprint of a key (RFC 7638), spelled like a code challenge.
func parseThumbprint(p Params) (string, error) {
	text, err := p.Optional("dpop_jkt")
	if err == nil && text != "" && !isHash(text) {
		err = InvalidRequest.Errorf("dpop_jkt must be the SHA-256 thumbprint of a key (RFC 7638) in base64url without padding: 43 characters")
	}
	if err != nil {
		return "", err
	}
	return text, nil
}
