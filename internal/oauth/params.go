package oauth

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Params is the parameters of one request, from a query or a form. A parameter is checked when it is read, so parameters that
// are never read are ignored (RFC 6749 §3.1).
type Params struct{ values url.Values }

// NewParams wraps the decoded parameters of a request.
func NewParams(values url.Values) Params { return Params{values} }

// Optional is the parameter's value, or "" when it was omitted or sent without a value (RFC 6749 §3.1).
// It is invalid_request when the parameter is repeated, is not UTF-8, or has a NUL.
func (p Params) Optional(name string) (string, error) {
	sent := p.values[name]
	if len(sent) == 0 {
		return "", nil
	}
	if len(sent) > 1 {
		return "", InvalidRequest.Errorf("%s was sent %d times; send it once", name, len(sent))
	}
	if !utf8.ValidString(sent[0]) {
		return "", InvalidRequest.Errorf("%s is not valid UTF-8", name)
	}
	if strings.ContainsRune(sent[0], 0) {
		return "", InvalidRequest.Errorf("%s contains a NUL character", name)
	}
	return sent[0], nil
}

// Required is Optional, and invalid_request when there is no value.
func (p Params) Required(name string) (string, error) {
	value, err := p.Optional(name)
	if err == nil && value == "" {
		err = InvalidRequest.Errorf("%s is missing", name)
	}
	return value, err
}

// RequestURIPrefix begins every request_uri that our pushed authorization request endpoint makes (RFC 9126 §2.2).
const RequestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// PushedRequest is the part of request_uri after RequestURIPrefix. pushed is false when there is no request_uri, or one that is
// not ours, which ParseAuthorizationRequest refuses.
func (p Params) PushedRequest() (reference string, pushed bool, err error) {
	uri, err := p.Optional("request_uri")
	if err != nil {
		return "", false, err
	}
	reference, pushed = strings.CutPrefix(uri, RequestURIPrefix)
	if !pushed {
		return "", false, nil
	}
	return reference, true, nil
}

// String hides the values: a request may carry secrets, codes and verifiers.
func (p Params) String() string { return fmt.Sprintf("[%d parameters]", len(p.values)) }

// GoString hides the values from %#v.
func (p Params) GoString() string { return p.String() }

// LogValue hides the values from slog.
func (p Params) LogValue() slog.Value { return slog.StringValue(p.String()) }
