package oauth

import (
	"log/slog"
	"net/url"
	"strings"
)

// AuthorizationResponse is the answer to the redirect URI: a code, or an error (RFC 6749 §4.1.2, with iss of RFC 9207).
type AuthorizationResponse struct {
	RedirectURI string // verified
	Issuer      string
	State       string
	Code        string
	Err         error        // instead of Code
	Mode        ResponseMode // query when empty; with form_post, Fields are posted to RedirectURI
}

// Fields are the names and values of the response, in the order of URL's query, for the form_post response mode.
func (r AuthorizationResponse) Fields() [][2]string {
	fields := make([][2]string, 0, 4)
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, [2]string{name, value})
		}
	}
	if r.Err != nil {
		code, description := Outside(r.Err)
		add("error", string(code))
		add("error_description", description)
		add("error_uri", URIOf(r.Err))
	} else {
		add("code", r.Code)
	}
	add("state", r.State)
	add("iss", r.Issuer)
	return fields
}

// URL is the redirect URI with the response added to its query. The URI itself stays byte for byte.
func (r AuthorizationResponse) URL() string {
	var b strings.Builder
	b.Grow(len(r.RedirectURI) + len(r.Code) + len(r.State) + len(r.Issuer) + 64)
	b.WriteString(r.RedirectURI)
	separator := "?"
	if _, query, found := strings.Cut(r.RedirectURI, "?"); found {
		separator = "&"
		if query == "" || strings.HasSuffix(query, "&") {
			separator = ""
		}
	}
	for _, field := range r.Fields() {
		b.WriteString(separator)
		b.WriteString(field[0])
		b.WriteByte('=')
		b.WriteString(escape(field[1]))
		separator = "&"
	}
	return b.String()
}

// String hides the code.
func (r AuthorizationResponse) String() string { return "response to " + r.RedirectURI }

// GoString hides the code from %#v.
func (r AuthorizationResponse) GoString() string { return r.String() }

// LogValue hides the code from slog.
func (r AuthorizationResponse) LogValue() slog.Value { return slog.StringValue(r.String()) }

// escape writes a space as %20, which every decoder understands. Only decoders of forms read "+" as a space.
func escape(value string) string {
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// InitiateLogin is the link that starts an application's sign-in with this issuer (OpenID Connect Core §4).
func InitiateLogin(initiateLoginURI, issuer string) string {
	return AuthorizationResponse{RedirectURI: initiateLoginURI, Issuer: issuer}.URL()
}
