package web

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// revoke is the revocation endpoint (RFC 7009 §2). A token that is unknown or another client's gets the same empty 200 as one that was revoked.
func (s *server) revoke(w http.ResponseWriter, r *http.Request) error {
	request, err := s.tokenParameter(r)
	if err != nil {
		return err
	}
	err = s.Authz.Revoke(r.Context(), request)
	if err := s.clientAnswered(r, request.Client, err); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	// The answer is empty, but some clients (simple-oauth2) take nothing that is not called JSON.
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// introspect is the introspection endpoint (RFC 7662 §2).
func (s *server) introspect(w http.ResponseWriter, r *http.Request) error {
	request, err := s.tokenParameter(r)
	if err != nil {
		return err
	}
	answer, err := s.Authz.Introspect(r.Context(), request)
	if err := s.clientAnswered(r, request.Client, err); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// tokenParameter is what both endpoints are sent: a token, and who asks.
func (s *server) tokenParameter(r *http.Request) (oauth.TokenParameter, error) {
	values, err := bodyOnly(r)
	if err != nil {
		return oauth.TokenParameter{}, err
	}
	header, err := authorization(r)
	if err != nil {
		return oauth.TokenParameter{}, err
	}
	request, err := oauth.ParseTokenParameter(header, oauth.NewParams(values))
	if err != nil {
		return oauth.TokenParameter{}, s.countFailure(r, request.Client.ClientID, err)
	}
	return request, nil
}
