package web

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// token is the token endpoint (RFC 6749 §3.2).
func (s *server) token(w http.ResponseWriter, r *http.Request) error {
	if r.URL.RawQuery != "" {
		// RFC 6749 §2.3.1: secrets must not be in the address, where they are logged.
		return oauth.InvalidRequest.Errorf("send the parameters as a form in the body, not in the address")
	}
	values, err := form(r)
	if err != nil {
		return err
	}
	request, err := oauth.ParseTokenRequest(r.Header.Get("Authorization"), oauth.NewParams(values))
	if err != nil {
		return s.countFailure(r, request.Client.ClientID, err)
	}
	response, err := s.Authz.Exchange(r.Context(), request)
	if authenticated(err) {
		traceOf(r.Context()).client = request.Client.ClientID
	}
	if err != nil {
		return s.countFailure(r, request.Client.ClientID, err)
	}
	writeJSON(w, http.StatusOK, response)
	return nil
}

// authenticated reports whether an answer of Exchange means that the client is who it says. Until then its id is any text, and not for the log.
func authenticated(err error) bool {
	code, _ := oauth.Outside(err)
	return err == nil || code != oauth.InvalidClient && code != oauth.ServerError
}
