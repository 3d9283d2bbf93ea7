package endpoint

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// Introspect is the introspection endpoint (RFC 7662 §2).
func (s *Server) Introspect(w http.ResponseWriter, r *http.Request) error {
	answer, err := s.clientCall(w, r, func(authorization string, params oauth.Params) (call, error) {
		request, err := oauth.ParseTokenParameter(authorization, params)
		return call{client: request.Client, run: func() (any, error) { return s.Authz.Introspect(r.Context(), request) }}, err
	})
	if err != nil {
		return err
	}
	route.WriteJSON(w, http.StatusOK, answer)
	return nil
}
