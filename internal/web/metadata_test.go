package web_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

func (h *house) metadata() oauth.Metadata {
	h.Helper()
	var m oauth.Metadata
	h.ok(json.Unmarshal([]byte(h.program().get("/.well-known/oauth-authorization-server").wantStatus(http.StatusOK).body), &m))
	return m
}

// TestMetadataSaysWhatTheServerAccepts tries every value that it advertises.
func TestMetadataSaysWhatTheServerAccepts(t *testing.T) {
	onBoth(t, func(h *house) {
		m := h.metadata()
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas, "scope", "")
		b.connect(h.pocket, h.atlas, "scope", "")
		if m.Issuer != h.server.URL {
			h.Errorf("issuer %q, want %q", m.Issuer, h.server.URL)
		}
		codeFor := func(client app, changes ...string) string {
			return b.get(m.AuthorizationEndpoint + "?" + parameters(client, changes...).Encode()).wantCode(client.redirectURI)
		}
		for _, scope := range m.ScopesSupported {
			code := codeFor(h.insight, "scope", scope)
			if got := b.post(m.TokenEndpoint, tokenRequest(h.insight, code)).wantTokens().Scope; got != scope {
				h.Errorf("asked for %q, got %q", scope, got)
			}
		}
		for _, kind := range m.ResponseTypesSupported {
			codeFor(h.insight, "response_type", kind)
		}
		for _, mode := range m.ResponseModesSupported {
			codeFor(h.insight, "response_mode", mode)
		}
		for _, method := range m.CodeChallengeMethodsSupported {
			codeFor(h.insight, "code_challenge_method", method)
		}
		for _, grantType := range m.GrantTypesSupported {
			if grantType != oauth.GrantAuthorizationCode {
				h.Errorf("grant type %q is advertised and not tried here", grantType)
			}
		}
		for _, method := range m.TokenEndpointAuthMethodsSupported {
			switch method {
			case oauth.AuthBasic:
				b.post(m.TokenEndpoint, tokenRequest(h.insight, codeFor(h.insight), "client_id", "", "client_secret", ""),
					"Authorization", basic(string(h.insight.ID), h.insight.secret)).wantTokens()
			case oauth.AuthPost:
				b.post(m.TokenEndpoint, tokenRequest(h.insight, codeFor(h.insight))).wantTokens()
			case oauth.AuthNone:
				b.post(m.TokenEndpoint, tokenRequest(h.pocket, codeFor(h.pocket))).wantTokens()
			default:
				h.Errorf("authentication method %q is advertised and not tried here", method)
			}
		}
		if !m.AuthorizationResponseIssParameterSupported { // wantCode checks iss
			h.Error("iss is returned and not advertised (RFC 9207 §3)")
		}
		b.get(m.JWKSURI).wantStatus(http.StatusOK)
		b.get(m.ServiceDocumentation).wantPage(http.StatusOK)
	})
}

// TestMetadataDoesNotAdvertiseWhatIsNotThere: every member that it has is one that the test above tries.
func TestMetadataDoesNotAdvertiseWhatIsNotThere(t *testing.T) {
	onBoth(t, func(h *house) {
		var members map[string]any
		h.ok(json.Unmarshal([]byte(h.program().get("/.well-known/oauth-authorization-server").body), &members))
		tried := []string{
			"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "scopes_supported", "response_types_supported", "response_modes_supported",
			"grant_types_supported", "token_endpoint_auth_methods_supported", "code_challenge_methods_supported",
			"authorization_response_iss_parameter_supported", "service_documentation",
		}
		for name := range members {
			if !slices.Contains(tried, name) {
				h.Errorf("%s is advertised and not tried", name)
			}
		}
		for _, path := range []string{"/.well-known/openid-configuration", "/o/userinfo/", "/o/introspect/", "/o/revoke_token/", "/o/par/"} {
			h.program().get(path).wantStatus(http.StatusNotFound)
		}
	})
}

// TestWellKnownDocumentsAreCachedAndOpenToAll: ETag, max-age and CORS.
func TestWellKnownDocumentsAreCachedAndOpenToAll(t *testing.T) {
	onBoth(t, func(h *house) {
		p := h.program()
		for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/jwks.json"} {
			a := p.get(path, "Origin", "https://anyone.example").wantStatus(http.StatusOK)
			etag := a.header.Get("ETag")
			if !strings.HasPrefix(etag, `"`) || !strings.Contains(a.header.Get("Cache-Control"), "max-age=") || a.header.Get("Access-Control-Allow-Origin") != "*" ||
				a.header.Get("Content-Type") != "application/json" {
				h.Errorf("%s: headers are %v", path, a.header)
			}
			again := p.get(path, "If-None-Match", etag).wantStatus(http.StatusNotModified)
			if again.body != "" {
				h.Errorf("%s: 304 with the body %q", path, again.body)
			}
			p.get(path, "If-None-Match", `"other"`).wantStatus(http.StatusOK)
			preflight := p.do(http.MethodOptions, path, "", "Origin", "https://anyone.example", "Access-Control-Request-Method", "GET",
				"Access-Control-Request-Headers", "mcp-protocol-version").wantStatus(http.StatusNoContent)
			if got := preflight.header; got.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.Get("Access-Control-Allow-Headers"), "*") {
				h.Errorf("%s: the preflight's headers are %v", path, got)
			}
		}
	})
}

// TestJWKSChangesWithTheKeys: the next key is published before it signs, and the old one until its tokens are dead.
func TestJWKSChangesWithTheKeys(t *testing.T) {
	onBoth(t, func(h *house) {
		jwks := func() *answer { return h.program().get("/.well-known/jwks.json").wantStatus(http.StatusOK) }
		before := jwks()
		b := h.signedIn(ben)
		old := h.redeem(h.insight, b.connect(h.insight, h.atlas)).wantTokens().AccessToken
		h.ok(h.keys.Rotate(h.Context(), token.RotationOverlap{Publish: time.Hour, Retire: 2 * time.Hour}))
		published := jwks()
		if published.header.Get("ETag") == before.header.Get("ETag") || strings.Count(published.body, `"kid"`) != 2 {
			h.Errorf("after the rotation the JWKS is %s", published.body)
		}
		h.claims(old)
		h.clock.advance(time.Hour)
		h.claims(old) // checks the signature
		h.claims(h.redeem(h.insight, b.connect(h.insight, h.atlas)).wantTokens().AccessToken)
		h.clock.advance(2 * time.Hour)
		if last := jwks(); strings.Count(last.body, `"kid"`) != 1 || strings.Contains(last.body, `"d"`) {
			h.Errorf("in the end the JWKS is %s", last.body)
		}
	})
}
