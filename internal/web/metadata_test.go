package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
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
		everything := strings.Join(m.ScopesSupported, " ")
		b.connect(h.insight, h.atlas, "scope", everything)
		b.connect(h.pocket, h.atlas, "scope", everything)
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
			a := b.get(m.AuthorizationEndpoint + "?" + parameters(h.insight, "response_mode", mode).Encode())
			if mode == "form_post" {
				a.wantFormPost(callback)
			} else {
				a.wantCode(callback)
			}
		}
		for _, method := range m.CodeChallengeMethodsSupported {
			codeFor(h.insight, "code_challenge_method", method)
		}
		for _, grantType := range m.GrantTypesSupported {
			switch grantType {
			case oauth.GrantAuthorizationCode:
			case oauth.GrantRefreshToken:
				got := b.post(m.TokenEndpoint, tokenRequest(h.insight, codeFor(h.insight))).wantTokens()
				b.post(m.TokenEndpoint, asClient(h.insight, "grant_type", string(grantType), "refresh_token", got.RefreshToken)).wantTokens()
			case oauth.GrantClientCredentials:
				b.post(m.TokenEndpoint, asClient(h.newMachine(), "grant_type", string(grantType))).wantTokens()
			default:
				h.Errorf("grant type %q is advertised and not tried here", grantType)
			}
		}
		keyed := h.newKeyed(client.Registration{Name: "Keyed", RedirectURIs: []string{"https://keyed.example/cb"}})
		b.connect(keyed.app, h.atlas)
		// as sends a form to an endpoint for a client that authenticates by a method.
		as := func(method oauth.AuthMethod, endpoint string, form func(app) url.Values) *answer {
			switch method {
			case oauth.AuthBasic:
				return b.post(endpoint, without(form(h.insight), "client_id", "client_secret"), "Authorization", basic(string(h.insight.ID), h.insight.secret))
			case oauth.AuthPost:
				return b.post(endpoint, form(h.insight))
			case oauth.AuthNone:
				return b.post(endpoint, form(h.pocket))
			case oauth.AuthPrivateKeyJWT:
				return b.post(endpoint, by(keyed.assertion(h, nil), form(keyed.app)))
			}
			h.Fatalf("authentication method %q is advertised and not tried here", method)
			return nil
		}
		for _, method := range m.TokenEndpointAuthMethodsSupported {
			as(method, m.TokenEndpoint, func(client app) url.Values { return tokenRequest(client, codeFor(client)) }).wantTokens()
			as(method, m.PushedAuthorizationRequestEndpoint, func(client app) url.Values { return pushed(client) }).wantRequestURI()
		}
		token := func(client app) url.Values {
			var form url.Values
			switch client.ID {
			case keyed.ID:
				form = by(keyed.assertion(h, nil), tokenRequest(client, codeFor(client)))
			default:
				form = tokenRequest(client, codeFor(client))
			}
			return asClient(client, "token", b.post(m.TokenEndpoint, form).wantTokens().AccessToken)
		}
		for _, method := range m.IntrospectionEndpointAuthMethodsSupported {
			if a := as(method, m.IntrospectionEndpoint, token); !strings.Contains(a.body, `"active":true`) {
				h.Errorf("introspection by %s: %s", method, a.body)
			}
		}
		for _, method := range m.RevocationEndpointAuthMethodsSupported {
			as(method, m.RevocationEndpoint, token).wantOK()
		}
		if m.RequirePushedAuthorizationRequests {
			h.Error("PAR is said to be required, and is not")
		}
		b.get(m.EndedTokensURI).wantStatus(http.StatusOK)
		if !m.AuthorizationResponseIssParameterSupported { // wantCode checks iss
			h.Error("iss is returned and not advertised (RFC 9207 §3)")
		}
		b.get(m.JWKSURI).wantStatus(http.StatusOK)
		b.get(m.ServiceDocumentation).wantPage(http.StatusOK)
	})
}

// without is a form without some of its fields.
func without(form url.Values, names ...string) url.Values {
	for _, name := range names {
		form.Del(name)
	}
	return form
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
			"revocation_endpoint", "introspection_endpoint", "revocation_endpoint_auth_methods_supported", "introspection_endpoint_auth_methods_supported",
			"pushed_authorization_request_endpoint", "ended_tokens_uri",
			"token_endpoint_auth_signing_alg_values_supported", "dpop_signing_alg_values_supported", // in tests of their own
			"revocation_endpoint_auth_signing_alg_values_supported", "introspection_endpoint_auth_signing_alg_values_supported", // the same
		}
		for name := range members {
			if !slices.Contains(tried, name) {
				h.Errorf("%s is advertised and not tried", name)
			}
		}
		for _, path := range []string{"/o/device_authorization/", "/o/register/", "/.well-known/webfinger"} {
			h.program().get(path).wantStatus(http.StatusNotFound)
		}
	})
}

