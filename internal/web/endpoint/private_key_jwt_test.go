package endpoint_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// rsaKey is made once: it takes longer than a test.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// newPrivate is a key for an algorithm.
func newPrivate(h *webtest.House, algorithm string) crypto.Signer {
	h.Helper()
	switch algorithm {
	case "ES256":
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		h.OK(err)
		return key
	case "EdDSA", "Ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		h.OK(err)
		return key
	case "RS256", "PS256":
		return rsaKey()
	}
	h.Fatalf("no key for %q, which is advertised", algorithm)
	return nil
}

// TestAssertionsAuthenticateEverywhere that a client has to: token, PAR, revocation, introspection; with the issuer as aud.
func TestAssertionsAuthenticateEverywhere(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		c := h.NewKeyed(client.Registration{Name: "Keyed", RedirectURIs: []string{"https://keyed.example/cb"}})
		if c.Secret != "" {
			h.Error("a client with keys got a secret as well")
		}
		code := h.SignedIn(webtest.Ben).Connect(c.App, h.Atlas)
		p := h.Program()
		got := p.Post("/o/token/", webtest.By(c.Assertion(h, nil), webtest.TokenRequest(c.App, code))).WantTokens()
		form := webtest.Pairs("grant_type", "refresh_token", "refresh_token", got.RefreshToken) // client_id may be left out
		kept := got.RefreshToken
		for range 3 { // FAPI 2.0 Security Profile §5.3.2.1: such a client's refresh token is not replaced
			h.Clock.Advance(20 * 24 * time.Hour)
			got = p.Post("/o/token/", webtest.By(c.Assertion(h, nil), form)).WantTokens()
			if got.RefreshToken != kept {
				h.Error("the refresh token was replaced")
			}
		}
		if a := p.Post("/o/introspect/", webtest.By(c.Assertion(h, nil), webtest.Pairs("token", got.AccessToken))); !strings.Contains(a.Body, `"active":true`) {
			h.Errorf("introspection: %d %s", a.Status, a.Body)
		}
		p.Post("/o/par/", webtest.By(c.Assertion(h, nil), webtest.Parameters(c.App))).WantRequestURI()
		p.Post("/o/revoke_token/", webtest.By(c.Assertion(h, nil), webtest.Pairs("token", got.AccessToken))).WantOK()

		machine := h.NewKeyed(client.Registration{Name: "Keyed job", Machine: true, Team: h.Atlas})
		p.Post("/o/token/", webtest.By(machine.Assertion(h, nil), webtest.Pairs("grant_type", "client_credentials"))).WantTokens()
	})
}

