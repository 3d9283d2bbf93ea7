package endpoint

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// Token is the token endpoint (RFC 6749 §3.2).
func (s *Server) Token(w http.ResponseWriter, r *http.Request) error {
	response, err := s.clientCall(w, r, func(authorization string, params oauth.Params) (call, error) {
		request, err := oauth.ParseTokenRequest(authorization, params)
		return call{request.Client, &request.DPoPKey, func() (any, error) { return s.Authz.Exchange(r.Context(), request) }}, err
	})
	if err != nil {
		return err
	}
	route.WriteJSON(w, http.StatusOK, response)
	return nil
}
