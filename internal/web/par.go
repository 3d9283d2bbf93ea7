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
	request, err := oauth.ParsePushedRequest(r.Header.Get("Authorization"), oauth.NewParams(values))
	if err != nil {
		return s.countFailure(r, request.Client.ClientID, err)
	}
	key, err := s.provenKey(w, r, "")
	if err != nil {
		return err
	}
	if key != "" {
		// A proof here is another way to say dpop_jkt: the code will be bound to its key (RFC 9449 §10.1).
		if named := values.Get("dpop_jkt"); named != "" && named != key {
			return oauth.InvalidDPoPProof.Errorf("dpop_jkt is not the thumbprint of the key of the DPoP proof")
		}
		values.Set("dpop_jkt", key)
		if request, err = oauth.ParsePushedRequest(r.Header.Get("Authorization"), oauth.NewParams(values)); err != nil {
			return err
		}
	}
	response, err := s.Authz.Push(r.Context(), request)
	if err := s.clientAnswered(r, request.Client, err); err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, response)
	return nil
}
