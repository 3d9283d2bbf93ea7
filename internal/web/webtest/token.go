package webtest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// The rows of "POST /o/token/" and of its authorization_code grant, in their order.

// Claims is the payload of an access token, whose signature has to be one of the JWKS.
func (h *House) Claims(accessToken string) map[string]any {
	h.Helper()
	var keys jose.JSONWebKeySet
	h.OK(json.Unmarshal([]byte(h.Program().Get("/.well-known/jwks.json").WantStatus(http.StatusOK).Body), &keys))
	parsed, err := jwt.ParseSigned(accessToken, []jose.SignatureAlgorithm{jose.ES256})
	h.OK(err)
	if kind := parsed.Headers[0].ExtraHeaders["typ"]; kind != "at+jwt" {
		h.Errorf("typ %q, want at+jwt", kind)
	}
	var claims map[string]any
	h.OK(parsed.Claims(keys, &claims))
	return claims
}

// Basic is an Authorization header of RFC 6749 §2.3.1.
func Basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}
