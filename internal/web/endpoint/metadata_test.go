package endpoint_test

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
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
	"github.com/go-jose/go-jose/v4"
)

// TestMetadataSaysWhatTheServerAccepts tries every value that it advertises.
func TestMetadataSaysWhatTheServerAccepts(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		m := h.Metadata()
		b := h.SignedIn(webtest.Ben)
		everything := strings.Join(m.ScopesSupported, " ")
		b.Connect(h.Insight, h.Atlas, "scope", everything)
		b.Connect(h.Pocket, h.Atlas, "scope", everything)
		if m.Issuer != h.Server.URL {
			h.Errorf("issuer %q, want %q", m.Issuer, h.Server.URL)
		}
		codeFor := func(client webtest.App, changes ...string) string {
			return b.Get(m.AuthorizationEndpoint + "?" + webtest.Parameters(client, changes...).Encode()).WantCode(client.RedirectURI)
		}
		for _, scope := range m.ScopesSupported {
			code := codeFor(h.Insight, "scope", scope)
			if got := b.Post(m.TokenEndpoint, webtest.TokenRequest(h.Insight, code)).WantTokens().Scope; got != scope {
				h.Errorf("asked for %q, got %q", scope, got)
			}
		}
		for _, kind := range m.ResponseTypesSupported {
			codeFor(h.Insight, "response_type", kind)
		}
		for _, mode := range m.ResponseModesSupported {
			a := b.Get(m.AuthorizationEndpoint + "?" + webtest.Parameters(h.Insight, "response_mode", mode).Encode())
			if mode == "form_post" {
				a.WantFormPost(webtest.Callback)
			} else {
				a.WantCode(webtest.Callback)
			}
		}
		for _, method := range m.CodeChallengeMethodsSupported {
			codeFor(h.Insight, "code_challenge_method", method)
		}
		for _, grantType := range m.GrantTypesSupported {
			switch grantType {
			case oauth.GrantAuthorizationCode:
			case oauth.GrantRefreshToken:
				got := b.Post(m.TokenEndpoint, webtest.TokenRequest(h.Insight, codeFor(h.Insight))).WantTokens()
				b.Post(m.TokenEndpoint, webtest.AsClient(h.Insight, "grant_type", string(grantType), "refresh_token", got.RefreshToken)).WantTokens()
			case oauth.GrantClientCredentials:
				b.Post(m.TokenEndpoint, webtest.AsClient(h.NewMachine(), "grant_type", string(grantType))).WantTokens()
			default:
				h.Errorf("grant type %q is advertised and not tried here", grantType)
			}
		}
		keyed := h.NewKeyed(client.Registration{Name: "Keyed", RedirectURIs: []string{"https://keyed.example/cb"}})
		b.Connect(keyed.App, h.Atlas)
		// as sends a form to an endpoint for a client that authenticates by a method.
		as := func(method oauth.AuthMethod, endpoint string, form func(webtest.App) url.Values) *webtest.Answer {
			switch method {
			case oauth.AuthBasic:
				return b.Post(endpoint, webtest.Without(form(h.Insight), "client_id", "client_secret"), "Authorization", webtest.Basic(string(h.Insight.ID), h.Insight.Secret))
			case oauth.AuthPost:
				return b.Post(endpoint, form(h.Insight))
			case oauth.AuthNone:
				return b.Post(endpoint, form(h.Pocket))
			case oauth.AuthPrivateKeyJWT:
				return b.Post(endpoint, webtest.By(keyed.Assertion(h, nil), form(keyed.App)))
			}
			h.Fatalf("authentication method %q is advertised and not tried here", method)
			return nil
		}
		for _, method := range m.TokenEndpointAuthMethodsSupported {
			as(method, m.TokenEndpoint, func(client webtest.App) url.Values { return webtest.TokenRequest(client, codeFor(client)) }).WantTokens()
			as(method, m.PushedAuthorizationRequestEndpoint, func(client webtest.App) url.Values { return webtest.Pushed(client) }).WantRequestURI()
		}
		token := func(client webtest.App) url.Values {
			var form url.Values
			switch client.ID {
			case keyed.ID:
				form = webtest.By(keyed.Assertion(h, nil), webtest.TokenRequest(client, codeFor(client)))
			default:
				form = webtest.TokenRequest(client, codeFor(client))
			}
			return webtest.AsClient(client, "token", b.Post(m.TokenEndpoint, form).WantTokens().AccessToken)
		}
		for _, method := range m.IntrospectionEndpointAuthMethodsSupported {
			if a := as(method, m.IntrospectionEndpoint, token); !strings.Contains(a.Body, `"active":true`) {
				h.Errorf("introspection by %s: %s", method, a.Body)
			}
		}
		for _, method := range m.RevocationEndpointAuthMethodsSupported {
			as(method, m.RevocationEndpoint, token).WantOK()
		}
		if m.RequirePushedAuthorizationRequests {
			h.Error("PAR is said to be required, and is not")
		}
		b.Get(m.EndedTokensURI).WantStatus(http.StatusOK)
		if !m.AuthorizationResponseIssParameterSupported { // wantCode checks iss
			h.Error("iss is returned and not advertised (RFC 9207 §3)")
		}
		b.Get(m.JWKSURI).WantStatus(http.StatusOK)
		b.Get(m.ServiceDocumentation).WantPage(http.StatusOK)
	})
}

// TestMetadataDoesNotAdvertiseWhatIsNotThere: every member that it has is one that the test above tries.
func TestMetadataDoesNotAdvertiseWhatIsNotThere(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		var members map[string]any
		h.OK(json.Unmarshal([]byte(h.Program().Get("/.well-known/oauth-authorization-server").Body), &members))
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
			h.Program().Get(path).WantStatus(http.StatusNotFound)
		}
	})
}

