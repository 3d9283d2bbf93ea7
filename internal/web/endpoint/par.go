package endpoint

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// Push is the pushed authorization request endpoint (RFC 9126 §2). A DPoP proof here is another way to say dpop_jkt: the code will be
// bound to its key (RFC 9449 §10.1).
func (s *Server) Push(w http.ResponseWriter, r *http.Request) error {
	response, err := s.clientCall(w, r, func(authorization string, params oauth.Params) (call, error) {
		request, err := oauth.ParsePushedRequest(authorization, params)
		return call{request.Client, &request.DPoPKey, func() (any, error) { return s.Authz.Push(r.Context(), request) }}, err
	})
	if err != nil {
		return err
	}
	route.WriteJSON(w, http.StatusCreated, response)
	return nil
}
