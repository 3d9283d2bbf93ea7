package web_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/go-jose/go-jose/v4"
)

// OpenID Connect at the authorization and token endpoints.

// TestIDTokenSaysWhoSignedInWhereAndWhen (OpenID Connect Core §2).
func TestIDTokenSaysWhoSignedInWhereAndWhen(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		person, err := h.directory.UserByEmail(h.Context(), team.CommandLine, ana)
		h.ok(err)
		h.clock.advance(time.Minute)
		got := b.connection(h.insight, h.borealis, "scope", "openid profile email", "nonce", "n-0S6_WzA2Mj")
		claims, header := h.payload(got.IDToken, jose.RS256)
		hash := sha256.Sum256([]byte(got.AccessToken))
		for name, want := range map[string]any{
			"iss": h.parts.Issuer, "sub": string(person.ID), "aud": string(h.insight.ID), "nonce": "n-0S6_WzA2Mj", "acr": "pwd",
			"iat": float64(h.clock.now().Unix()), "auth_time": float64(started.Unix()), "team": "borealis", "team_id": string(h.borealis.ID),
			"name": "Ana Anders", "email": ana, "email_verified": false, "at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
		} {
			if claims[name] != want {
				h.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
		if amr, _ := claims["amr"].([]any); len(amr) != 1 || amr[0] != "pwd" {
			h.Errorf("amr is %v, want pwd", claims["amr"])
		}
		if exp, _ := claims["exp"].(float64); exp <= float64(h.clock.now().Unix()) || exp > float64(h.clock.now().Add(time.Hour).Unix()) {
			h.Errorf("exp is %v", claims["exp"])
		}
		if sid, _ := claims["sid"].(string); sid == "" || strings.Contains(b.sessionOf(), sid) {
			h.Errorf("sid is %q", sid)
		}
		if header.KeyID == "" || header.ExtraHeaders["typ"] == "at+jwt" {
			h.Errorf("kid %q, typ %v", header.KeyID, header.ExtraHeaders["typ"])
		}
		var info map[string]any
		h.ok(json.Unmarshal([]byte(h.userInfo(got.AccessToken).wantStatus(http.StatusOK).body), &info))
		if info["sub"] != claims["sub"] {
			h.Errorf("sub is %v in the ID token and %v at userinfo", claims["sub"], info["sub"])
		}

		bare, _ := h.payload(b.connection(h.insight, h.borealis, "scope", "openid").IDToken, jose.RS256)
		for _, name := range []string{"name", "email", "email_verified", "nonce"} {
			if value, found := bare[name]; found {
				h.Errorf("%s is %v, and was not asked for", name, value)
			}
		}
	})
}

// TestIDTokenIsSignedAsTheClientAsked when it registered.
func TestIDTokenIsSignedAsTheClientAsked(t *testing.T) {
	onBoth(t, func(h *house) {
		client := h.register(client.Registration{Name: "Modern", RedirectURIs: []string{"https://modern.example/cb"}, IDTokenAlgorithm: "ES256"})
		got := h.signedIn(ben).connection(client, h.atlas, "scope", "openid")
		if claims, _ := h.payload(got.IDToken, jose.ES256); claims["aud"] != string(client.ID) {
			h.Errorf("the ID token says %v", claims)
		}
	})
}

// TestRefreshedIDTokenKeepsItsClaims (OpenID Connect Core §12.2): the same person, sign-in and client, at a later time.
func TestRefreshedIDTokenKeepsItsClaims(t *testing.T) {
	onBoth(t, func(h *house) {
		first := h.signedIn(ben).connection(h.insight, h.atlas, "scope", "openid email chatbot:read", "nonce", "once-only")
		before, _ := h.payload(first.IDToken, jose.RS256)
		h.clock.advance(time.Hour)
		second := h.refresh(h.insight, first.RefreshToken).wantTokens()
		after, _ := h.payload(second.IDToken, jose.RS256)
		for _, name := range []string{"iss", "sub", "aud", "auth_time", "acr", "sid", "team", "team_id", "email"} {
			if before[name] != after[name] {
				h.Errorf("%s was %v and is %v", name, before[name], after[name])
			}
		}
		if after["iat"] != float64(h.clock.now().Unix()) || after["at_hash"] == before["at_hash"] {
			h.Errorf("iat %v, at_hash %v", after["iat"], after["at_hash"])
		}
		if nonce, found := after["nonce"]; found && nonce != before["nonce"] {
			h.Errorf("nonce %v", nonce)
		}
		if narrow := h.refresh(h.insight, second.RefreshToken, "scope", "chatbot:read").wantTokens(); narrow.IDToken != "" {
			h.Error("a refresh without openid got an ID token")
		}
	})
}

