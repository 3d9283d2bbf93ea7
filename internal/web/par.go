package web

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// push is the pushed authorization request endpoint (RFC 9126 §2).
func (s *server) push(w http.ResponseWriter, r *http.Request) error {
	values, err := bodyOnly(r)
	if err != nil {
		return err
	}
	header, err := authorization(r)
	if err != nil {
		return err
	}
	request, err := oauth.ParsePushedRequest(header, oauth.NewParams(values))
	if err != nil {
		return s.countFailure(r, request.Client.ClientID, err)
	}
	// A proof here is another way to say dpop_jkt: the code will be bound to its key (RFC 9449 §10.1).
	if request.DPoPKey, err = s.provenKey(w, r, ""); err != nil {
		return err
	}
	response, err := s.Authz.Push(r.Context(), request)
	if err := s.clientAnswered(r, request.Client, err); err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, response)
	return nil
}