// TestWellKnownDocumentsAreCachedAndOpenToAll: ETag, max-age and CORS.
func TestWellKnownDocumentsAreCachedAndOpenToAll(t *testing.T) {
	onBoth(t, func(h *house) {
		p := h.program()
		const json, caching = "application/json", "public, max-age=300"
		for path, want := range map[string][2]string{
			"/.well-known/oauth-authorization-server": {json, caching}, "/.well-known/openid-configuration": {json, caching},
			"/.well-known/jwks.json": {json, caching}, "/.well-known/ended-tokens.jwt": {"application/jwt", "no-cache"},
		} {
			a := p.get(path, "Origin", "https://anyone.example").wantStatus(http.StatusOK)
			etag := a.header.Get("ETag")
			if !strings.HasPrefix(etag, `"`) || a.header.Get("Cache-Control") != want[1] || a.header.Get("Access-Control-Allow-Origin") != "*" ||
				a.header.Get("Content-Type") != want[0] {
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

// TestJWKSChangesWithTheKeys: the next keys are published before they sign, and the old ones until their tokens are dead.
func TestJWKSChangesWithTheKeys(t *testing.T) {
	onBoth(t, func(h *house) {
		jwks := func() *answer { return h.program().get("/.well-known/jwks.json").wantStatus(http.StatusOK) }
		before := jwks()
		b := h.signedIn(ben)
		old := b.connection(h.insight, h.atlas, "scope", "openid chatbot:read")
		h.ok(h.keys.Rotate(h.Context(), token.RotationOverlap{Publish: time.Hour, Retire: 2 * time.Hour}))
		// Two of each kind: what signs access tokens, and what signs ID tokens.
		published := jwks()
		if published.header.Get("ETag") == before.header.Get("ETag") || strings.Count(published.body, `"kid"`) != 4 {
			h.Errorf("after the rotation the JWKS is %s", published.body)
		}
		verify := func(got tokens) { // both signatures
			h.Helper()
			h.claims(got.AccessToken)
			h.payload(got.IDToken, jose.RS256)
		}
		verify(old)
		h.clock.advance(time.Hour)
		verify(old)
		renewed := h.refresh(h.insight, old.RefreshToken).wantTokens()
		verify(renewed)
		if kid(renewed.AccessToken) == kid(old.AccessToken) || kid(renewed.IDToken) == kid(old.IDToken) {
			h.Error("the new keys do not sign")
		}
		h.userInfo(renewed.AccessToken).wantStatus(http.StatusOK)
		h.clock.advance(2 * time.Hour)
		last := jwks()
		if strings.Count(last.body, `"kid"`) != 2 || strings.Contains(last.body, `"d"`) {
			h.Errorf("in the end the JWKS is %s", last.body)
		}
		h.refresh(h.insight, renewed.RefreshToken).wantTokens() // connections outlive signing keys
	})
}

// kid is the header of a JWT, which names its key.
func kid(text string) string {
	header, _, _ := strings.Cut(text, ".")
	return header
}

// ended is what the list of ended tokens says, verified with the JWKS.
func (h *house) ended() string {
	h.Helper()
	h.clock.advance(time.Second) // it is made once a second
	claims, header := h.payload(h.program().get("/.well-known/ended-tokens.jwt").wantStatus(http.StatusOK).body, jose.ES256)
	if header.ExtraHeaders["typ"] != "ended-tokens+jwt" || claims["iss"] != h.parts.Issuer || claims["iat"] != float64(h.clock.now().Unix()) {
		h.Errorf("typ %v, claims %v", header.ExtraHeaders["typ"], claims)
	}
	return asJSON(h, claims["ended"])
}

// TestListOfWhatHasEnded is signed, changes when something ends, and forgets what would have expired anyway.
func TestListOfWhatHasEnded(t *testing.T) {
	onBoth(t, func(h *house) {
		const nothing = `{"clients":{},"families":[],"grants":[],"tokens":[]}`
		if got := h.ended(); got != nothing {
			h.Errorf("at first it is %s", got)
		}
		etag := func() string { return h.program().get("/.well-known/ended-tokens.jwt").header.Get("ETag") }
		first := etag()
		b := h.signedIn(ben)
		revoked, left := b.connection(h.insight, h.atlas), b.connection(h.notes, h.atlas)
		h.clock.advance(time.Second)
		h.program().get("/.well-known/ended-tokens.jwt", "If-None-Match", first).wantStatus(http.StatusNotModified)
		h.call("/o/revoke_token/", h.insight, "token", revoked.RefreshToken).wantOK()
		family, _, _ := strings.Cut(h.claims(revoked.AccessToken)["jti"].(string), ".")
		if got := h.ended(); !strings.Contains(got, `"families":["`+family+`"]`) || etag() == first {
			h.Errorf("after a revocation it is %s", got)
		}
		h.program().get("/.well-known/ended-tokens.jwt", "If-None-Match", first).wantStatus(http.StatusOK)
		h.ok(h.directory.RemoveMember(h.Context(), team.CommandLine, "atlas", ben))
		if got := h.ended(); !strings.Contains(got, h.claims(left.AccessToken)["grant_id"].(string)) {
			h.Errorf("after the person left it is %s", got)
		}
		h.clock.advance(time.Hour + token.ClockLeeway + time.Minute)
		if got := h.ended(); got != nothing {
			h.Errorf("in the end it is %s", got)
		}
	})
}