// TestAssertionsAreChecked: replayed, for somebody else, expired, of another client or key. All look alike outside.
func TestAssertionsAreChecked(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		c := h.NewKeyed(client.Registration{Name: "Keyed job", Machine: true, Team: h.Atlas})
		other := h.NewKeyed(client.Registration{Name: "Other job", Machine: true, Team: h.Atlas})
		form := func() url.Values { return webtest.Pairs("grant_type", "client_credentials") }
		p := h.Program()
		used := c.Assertion(h, nil)
		p.Post("/o/token/", webtest.By(used, form())).WantTokens()
		now := h.Clock.Now()
		forged := other.Assertion(h, map[string]any{"iss": string(c.ID), "sub": string(c.ID)})
		header, rest, _ := strings.Cut(c.Assertion(h, nil), ".")
		bodies := map[string]bool{}
		for name, assertion := range map[string]string{
			"replayed":             used,
			"same jti":             c.Assertion(h, map[string]any{"jti": jtiOf(h, used)}),
			"another audience":     c.Assertion(h, map[string]any{"aud": "https://elsewhere.example"}),
			"the token endpoint":   c.Assertion(h, map[string]any{"aud": h.Parts.Issuer + "/o/token/"}),
			"an array":             c.Assertion(h, map[string]any{"aud": []string{h.Parts.Issuer}}),
			"an audience more":     c.Assertion(h, map[string]any{"aud": []string{h.Parts.Issuer, "https://elsewhere.example"}}),
			"no audience":          c.Assertion(h, map[string]any{"aud": nil}),
			"expired":              c.Assertion(h, map[string]any{"exp": now.Unix()}),
			"no exp":               c.Assertion(h, map[string]any{"exp": nil}),
			"for years":            c.Assertion(h, map[string]any{"exp": now.Add(24 * time.Hour).Unix()}),
			"no jti":               c.Assertion(h, map[string]any{"jti": nil}),
			"iss differs":          c.Assertion(h, map[string]any{"iss": string(other.ID)}),
			"another client's key": forged,
			"no such client":       c.Assertion(h, map[string]any{"iss": "nobody", "sub": "nobody"}),
			"no signature":         header + "." + strings.Split(rest, ".")[0] + ".",
			"none":                 "eyJhbGciOiJub25lIn0." + strings.Split(rest, ".")[0] + ".",
		} {
			a := p.Post("/o/token/", webtest.By(assertion, form()))
			h.Log(name)
			a.WantJSON(http.StatusUnauthorized, "invalid_client")
			if name != "no signature" && name != "none" && name != "iss differs" { // those are malformed, and say so
				bodies[a.Body] = true
			}
		}
		if len(bodies) != 1 {
			h.Errorf("there are %d different bodies: %v", len(bodies), bodies)
		}
		p.Post("/o/token/", webtest.By(c.Assertion(h, nil), webtest.Pairs("grant_type", "client_credentials", "client_id", string(other.ID)))).WantJSON(http.StatusUnauthorized, "invalid_client")
		p.Post("/o/token/", webtest.By(c.Assertion(h, nil), webtest.AsClient(h.NewMachine(), "grant_type", "client_credentials"))).WantJSON(http.StatusBadRequest, "invalid_request")
		wrongType := form()
		wrongType.Set("client_assertion", c.Assertion(h, nil))
		if a := p.Post("/o/token/", wrongType); a.Status != http.StatusBadRequest && a.Status != http.StatusUnauthorized {
			h.Errorf("without client_assertion_type: status %d", a.Status)
		}
		// Who has keys has no other way in, and keys are no way in for who has none.
		p.Post("/o/token/", webtest.Pairs("grant_type", "client_credentials", "client_id", string(c.ID))).WantJSON(http.StatusUnauthorized, "invalid_client")
		p.Post("/o/token/", webtest.Pairs("grant_type", "client_credentials", "client_id", string(c.ID), "client_secret", "gh_cs_x")).WantJSON(http.StatusUnauthorized, "invalid_client")
		p.Post("/o/token/", webtest.By(webtest.Keyed{App: h.Insight, Signer: c.Signer}.Assertion(h, nil), webtest.Pairs("grant_type", "refresh_token", "refresh_token", "x"))).WantJSON(http.StatusUnauthorized, "invalid_client")
		p.Post("/o/token/", webtest.By(c.Assertion(h, nil), form())).WantTokens()
		h.OK(h.DB.DisableClient(h.Context(), c.ID, h.Clock.Now()))
		p.Post("/o/token/", webtest.By(c.Assertion(h, nil), form())).WantJSON(http.StatusUnauthorized, "invalid_client")
	})
}

func jtiOf(h *webtest.House, text string) any {
	parsed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	h.OK(err)
	var claims map[string]any
	h.OK(parsed.UnsafeClaimsWithoutVerification(&claims))
	return claims["jti"]
}

// TestAssertionAlgorithmsOfTheMetadataWork.
func TestAssertionAlgorithmsOfTheMetadataWork(t *testing.T) {
	underEveryProfile(t, func(h *webtest.House) {
		prover := h.NewProver()
		for _, algorithm := range h.Metadata().TokenEndpointAuthSigningAlgValuesSupported {
			private := newPrivate(h, algorithm)
			keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "k", Algorithm: algorithm, Use: "sig"}}})
			h.OK(err)
			client := h.Register(client.Registration{Name: "Job " + algorithm, Machine: true, Team: h.Atlas, JWKS: string(keys)})
			assertion := signJWT(h, algorithm, private, nil, map[string]any{
				"iss": string(client.ID), "sub": string(client.ID), "aud": h.Parts.Issuer, "jti": token.NewID(), "exp": h.Clock.Now().Add(time.Minute).Unix(),
			})
			prover.Post("/o/token/", webtest.By(assertion, webtest.Pairs("grant_type", "client_credentials"))).WantTokensOfType("DPoP")
		}
	})
}
