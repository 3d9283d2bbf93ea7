package webtest

import (
	"maps"
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Authentication by a signed assertion (OpenID Connect Core §9, RFC 7523).

// Keyed is a client that authenticates by its own key.
type Keyed struct {
	App
	Signer
}

func (h *House) NewKeyed(r client.Registration) Keyed {
	h.Helper()
	key := h.NewSigner()
	r.JWKS = key.jwks()
	return Keyed{h.Register(r), key}
}

// Assertion is a good assertion of the client, with changes to its claims; nil takes a claim out.
func (c Keyed) Assertion(h *House, changes map[string]any) string {
	now := h.Clock.Now()
	claims := map[string]any{
		"iss": string(c.ID), "sub": string(c.ID), "aud": h.Parts.Issuer, "jti": token.NewID(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return c.Sign(claims, nil)
}

const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// By adds an assertion to a form.
func By(assertion string, form url.Values) url.Values {
	form.Set("client_assertion_type", AssertionType)
	form.Set("client_assertion", assertion)
	return form
}
