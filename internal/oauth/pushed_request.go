package oauth

import (
	"log/slog"
	"maps"
	"net/url"
)

// PushedRequest is a request to the pushed authorization request endpoint (RFC 9126 §2.1): the client's authentication, and the
// other parameters. It prints without secrets.
type PushedRequest struct {
	Client ClientAuthentication
	Params Params // client_id is the authenticated client's, whether or not the body named it
	// DPoPKey is the thumbprint (RFC 7638) of the key of the request's DPoP proof, which the caller has verified; "" without a
	// proof (RFC 9449 §10.1).
	DPoPKey string
}

// ParsePushedRequest reads a pushed authorization request; authorization is the Authorization header, or "". A request_uri in
// it is invalid_request; nothing else of the authorization request is checked. With an error about the client's
// authentication, Client.Method is the way that was tried.
func ParsePushedRequest(authorization string, p Params) (PushedRequest, error) {
	client, err := parseClientAuthentication(authorization, p)
	if err != nil {
		return PushedRequest{Client: client}, err
	}
	// RFC 9126 §2.1: "The request_uri authorization request parameter is one exception, and it MUST NOT be provided."
	if uri, err := p.Optional("request_uri"); err != nil || uri != "" {
		return PushedRequest{Client: client}, errorOr(err, InvalidRequest.Errorf("request_uri must not be pushed; send the parameters themselves"))
	}
	values := url.Values{}
	maps.Copy(values, p.values)
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type"} {
		delete(values, name)
	}
	values["client_id"] = []string{client.ClientID}
	return PushedRequest{Client: client, Params: Params{values}}, nil
}

// String hides the secret and the parameters.
func (r PushedRequest) String() string {
	return "authorization request pushed for " + r.Client.String()
}

// GoString hides them from %#v.
func (r PushedRequest) GoString() string { return r.String() }

// LogValue hides them from slog.
func (r PushedRequest) LogValue() slog.Value { return slog.StringValue(r.String()) }

// PushedResponse is the answer to a pushed authorization request (RFC 9126 §2.2).
type PushedResponse struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}
