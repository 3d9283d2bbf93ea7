package oauth

import (
	"errors"
	"log/slog"
	"math"
	"net/url"
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
	ResponseMode  ResponseMode   `json:"response_mode,omitempty"` // query when empty
	Resource      []string       `json:"resource,omitempty"`      // RFC 8707 §2.1; may be repeated on the wire
	LoginHint     string         `json:"login_hint,omitempty"`
	IDTokenHint   string         `json:"id_token_hint,omitempty"` // not verified yet
	ACRValues     []string       `json:"acr_values,omitempty"`    // in order of preference
	UILocales     string         `json:"ui_locales,omitempty"`    // accepted; pages speak English
	DPoPKey       string         `json:"dpop_jkt,omitempty"`      // RFC 9449 §10: the code is bound to this key
}

// MaxStateLength is how many bytes of state are accepted and returned.
const MaxStateLength = 4096

// Bounds of what travels with a pending request, in bytes.
const (
	maxTeamLength  = 255
	maxNonceLength = 1024
)

// ParseAuthorizationRequest parses and checks everything that can be checked without knowing the client, in the order of response_type, code_challenge,
// code_challenge_method, scope, request, request_uri, prompt, max_age, and the rest. When it returns an error, the request still holds the State to answer
// with (if that could be read), so the error can travel to a redirect URI that has been verified before.
//
// Not supported: request objects, by value or by reference (OpenID Connect Core §6); response modes other than query.
func ParseAuthorizationRequest(p Params) (AuthorizationRequest, error) {
	var r AuthorizationRequest
	var err error
	// State before all else: every later error has to carry it.
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
	if r.CodeChallenge, err = parseChallenge(p); err != nil {
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
	if r.Team, err = bounded(p, "team", maxTeamLength); err != nil {
		return r, err
	}
	if r.Nonce, err = bounded(p, "nonce", maxNonceLength); err != nil {
		return r, err
	}
	return r, checkResponseMode(p)
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

// parseChallenge reads code_challenge and its method. A method that is missing would mean plain (RFC 7636 §4.3), which is not offered.
func parseChallenge(p Params) (CodeChallenge, error) {
	text, err := p.Optional("code_challenge")
	if err != nil {
		return "", err
	}
	if text == "" {
		return "", InvalidRequest.Errorf("code_challenge is missing; every client must use PKCE (RFC 7636)")
	}
	challenge, err := ParseCodeChallenge(text)
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
		return errorOr(err, RequestURINotSupported.Errorf("request_uri is not supported; send the parameters themselves"))
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

// parseMaxAge reads a number of seconds. One that is too large to count is as good as the largest that is not.
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

func checkResponseMode(p Params) error {
	mode, err := p.Optional("response_mode")
	if err == nil && mode != "" && mode != "query" {
		err = InvalidRequest.Errorf("response_mode must be query or omitted, not %.100q", mode)
	}
	return err
}

// AuthorizationResponse is what goes back to the redirect URI: a code, or an error (RFC 6749 §4.1.2, with iss of RFC 9207).
type AuthorizationResponse struct {
	RedirectURI string // verified
	Issuer      string
	State       string
	Code        string
	Err         error        // instead of Code
	Mode        ResponseMode // query when empty; with form_post, Fields are posted to RedirectURI
}

// Fields are the names and values of the response, in the order of URL's query, for the form_post response mode.
func (r AuthorizationResponse) Fields() [][2]string { panic("contract") }

// URL is the redirect URI with the response added to its query. What the URI had is kept byte for byte.
func (r AuthorizationResponse) URL() string {
	var b strings.Builder
	b.WriteString(r.RedirectURI)
	separator := "?"
	if _, query, found := strings.Cut(r.RedirectURI, "?"); found {
		separator = "&"
		if query == "" || strings.HasSuffix(query, "&") {
			separator = ""
		}
	}
	add := func(name, value string) {
		if value == "" {
			return
		}
		b.WriteString(separator + name + "=" + escape(value))
		separator = "&"
	}
	if r.Err != nil {
		code, description := Outside(r.Err)
		add("error", string(code))
		add("error_description", description)
	} else {
		add("code", r.Code)
	}
	add("state", r.State)
	add("iss", r.Issuer)
	return b.String()
}

// String hides the code.
func (r AuthorizationResponse) String() string { return "response to " + r.RedirectURI }

// GoString hides the code from %#v.
func (r AuthorizationResponse) GoString() string { return r.String() }

// LogValue hides the code from slog.
func (r AuthorizationResponse) LogValue() slog.Value { return slog.StringValue(r.String()) }

// escape writes a space as %20, which every decoder reads; "+" is a space only to those that decode forms.
func escape(value string) string {
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}
