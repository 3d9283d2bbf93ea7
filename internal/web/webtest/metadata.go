package webtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/go-jose/go-jose/v4"
)

func (h *House) Metadata() oauth.Metadata {
	h.Helper()
	var m oauth.Metadata
	h.OK(json.Unmarshal([]byte(h.Program().Get("/.well-known/oauth-authorization-server").WantStatus(http.StatusOK).Body), &m))
	return m
}

// Without is a form without some of its fields.
func Without(form url.Values, names ...string) url.Values {
	for _, name := range names {
		form.Del(name)
	}
	return form
}

// Ended is what the list of ended tokens says, verified with the JWKS.
func (h *House) Ended() string {
	h.Helper()
	h.Clock.Advance(time.Second) // it is made once a second
	claims, header := h.Payload(h.Program().Get("/.well-known/ended-tokens.jwt").WantStatus(http.StatusOK).Body, jose.ES256)
	if header.ExtraHeaders["typ"] != "ended-tokens+jwt" || claims["iss"] != h.Parts.Issuer || claims["iat"] != float64(h.Clock.Now().Unix()) {
		h.Errorf("typ %v, claims %v", header.ExtraHeaders["typ"], claims)
	}
	return AsJSON(h, claims["ended"])
}
