package oauth

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Code is an error code of the standards. It is itself an error, so that errors.Is(err, InvalidGrant) asks for the code.
type Code string

// Error codes, each with the section that defines it.
const (
	InvalidRequest          Code = "invalid_request"           // RFC 6749 §4.1.2.1, §5.2; RFC 6750 §3.1
	InvalidClient           Code = "invalid_client"            // RFC 6749 §5.2
	InvalidGrant            Code = "invalid_grant"             // RFC 6749 §5.2
	UnauthorizedClient      Code = "unauthorized_client"       // RFC 6749 §4.1.2.1, §5.2
	UnsupportedGrantType    Code = "unsupported_grant_type"    // RFC 6749 §5.2
	UnsupportedResponseType Code = "unsupported_response_type" // RFC 6749 §4.1.2.1
	InvalidScope            Code = "invalid_scope"             // RFC 6749 §4.1.2.1, §5.2
	AccessDenied            Code = "access_denied"             // RFC 6749 §4.1.2.1
	ServerError             Code = "server_error"              // RFC 6749 §4.1.2.1
	TemporarilyUnavailable  Code = "temporarily_unavailable"   // RFC 6749 §4.1.2.1
	InvalidToken            Code = "invalid_token"             // RFC 6750 §3.1
	InsufficientScope       Code = "insufficient_scope"        // RFC 6750 §3.1
	LoginRequired           Code = "login_required"            // OpenID Connect Core §3.1.2.6
	ConsentRequired         Code = "consent_required"          // OpenID Connect Core §3.1.2.6
	InteractionRequired     Code = "interaction_required"      // OpenID Connect Core §3.1.2.6
	// UnmetAuthenticationRequirements is of OpenID Connect Core Unmet Authentication Requirements 1.0 §2; RFC 9470 §5 wants it.
	UnmetAuthenticationRequirements Code = "unmet_authentication_requirements"
	RequestNotSupported             Code = "request_not_supported"     // OpenID Connect Core §3.1.2.6
	RequestURINotSupported          Code = "request_uri_not_supported" // OpenID Connect Core §3.1.2.6
	InvalidRequestURI               Code = "invalid_request_uri"       // RFC 9101 §5.2.2, for RFC 9126
	InvalidTarget                   Code = "invalid_target"            // RFC 8707 §2
	InvalidDPoPProof                Code = "invalid_dpop_proof"        // RFC 9449 §5
	UseDPoPNonce                    Code = "use_dpop_nonce"            // RFC 9449 §8
)

// Error makes a Code an error.
func (c Code) Error() string { return string(c) }

// Errorf is an error with this code and a sentence for the developer of the client: what was wrong, what was expected.
func (c Code) Errorf(format string, args ...any) error {
	return &Error{Code: c, Description: fmt.Sprintf(format, args...), format: format}
}

// Because is Errorf with a cause for the log only. Use it where the answer must not tell causes apart.
func (c Code) Because(cause error, format string, args ...any) error {
	return &Error{Code: c, Description: fmt.Sprintf(format, args...), Cause: cause, format: format}
}

// At is Errorf with the address of a page that tells more (error_uri, RFC 6749 §4.1.2.1).
func (c Code) At(uri, format string, args ...any) error {
	return &Error{Code: c, Description: fmt.Sprintf(format, args...), URI: uri, format: format}
}

// Error is an error for the client (RFC 6749 §5.2). Functions return it as a plain error, made by Errorf or Because.
type Error struct {
	Code        Code
	Description string // for the client's developer
	Cause       error  // for the log; never sent
	URI         string // of a page that tells more; "" for none
	format      string // the description, with verbs where it quotes what was received
}

// Error is for the log: it includes the cause.
func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Description
	if e.Cause != nil {
		text += " (" + e.Cause.Error() + ")"
	}
	return text
}

// verbs are those of package fmt.
var verbs = regexp.MustCompile(`%[-+# 0]*[0-9.]*[a-zA-Z]`)

// WithoutInput is the description with … in place of everything that it quotes. A secret that was sent in the wrong place is not in it, so it may be
// kept.
func (e *Error) WithoutInput() string {
	return strings.ReplaceAll(verbs.ReplaceAllString(e.format, "…"), "%%", "%")
}

// Is reports whether target is the error's code.
func (e *Error) Is(target error) bool { return target == e.Code }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// maxDescriptionLength is the most bytes of a description that are sent.
const maxDescriptionLength = 400

// Outside is what the client is told: the code and the description of err, or server_error for any other error. The
// description has only the characters that RFC 6749 §4.1.2.1 and §5.2 allow, even where it quotes input.
func Outside(err error) (Code, string) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code, safeDescription(e.Description)
	}
	if code, ok := errors.AsType[Code](err); ok {
		return code, ""
	}
	return ServerError, "The server could not answer. Try again; if it lasts, tell its operator the request id."
}

// URIOf is the error_uri of an error, or "".
func URIOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.URI
	}
	return ""
}

// safeDescription is s as an error_description: %x20-21 / %x23-5B / %x5D-7E (RFC 6749 §5.2), cut to maxDescriptionLength.
// Quotation marks become apostrophes, all other forbidden characters question marks.
func safeDescription(s string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ' || r > '~' || r == '\\':
			return '?'
		}
		return r
	}, s)
	if len(safe) > maxDescriptionLength {
		safe = safe[:maxDescriptionLength-3] + "..."
	}
	return safe
}
