package oauth

import "log/slog"

// TokenParameter is a request to the revocation or introspection endpoint (RFC 7009 §2.1, RFC 7662 §2.1): the token and the
// client that asks. token_type_hint is accepted and ignored. It prints without secrets.
type TokenParameter struct {
	Token  string
	Client ClientAuthentication
}

// ParseTokenParameter reads token and the client's authentication; authorization is the Authorization header, or "". A missing
// token is invalid_request. With an error about the client's authentication, Client.Method is the way that was tried.
func ParseTokenParameter(authorization string, p Params) (TokenParameter, error) {
	client, err := parseClientAuthentication(authorization, p)
	if err != nil {
		return TokenParameter{Client: client}, err
	}
	token, err := p.Required("token")
	return TokenParameter{Token: token, Client: client}, err
}

// String hides the token and the client's secret.
func (r TokenParameter) String() string { return "token presented by " + r.Client.String() }

// GoString hides them from %#v.
func (r TokenParameter) GoString() string { return r.String() }

// LogValue hides them from slog.
func (r TokenParameter) LogValue() slog.Value { return slog.StringValue(r.String()) }