// TestWellKnownDocumentsAreCachedAndOpenToAll: ETag, max-age and CORS.
func TestWellKnownDocumentsAreCachedAndOpenToAll(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := h.Program()
		const json, caching = "application/json", "public, max-age=300"
		for path, want := range map[string][2]string{
			"/.well-known/oauth-authorization-server": {json, caching}, "/.well-known/openid-configuration": {json, caching},
			"/.well-known/jwks.json": {json, caching}, "/.well-known/ended-tokens.jwt": {"application/jwt", "no-cache"},
		} {
			a := p.Get(path, "Origin", "https://anyone.example").WantStatus(http.StatusOK)
			etag := a.Header.Get("ETag")
			if !strings.HasPrefix(etag, `"`) || a.Header.Get("Cache-Control") != want[1] || a.Header.Get("Access-Control-Allow-Origin") != "*" ||
				a.Header.Get("Content-Type") != want[0] {
				h.Errorf("%s: headers are %v", path, a.Header)
			}
			again := p.Get(path, "If-None-Match", etag).WantStatus(http.StatusNotModified)
			if again.Body != "" {
				h.Errorf("%s: 304 with the body %q", path, again.Body)
			}
			p.Get(path, "If-None-Match", `"other"`).WantStatus(http.StatusOK)
			preflight := p.Do(http.MethodOptions, path, "", "Origin", "https://anyone.example", "Access-Control-Request-Method", "GET",
				"Access-Control-Request-Headers", "mcp-protocol-version").WantStatus(http.StatusNoContent)
			if got := preflight.Header; got.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.Get("Access-Control-Allow-Headers"), "*") {
				h.Errorf("%s: the preflight's headers are %v", path, got)
			}
		}
	})
}

// TestJWKSChangesWithTheKeys: the next keys are published before they sign, and the old ones until their tokens are dead.
func TestJWKSChangesWithTheKeys(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		jwks := func() *webtest.Answer { return h.Program().Get("/.well-known/jwks.json").WantStatus(http.StatusOK) }
		before := jwks()
		b := h.SignedIn(webtest.Ben)
		old := b.Connection(h.Insight, h.Atlas, "scope", "openid chatbot:read")
		h.OK(h.Keys.Rotate(h.Context(), token.RotationOverlap{Publish: time.Hour, Retire: 2 * time.Hour}))
		// Two of each kind: what signs access tokens, and what signs ID tokens.
		published := jwks()
		if published.Header.Get("ETag") == before.Header.Get("ETag") || strings.Count(published.Body, `"kid"`) != 4 {
			h.Errorf("after the rotation the JWKS is %s", published.Body)
		}
		verify := func(got webtest.Tokens) { // both signatures
			h.Helper()
			h.Claims(got.AccessToken)
			h.Payload(got.IDToken, jose.RS256)
		}
		verify(old)
		h.Clock.Advance(time.Hour)
		verify(old)
		renewed := h.Refresh(h.Insight, old.RefreshToken).WantTokens()
		verify(renewed)
		if kid(renewed.AccessToken) == kid(old.AccessToken) || kid(renewed.IDToken) == kid(old.IDToken) {
			h.Error("the new keys do not sign")
		}
		h.UserInfo(renewed.AccessToken).WantStatus(http.StatusOK)
		h.Clock.Advance(2 * time.Hour)
		last := jwks()
		if strings.Count(last.Body, `"kid"`) != 2 || strings.Contains(last.Body, `"d"`) {
			h.Errorf("in the end the JWKS is %s", last.Body)
		}
		h.Refresh(h.Insight, renewed.RefreshToken).WantTokens() // connections outlive signing keys
	})
}

// kid is the header of a JWT, which names its key.
func kid(text string) string {
	header, _, _ := strings.Cut(text, ".")
	return header
}

// TestListOfWhatHasEnded is signed, changes when something ends, and forgets what would have expired anyway.
func TestListOfWhatHasEnded(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		const nothing = `{"clients":{},"families":[],"grants":[],"tokens":[]}`
		if got := h.Ended(); got != nothing {
			h.Errorf("at first it is %s", got)
		}
		etag := func() string { return h.Program().Get("/.well-known/ended-tokens.jwt").Header.Get("ETag") }
		first := etag()
		b := h.SignedIn(webtest.Ben)
		revoked, left := b.Connection(h.Insight, h.Atlas), b.Connection(h.Notes, h.Atlas)
		h.Clock.Advance(time.Second)
		h.Program().Get("/.well-known/ended-tokens.jwt", "If-None-Match", first).WantStatus(http.StatusNotModified)
		h.Call("/o/revoke_token/", h.Insight, "token", revoked.RefreshToken).WantOK()
		family, _, _ := strings.Cut(h.Claims(revoked.AccessToken)["jti"].(string), ".")
		if got := h.Ended(); !strings.Contains(got, `"families":["`+family+`"]`) || etag() == first {
			h.Errorf("after a revocation it is %s", got)
		}
		h.Program().Get("/.well-known/ended-tokens.jwt", "If-None-Match", first).WantStatus(http.StatusOK)
		h.OK(h.Directory.RemoveMember(h.Context(), team.CommandLine, "atlas", webtest.Ben))
		if got := h.Ended(); !strings.Contains(got, h.Claims(left.AccessToken)["grant_id"].(string)) {
			h.Errorf("after the person left it is %s", got)
		}
		h.Clock.Advance(time.Hour + token.ClockLeeway + time.Minute)
		if got := h.Ended(); got != nothing {
			h.Errorf("in the end it is %s", got)
		}
	})
}
