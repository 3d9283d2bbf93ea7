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

// caller asks for codes and tokens in the way that the profile of the house wants.
type caller struct {
	*webtest.House
	m      oauth.Metadata
	b      *webtest.Browser // Ben is signed in
	keyed  webtest.Keyed
	prover *webtest.Prover
}

func newCaller(h *webtest.House) caller {
	h.Helper()
	keyed := h.NewKeyed(client.Registration{Name: "Keyed", RedirectURIs: []string{"https://keyed.example/cb"}})
	return caller{h, h.Metadata(), h.SignedIn(webtest.Ben), keyed, h.NewProver()}
}

// post sends a form of a client's, which authenticates by an assertion if it has a key. At the token endpoint of a server that wants it, a DPoP proof goes along.
func (c caller) post(endpoint string, client webtest.App, form url.Values, headers ...string) *webtest.Answer {
	c.Helper()
	if client.ID == c.keyed.ID {
		form = webtest.By(c.keyed.Assertion(c.House, nil), form)
	}
	if c.Profile.FAPI2() && endpoint == c.m.TokenEndpoint {
		return c.prover.Post(strings.TrimPrefix(endpoint, c.Parts.Issuer), form, headers...)
	}
	return c.b.Post(endpoint, form, headers...)
}

func (c caller) authorize(client webtest.App, changes ...string) *webtest.Answer {
	c.Helper()
	parameters := webtest.Parameters(client, changes...)
	if c.m.RequirePushedAuthorizationRequests {
		pushed := c.post(c.m.PushedAuthorizationRequestEndpoint, client, parameters).WantRequestURI()
		parameters = webtest.Pairs("client_id", string(client.ID), "request_uri", pushed)
	}
	return c.b.Get(c.m.AuthorizationEndpoint + "?" + parameters.Encode())
}

func (c caller) code(client webtest.App, changes ...string) string {
	c.Helper()
	return c.authorize(client, changes...).WantCode(client.RedirectURI)
}

// tokens are a successful answer, of the kind that the profile wants.
func (c caller) tokens(a *webtest.Answer) webtest.Tokens {
	c.Helper()
	if c.Profile.FAPI2() {
		return a.WantTokensOfType("DPoP")
	}
	return a.WantTokens()
}

// TestMetadataSaysWhatTheServerAccepts tries every value that it advertises.
func TestMetadataSaysWhatTheServerAccepts(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		c := newCaller(h)
		everything := strings.Join(c.m.ScopesSupported, " ")
		for _, client := range []webtest.App{h.Insight, h.Pocket, c.keyed.App} {
			c.b.Connect(client, h.Atlas, "scope", everything)
		}
		c.tryMetadata(h.Insight)
		if c.m.RequirePushedAuthorizationRequests {
			h.Error("PAR is said to be required, and is not")
		}
	})
}

// TestMetadataSaysWhatTheServerAcceptsUnderFAPI2 does the same under the profile fapi2.
func TestMetadataSaysWhatTheServerAcceptsUnderFAPI2(t *testing.T) {
	webtest.UnderProfile(t, oauth.ProfileFAPI2, func(h *webtest.House) {
		c := newCaller(h)
		everything := strings.Join(c.m.ScopesSupported, " ")
		c.authorize(c.keyed.App, "scope", everything).WantConsent().Decide("authorize", h.Atlas.ID).WantCode(c.keyed.RedirectURI)
		c.tryMetadata(c.keyed.App)
		if !c.m.RequirePushedAuthorizationRequests {
			h.Error("PAR is required, and not said to be")
		}
		methods := []oauth.AuthMethod{oauth.AuthPrivateKeyJWT}
		for _, got := range [][]oauth.AuthMethod{c.m.TokenEndpointAuthMethodsSupported, c.m.RevocationEndpointAuthMethodsSupported, c.m.IntrospectionEndpointAuthMethodsSupported} {
			if !slices.Equal(got, methods) {
				h.Errorf("clients are told to authenticate by %v", got)
			}
		}
		var members map[string]any
		h.OK(json.Unmarshal([]byte(h.Program().Get("/.well-known/openid-configuration").Body), &members))
		for name, values := range members {
			if text := webtest.AsJSON(h, values); strings.HasSuffix(name, "_alg_values_supported") && strings.Contains(text, "RS256") {
				h.Errorf("%s is %s", name, text)
			}
		}
	})
}

