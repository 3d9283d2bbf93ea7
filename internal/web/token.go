package web

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// token is the token endpoint (RFC 6749 §3.2).
func (s *server) token(w http.ResponseWriter, r *http.Request) error {
	values, err := bodyOnly(r)
	if err != nil {
		return err
	}
	header, err := authorization(r)
	if err != nil {
		return err
	}
	request, err := oauth.ParseTokenRequest(header, oauth.NewParams(values))
	if err != nil {
		return s.countFailure(r, request.Client.ClientID, err)
	}
	if request.DPoPKey, err = s.provenKey(w, r, ""); err != nil {
		return err
	}
	response, err := s.Authz.Exchange(r.Context(), request)
	if err := s.clientAnswered(r, request.Client, err); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, response)
	return nil
}

// clientAnswered is the error of a call in which a client had to authenticate, on its way out: the log learns who the client is, and a failure counts.
func (s *server) clientAnswered(r *http.Request, client oauth.ClientAuthentication, err error) error {
	if authenticated(err) {
		traceOf(r.Context()).client = client.ClientID
	}
	if err != nil {
		return s.countFailure(r, client.ClientID, err)
	}
	return nil
}

// authenticated reports whether an answer of authz means that the client is who it says. Until then its id is any text, and not for the log.
func authenticated(err error) bool {
	code, _ := oauth.Outside(err)
	return err == nil || code != oauth.InvalidClient && code != oauth.ServerError
}
