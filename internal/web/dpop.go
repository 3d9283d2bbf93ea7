package web

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// provenKey is the thumbprint of the key whose proof came in the DPoP header, "" when none came.
func (s *server) provenKey(w http.ResponseWriter, r *http.Request, accessToken string) (string, error) {
	if len(r.Header.Values("DPoP")) == 0 {
		return "", nil
	}
	return "", oauth.InvalidDPoPProof.Errorf("DPoP is not supported yet")
}