// tryMetadata tries every value of the metadata, with an application where any will do.
func (c caller) tryMetadata(app webtest.App) {
	c.Helper()
	m := c.m
	if m.Issuer != c.Server.URL {
		c.Errorf("issuer %q, want %q", m.Issuer, c.Server.URL)
	}
	for _, scope := range m.ScopesSupported {
		form := webtest.TokenRequest(app, c.code(app, "scope", scope))
		if got := c.tokens(c.post(m.TokenEndpoint, app, form)).Scope; got != scope {
			c.Errorf("asked for %q, got %q", scope, got)
		}
	}
	for _, kind := range m.ResponseTypesSupported {
		c.code(app, "response_type", kind)
	}
	for _, mode := range m.ResponseModesSupported {
		a := c.authorize(app, "response_mode", mode)
		if mode == "form_post" {
			a.WantFormPost(app.RedirectURI)
		} else {
			a.WantCode(app.RedirectURI)
		}
	}
	for _, method := range m.CodeChallengeMethodsSupported {
		c.code(app, "code_challenge_method", method)
	}
	for _, grantType := range m.GrantTypesSupported {
		c.tryGrantType(app, grantType)
	}
	c.tryAuthMethods()
	c.b.Get(m.EndedTokensURI).WantStatus(http.StatusOK)
	if !m.AuthorizationResponseIssParameterSupported { // WantCode checks iss
		c.Error("iss is returned and not advertised (RFC 9207 §3)")
	}
	c.b.Get(m.JWKSURI).WantStatus(http.StatusOK)
	c.b.Get(m.ServiceDocumentation).WantPage(http.StatusOK)
}

func (c caller) tryGrantType(app webtest.App, grantType oauth.GrantType) {
	c.Helper()
	switch grantType {
	case oauth.GrantAuthorizationCode:
	case oauth.GrantRefreshToken:
		got := c.tokens(c.post(c.m.TokenEndpoint, app, webtest.TokenRequest(app, c.code(app))))
		c.tokens(c.post(c.m.TokenEndpoint, app, webtest.AsClient(app, "grant_type", string(grantType), "refresh_token", got.RefreshToken)))
	case oauth.GrantClientCredentials:
		machine := c.NewKeyed(client.Registration{Name: "Job", Machine: true, Team: c.Atlas})
		c.tokens(c.post(c.m.TokenEndpoint, machine.App, webtest.By(machine.Assertion(c.House, nil), webtest.Pairs("grant_type", string(grantType)))))
	default:
		c.Errorf("grant type %q is advertised and not tried here", grantType)
	}
}

// tryAuthMethods authenticates in every advertised way at every endpoint.
func (c caller) tryAuthMethods() {
	c.Helper()
	m := c.m
	// as sends a form to an endpoint for a client that authenticates by a method.
	as := func(method oauth.AuthMethod, endpoint string, form func(webtest.App) url.Values) *webtest.Answer {
		switch method {
		case oauth.AuthBasic:
			return c.post(endpoint, c.Insight, webtest.Without(form(c.Insight), "client_id", "client_secret"), "Authorization", webtest.Basic(string(c.Insight.ID), c.Insight.Secret))
		case oauth.AuthPost:
			return c.post(endpoint, c.Insight, form(c.Insight))
		case oauth.AuthNone:
			return c.post(endpoint, c.Pocket, form(c.Pocket))
		case oauth.AuthPrivateKeyJWT:
			return c.post(endpoint, c.keyed.App, form(c.keyed.App))
		}
		c.Fatalf("authentication method %q is advertised and not tried here", method)
		return nil
	}
	for _, method := range m.TokenEndpointAuthMethodsSupported {
		c.tokens(as(method, m.TokenEndpoint, func(client webtest.App) url.Values { return webtest.TokenRequest(client, c.code(client)) }))
		as(method, m.PushedAuthorizationRequestEndpoint, func(client webtest.App) url.Values { return webtest.Pushed(client) }).WantRequestURI()
	}
	token := func(client webtest.App) url.Values {
		got := c.tokens(c.post(m.TokenEndpoint, client, webtest.TokenRequest(client, c.code(client))))
		return webtest.AsClient(client, "token", got.AccessToken)
	}
	for _, method := range m.IntrospectionEndpointAuthMethodsSupported {
		if a := as(method, m.IntrospectionEndpoint, token); !strings.Contains(a.Body, `"active":true`) {
			c.Errorf("introspection by %s: %s", method, a.Body)
		}
	}
	for _, method := range m.RevocationEndpointAuthMethodsSupported {
		as(method, m.RevocationEndpoint, token).WantOK()
	}
}

// TestMetadataDoesNotAdvertiseWhatIsNotThere: every member that it has is one that the test above tries.
func TestMetadataDoesNotAdvertiseWhatIsNotThere(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		var members map[string]any
		h.OK(json.Unmarshal([]byte(h.Program().Get("/.well-known/oauth-authorization-server").Body), &members))
		tried := []string{
			"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "scopes_supported", "response_types_supported", "response_modes_supported",
			"grant_types_supported", "token_endpoint_auth_methods_supported", "code_challenge_methods_supported",
			"authorization_response_iss_parameter_supported", "service_documentation", "ui_locales_supported", // in language_test.go
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
		const nothing = `{"clients":{},"families":[],"grants":[],"tokens":[],"until":{}}`
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
