package web_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Authentication by a signed assertion (OpenID Connect Core §9, RFC 7523).

// keyed is a client that authenticates by its own key.
type keyed struct {
	app
	signer
}

func (h *house) newKeyed(r client.Registration) keyed {
	h.Helper()
	key := h.newSigner()
	r.JWKS = key.jwks()
	return keyed{h.register(r), key}
}

// rsaKey is made once: it takes longer than a test.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// newPrivate is a key for an algorithm.
func newPrivate(h *house, algorithm string) crypto.Signer {
	h.Helper()
	switch algorithm {
	case "ES256":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		h.ok(err)
		return key
	case "EdDSA", "Ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		h.ok(err)
		return key
	case "RS256", "PS256":
		return rsaKey()
	}
	h.Fatalf("no key for %q, which is advertised", algorithm)
	return nil
}

// assertion is a good assertion of the client, with changes to its claims; nil takes a claim out.
func (c keyed) assertion(h *house, changes map[string]any) string {
	now := h.clock.now()
	claims := map[string]any{
		"iss": string(c.ID), "sub": string(c.ID), "aud": h.parts.Issuer, "jti": token.NewID(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return c.sign(claims, nil)
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// by adds an assertion to a form.
func by(assertion string, form url.Values) url.Values {
	form.Set("client_assertion_type", assertionType)
	form.Set("client_assertion", assertion)
	return form
}

// TestAssertionsAuthenticateEverywhere that a client has to: token, PAR, revocation, introspection; with the issuer as aud.
func TestAssertionsAuthenticateEverywhere(t *testing.T) {
	onBoth(t, func(h *house) {
		c := h.newKeyed(client.Registration{Name: "Keyed", RedirectURIs: []string{"https://keyed.example/cb"}})
		if c.secret != "" {
			h.Error("a client with keys got a secret as well")
		}
		code := h.signedIn(ben).connect(c.app, h.atlas)
		p := h.program()
		got := p.post("/o/token/", by(c.assertion(h, nil), tokenRequest(c.app, code))).wantTokens()
		form := pairs("grant_type", "refresh_token", "refresh_token", got.RefreshToken) // client_id may be left out
		got = p.post("/o/token/", by(c.assertion(h, nil), form)).wantTokens()
		if a := p.post("/o/introspect/", by(c.assertion(h, nil), pairs("token", got.AccessToken))); !strings.Contains(a.body, `"active":true`) {
			h.Errorf("introspection: %d %s", a.status, a.body)
		}
		p.post("/o/par/", by(c.assertion(h, nil), parameters(c.app))).wantRequestURI()
		p.post("/o/revoke_token/", by(c.assertion(h, nil), pairs("token", got.AccessToken))).wantOK()

		machine := h.newKeyed(client.Registration{Name: "Keyed job", Machine: true, Team: h.atlas})
		p.post("/o/token/", by(machine.assertion(h, nil), pairs("grant_type", "client_credentials"))).wantTokens()
	})
}

// TestAssertionsAreChecked: replayed, for somebody else, expired, of another client or key. All look alike outside.
func TestAssertionsAreChecked(t *testing.T) {
	onBoth(t, func(h *house) {
		c := h.newKeyed(client.Registration{Name: "Keyed job", Machine: true, Team: h.atlas})
		other := h.newKeyed(client.Registration{Name: "Other job", Machine: true, Team: h.atlas})
		form := func() url.Values { return pairs("grant_type", "client_credentials") }
		p := h.program()
		used := c.assertion(h, nil)
		p.post("/o/token/", by(used, form())).wantTokens()
		now := h.clock.now()
		forged := other.assertion(h, map[string]any{"iss": string(c.ID), "sub": string(c.ID)})
		header, rest, _ := strings.Cut(c.assertion(h, nil), ".")
		bodies := map[string]bool{}
		for name, assertion := range map[string]string{
			"replayed":             used,
			"same jti":             c.assertion(h, map[string]any{"jti": jtiOf(h, used)}),
			"another audience":     c.assertion(h, map[string]any{"aud": "https://elsewhere.example"}),
			"the token endpoint":   c.assertion(h, map[string]any{"aud": h.parts.Issuer + "/o/token/"}),
			"an array":             c.assertion(h, map[string]any{"aud": []string{h.parts.Issuer}}),
			"an audience more":     c.assertion(h, map[string]any{"aud": []string{h.parts.Issuer, "https://elsewhere.example"}}),
			"no audience":          c.assertion(h, map[string]any{"aud": nil}),
			"expired":              c.assertion(h, map[string]any{"exp": now.Unix()}),
			"no exp":               c.assertion(h, map[string]any{"exp": nil}),
			"for years":            c.assertion(h, map[string]any{"exp": now.Add(24 * time.Hour).Unix()}),
			"no jti":               c.assertion(h, map[string]any{"jti": nil}),
			"iss differs":          c.assertion(h, map[string]any{"iss": string(other.ID)}),
			"another client's key": forged,
			"no such client":       c.assertion(h, map[string]any{"iss": "nobody", "sub": "nobody"}),
			"no signature":         header + "." + strings.Split(rest, ".")[0] + ".",
			"none":                 "eyJhbGciOiJub25lIn0." + strings.Split(rest, ".")[0] + ".",
		} {
			a := p.post("/o/token/", by(assertion, form()))
			h.Log(name)
			a.wantJSON(http.StatusUnauthorized, "invalid_client")
			if name != "no signature" && name != "none" && name != "iss differs" { // those are malformed, and say so
				bodies[a.body] = true
			}
		}
		if len(bodies) != 1 {
			h.Errorf("there are %d different bodies: %v", len(bodies), bodies)
		}
		p.post("/o/token/", by(c.assertion(h, nil), pairs("grant_type", "client_credentials", "client_id", string(other.ID)))).wantJSON(http.StatusUnauthorized, "invalid_client")
		p.post("/o/token/", by(c.assertion(h, nil), asClient(h.newMachine(), "grant_type", "client_credentials"))).wantJSON(http.StatusBadRequest, "invalid_request")
		wrongType := form()
		wrongType.Set("client_assertion", c.assertion(h, nil))
		if a := p.post("/o/token/", wrongType); a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
			h.Errorf("without client_assertion_type: status %d", a.status)
		}
		// Who has keys has no other way in, and keys are no way in for who has none.
		p.post("/o/token/", pairs("grant_type", "client_credentials", "client_id", string(c.ID))).wantJSON(http.StatusUnauthorized, "invalid_client")
		p.post("/o/token/", pairs("grant_type", "client_credentials", "client_id", string(c.ID), "client_secret", "gh_cs_x")).wantJSON(http.StatusUnauthorized, "invalid_client")
		p.post("/o/token/", by(keyed{h.insight, c.signer}.assertion(h, nil), pairs("grant_type", "refresh_token", "refresh_token", "x"))).wantJSON(http.StatusUnauthorized, "invalid_client")
		p.post("/o/token/", by(c.assertion(h, nil), form())).wantTokens()
		h.ok(h.db.DisableClient(h.Context(), c.ID, h.clock.now()))
		p.post("/o/token/", by(c.assertion(h, nil), form())).wantJSON(http.StatusUnauthorized, "invalid_client")
	})
}

func jtiOf(h *house, text string) any {
	parsed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	h.ok(err)
	var claims map[string]any
	h.ok(parsed.UnsafeClaimsWithoutVerification(&claims))
	return claims["jti"]
}

// TestAssertionAlgorithmsOfTheMetadataWork.
func TestAssertionAlgorithmsOfTheMetadataWork(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, algorithm := range h.metadata().TokenEndpointAuthSigningAlgValuesSupported {
			private := newPrivate(h, algorithm)
			keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "k", Algorithm: algorithm, Use: "sig"}}})
			h.ok(err)
			client := h.register(client.Registration{Name: "Job " + algorithm, Machine: true, Team: h.atlas, JWKS: string(keys)})
			assertion := signJWT(h, algorithm, private, nil, map[string]any{
				"iss": string(client.ID), "sub": string(client.ID), "aud": h.parts.Issuer, "jti": token.NewID(), "exp": h.clock.now().Add(time.Minute).Unix(),
			})
			h.program().post("/o/token/", by(assertion, pairs("grant_type", "client_credentials"))).wantTokens()
		}
	})
}
