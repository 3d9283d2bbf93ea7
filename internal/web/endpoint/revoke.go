package endpoint

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// Revoke is the revocation endpoint (RFC 7009 §2). A token that is unknown or another client's gets the same empty 200 as one that was revoked.
func (s *Server) Revoke(w http.ResponseWriter, r *http.Request) error {
	_, err := s.clientCall(w, r, func(authorization string, params oauth.Params) (call, error) {
		request, err := oauth.ParseTokenParameter(authorization, params)
		return call{client: request.Client, run: func() (any, error) { return nil, s.Authz.Revoke(r.Context(), request) }}, err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	// The answer is empty, but some clients (simple-oauth2) accept only a Content-Type of JSON.
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}
