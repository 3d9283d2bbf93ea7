package oauth

import "net/url"

// Params is the parameters of one request, from a query or a form. They are checked as they are read, so that what is
// never read is ignored (RFC 6749 §3.1).
type Params struct{ values url.Values }

// NewParams wraps the decoded parameters of a request.
func NewParams(values url.Values) Params { return Params{values} }

// Optional is the parameter's value, or "" when it was omitted or sent without a value (RFC 6749 §3.1).
// It is invalid_request when the parameter is repeated, is not UTF-8, or has a NUL.
func (p Params) Optional(name string) (string, error) { panic("contract") }

// Required is Optional, and invalid_request when there is no value.
func (p Params) Required(name string) (string, error) { panic("contract") }