// TestIdentityScopesAreGrantedOnlyWhenAskedFor, in words, and remembered like any other.
func TestIdentityScopesAreGrantedOnlyWhenAskedFor(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		if got := b.connection(h.insight, h.atlas, "scope", ""); got.Scope != catalogue.Scope().String() || got.IDToken != "" {
			h.Errorf("without scope: %q, ID token %q", got.Scope, got.IDToken)
		}
		b.authorize(h.insight, "prompt", "none", "scope", "openid").wantError(callback, "consent_required")
		b.authorize(h.insight, "scope", "openid profile").wantConsent().wantPage(http.StatusOK, "See your name").decide("authorize", h.atlas.ID).wantCode(callback)
		code := b.authorize(h.insight, "prompt", "none", "scope", "openid profile chatbot:read").wantCode(callback)
		if got := h.redeem(h.insight, code).wantTokens(); got.Scope != "openid profile chatbot:read" {
			h.Errorf("got %q", got.Scope)
		}
		b.authorize(h.insight, "prompt", "none", "scope", "openid email").wantError(callback, "consent_required")
		b.authorize(h.insight, "scope", "openid email").wantConsent().wantPage(http.StatusOK, "New since you last agreed", "See your e-mail address")
		got := b.connection(h.insight, h.atlas, "scope", "openid offline_access")
		if got.Scope != "openid offline_access" || got.RefreshToken == "" {
			h.Errorf("offline_access: %+v", got)
		}
		narrow := h.register(client.Registration{Name: "Reader", RedirectURIs: []string{"https://reader.example/cb"}, Scope: []string{"chatbot:read"}})
		if got := b.connection(narrow, h.atlas, "scope", "openid chatbot:read"); got.Scope != "openid chatbot:read" {
			h.Errorf("a client with a ceiling got %q", got.Scope)
		}
	})
}

// TestStepUp: max_age and prompt=login are answered with a later auth_time, acr_values with what was reached (RFC 9470 §4).
func TestStepUp(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas, "scope", "openid")
		h.clock.advance(time.Hour)
		for _, change := range [][]string{{"max_age", "600"}, {"prompt", "login"}, {"max_age", "0"}} {
			h.clock.advance(20 * time.Minute)
			params := append([]string{"scope", "openid", "acr_values", "urn:example:gold pwd"}, change...)
			login := b.authorize(h.insight, params...).wantSignIn()
			h.clock.advance(time.Second)
			code := b.signIn(ben, url.Values{"request": {login.sealed()}}).follow().wantCode(callback)
			got := h.redeem(h.insight, code).wantTokens()
			claims, _ := h.payload(got.IDToken, jose.RS256)
			if now := float64(h.clock.now().Unix()); claims["auth_time"] != now || h.claims(got.AccessToken)["auth_time"] != now || claims["acr"] != "pwd" {
				h.Errorf("%v: auth_time %v, acr %v", change, claims["auth_time"], claims["acr"])
			}
			h.clock.advance(time.Minute)
			if claims := h.introspect(h.insight, got.AccessToken); claims["auth_time"] != float64(h.clock.now().Add(-time.Minute).Unix()) || claims["acr"] != "pwd" {
				h.Errorf("introspection says %v", claims)
			}
		}
	})
}

// TestHintsOfTheApplication: login_hint fills the field in, id_token_hint says whom it has to be, ui_locales and display change nothing.
func TestHintsOfTheApplication(t *testing.T) {
	onBoth(t, func(h *house) {
		field := `value="` + ben + `"`
		h.browser().authorize(h.insight, "login_hint", ben, "ui_locales", "de-CH fr", "display", "touch").wantSignIn().wantPage(http.StatusOK, field)
		for _, hint := range []string{"x", `"><script>@`, "a\nb@example.org", strings.Repeat("x", 260) + "@example.org"} {
			a := h.browser().authorize(h.insight, "login_hint", hint).follow()
			if strings.Contains(a.body, "<script") || strings.Contains(a.body, "xxxxx") {
				h.Errorf("login_hint %q is on the page:\n%s", hint, shownTo(a.body))
			}
		}
		b := h.signedIn(ben)
		hint := b.connection(h.insight, h.atlas, "scope", "openid").IDToken
		b.authorize(h.insight, "scope", "openid", "prompt", "none", "id_token_hint", hint).wantCode(callback)
		other := h.signedIn(ana)
		other.authorize(h.insight, "scope", "openid", "prompt", "none", "id_token_hint", hint).wantError(callback, "login_required")
		h.clock.advance(time.Second)
		login := other.authorize(h.insight, "scope", "openid", "id_token_hint", hint).wantSignIn().wantNothingOf(`value="` + ana + `"`)
		h.clock.advance(time.Second)
		other.signIn(ana, url.Values{"request": {login.sealed()}}).follow().wantError(callback, "login_required")
		for _, bad := range []string{"x", h.newSigner().sign(map[string]any{"sub": "x"}, nil)} {
			b.authorize(h.insight, "id_token_hint", bad).wantError(callback, "invalid_request")
		}
	})
}

// TestOpenIDErrorsTravelToTheRedirectURI.
func TestOpenIDErrorsTravelToTheRedirectURI(t *testing.T) {
	onBoth(t, func(h *house) {
		h.browser().authorize(h.insight, "scope", "openid", "prompt", "none").wantError(callback, "login_required")
		b := h.signedIn(ben)
		b.authorize(h.insight, "scope", "openid", "prompt", "none").wantError(callback, "consent_required")
		b.connect(h.insight, h.atlas, "scope", "openid")
		h.clock.advance(time.Minute)
		b.authorize(h.insight, "scope", "openid", "prompt", "none", "max_age", "30").wantError(callback, "login_required")
		b.authorize(h.insight, "scope", "openid", "prompt", "none", "max_age", "90").wantCode(callback)
	})
}

// openIDConfiguration is the provider's metadata as any program sees it.
func (h *house) openIDConfiguration() map[string]any {
	h.Helper()
	var members map[string]any
	h.ok(json.Unmarshal([]byte(h.program().get("/.well-known/openid-configuration").wantStatus(http.StatusOK).body), &members))
	return members
}

// TestOpenIDConfigurationSaysWhatTheProviderDoes: every value that it has beyond the authorization server's metadata is tried.
func TestOpenIDConfigurationSaysWhatTheProviderDoes(t *testing.T) {
	onBoth(t, func(h *house) {
		got := h.openIDConfiguration()
		var server map[string]any
		h.ok(json.Unmarshal([]byte(h.program().get("/.well-known/oauth-authorization-server").body), &server))
		for _, name := range members(server) {
			if one, other := asJSON(h, got[name]), asJSON(h, server[name]); one != other {
				h.Errorf("%s: %s here, %s there", name, one, other)
			}
			delete(got, name)
		}
		b := h.signedIn(ben)
		connected := b.connection(h.insight, h.atlas, "scope", "openid profile email", "nonce", "n")
		h.program().get(got["userinfo_endpoint"].(string), "Authorization", "Bearer "+connected.AccessToken).wantStatus(http.StatusOK)
		claims, _ := h.payload(connected.IDToken, jose.RS256)
		if names := texts(got["claims_supported"]); !slices.Equal(slices.Sorted(slices.Values(names)), members(claims)) {
			h.Errorf("claims_supported is %q; an ID token has %q", names, members(claims))
		}
		if acr := texts(got["acr_values_supported"]); len(acr) != 1 || acr[0] != claims["acr"] {
			h.Errorf("acr_values_supported is %q, acr %v", acr, claims["acr"])
		}
		for _, algorithm := range texts(got["id_token_signing_alg_values_supported"]) {
			client := h.register(client.Registration{Name: "Signed", RedirectURIs: []string{"https://signed.example/cb"}, IDTokenAlgorithm: algorithm})
			h.payload(b.connection(client, h.atlas, "scope", "openid").IDToken, jose.SignatureAlgorithm(algorithm))
		}
		for _, prompt := range texts(got["prompt_values_supported"]) {
			h.clock.advance(time.Minute)
			a := b.authorize(h.insight, "scope", "openid", "prompt", prompt)
			if a.location() != "" {
				a = a.follow()
			}
			if strings.Contains(a.location(), "error=invalid_request") || a.status >= 400 {
				h.Errorf("prompt=%s: %d to %q", prompt, a.status, a.location())
			}
		}
		for name, want := range map[string]any{
			"backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
			"request_parameter_supported": false, "request_uri_parameter_supported": false, "claims_parameter_supported": false,
		} {
			if got[name] != want {
				h.Errorf("%s is %v, want %v", name, got[name], want)
			}
			delete(got, name)
		}
		if subject := texts(got["subject_types_supported"]); !slices.Equal(subject, []string{"public"}) { // sub is the same for every client
			h.Errorf("subject_types_supported is %q", subject)
		}
		b.get(got["end_session_endpoint"].(string)).wantPage(http.StatusOK, "Sign out?")
		for _, name := range []string{
			"userinfo_endpoint", "claims_supported", "acr_values_supported", "id_token_signing_alg_values_supported", "prompt_values_supported",
			"subject_types_supported", "end_session_endpoint",
		} {
			delete(got, name)
		}
		if len(got) > 0 {
			h.Errorf("advertised and not tried: %v", got)
		}
	})
}

func asJSON(h *house, v any) string {
	text, err := json.Marshal(v)
	h.ok(err)
	return string(text)
}

// texts is a list of texts in JSON.
func texts(list any) []string {
	var all []string
	values, _ := list.([]any)
	for _, v := range values {
		all = append(all, v.(string))
	}
	return all
}
