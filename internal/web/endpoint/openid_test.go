package endpoint_test

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
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
	"github.com/go-jose/go-jose/v4"
)

// OpenID Connect at the authorization and token endpoints.

// TestIDTokenSaysWhoSignedInWhereAndWhen (OpenID Connect Core §2).
func TestIDTokenSaysWhoSignedInWhereAndWhen(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		person, err := h.Directory.UserByEmail(h.Context(), team.CommandLine, webtest.Ana)
		h.OK(err)
		h.Clock.Advance(time.Minute)
		got := b.Connection(h.Insight, h.Borealis, "scope", "openid profile email", "nonce", "n-0S6_WzA2Mj")
		claims, header := h.Payload(got.IDToken, jose.RS256)
		hash := sha256.Sum256([]byte(got.AccessToken))
		for name, want := range map[string]any{
			"iss": h.Parts.Issuer, "sub": string(person.ID), "aud": string(h.Insight.ID), "nonce": "n-0S6_WzA2Mj", "acr": "urn:gatehouse:aal1",
			"iat": float64(h.Clock.Now().Unix()), "auth_time": float64(webtest.Started.Unix()), "team": "borealis", "team_id": string(h.Borealis.ID),
			"name": "Ana Anders", "email": webtest.Ana, "email_verified": false, "at_hash": base64.RawURLEncoding.EncodeToString(hash[:16]),
		} {
			if claims[name] != want {
				h.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
		if amr, _ := claims["amr"].([]any); len(amr) != 1 || amr[0] != "pwd" {
			h.Errorf("amr is %v, want pwd", claims["amr"])
		}
		if exp, _ := claims["exp"].(float64); exp <= float64(h.Clock.Now().Unix()) || exp > float64(h.Clock.Now().Add(time.Hour).Unix()) {
			h.Errorf("exp is %v", claims["exp"])
		}
		if sid, _ := claims["sid"].(string); sid == "" || strings.Contains(b.SessionOf(), sid) {
			h.Errorf("sid is %q", sid)
		}
		if header.KeyID == "" || header.ExtraHeaders["typ"] == "at+jwt" {
			h.Errorf("kid %q, typ %v", header.KeyID, header.ExtraHeaders["typ"])
		}
		var info map[string]any
		h.OK(json.Unmarshal([]byte(h.UserInfo(got.AccessToken).WantStatus(http.StatusOK).Body), &info))
		if info["sub"] != claims["sub"] {
			h.Errorf("sub is %v in the ID token and %v at userinfo", claims["sub"], info["sub"])
		}

		bare, _ := h.Payload(b.Connection(h.Insight, h.Borealis, "scope", "openid").IDToken, jose.RS256)
		for _, name := range []string{"name", "email", "email_verified", "nonce"} {
			if value, found := bare[name]; found {
				h.Errorf("%s is %v, and was not asked for", name, value)
			}
		}
	})
}

// TestIDTokenIsSignedAsTheClientAsked when it registered.
func TestIDTokenIsSignedAsTheClientAsked(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		client := h.Register(client.Registration{Name: "Modern", RedirectURIs: []string{"https://modern.example/cb"}, IDTokenAlgorithm: "ES256"})
		got := h.SignedIn(webtest.Ben).Connection(client, h.Atlas, "scope", "openid")
		if claims, _ := h.Payload(got.IDToken, jose.ES256); claims["aud"] != string(client.ID) {
			h.Errorf("the ID token says %v", claims)
		}
	})
}

// TestRefreshedIDTokenKeepsItsClaims (OpenID Connect Core §12.2): the same person, sign-in and client, at a later time.
func TestRefreshedIDTokenKeepsItsClaims(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		first := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas, "scope", "openid email chatbot:read", "nonce", "once-only")
		before, _ := h.Payload(first.IDToken, jose.RS256)
		h.Clock.Advance(time.Hour)
		second := h.Refresh(h.Insight, first.RefreshToken).WantTokens()
		after, _ := h.Payload(second.IDToken, jose.RS256)
		for _, name := range []string{"iss", "sub", "aud", "auth_time", "acr", "sid", "team", "team_id", "email"} {
			if before[name] != after[name] {
				h.Errorf("%s was %v and is %v", name, before[name], after[name])
			}
		}
		if after["iat"] != float64(h.Clock.Now().Unix()) || after["at_hash"] == before["at_hash"] {
			h.Errorf("iat %v, at_hash %v", after["iat"], after["at_hash"])
		}
		if nonce, found := after["nonce"]; found && nonce != before["nonce"] {
			h.Errorf("nonce %v", nonce)
		}
		if narrow := h.Refresh(h.Insight, second.RefreshToken, "scope", "chatbot:read").WantTokens(); narrow.IDToken != "" {
			h.Error("a refresh without openid got an ID token")
		}
	})
}

// TestIdentityScopesAreGrantedOnlyWhenAskedFor, in words, and remembered like any other.
func TestIdentityScopesAreGrantedOnlyWhenAskedFor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		if got := b.Connection(h.Insight, h.Atlas, "scope", ""); got.Scope != webtest.Catalogue.Scope().String() || got.IDToken != "" {
			h.Errorf("without scope: %q, ID token %q", got.Scope, got.IDToken)
		}
		b.Authorize(h.Insight, "prompt", "none", "scope", "openid").WantError(webtest.Callback, "consent_required")
		b.Authorize(h.Insight, "scope", "openid profile").WantConsent().WantPage(http.StatusOK, "See your name").Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		code := b.Authorize(h.Insight, "prompt", "none", "scope", "openid profile chatbot:read").WantCode(webtest.Callback)
		if got := h.Redeem(h.Insight, code).WantTokens(); got.Scope != "openid profile chatbot:read" {
			h.Errorf("got %q", got.Scope)
		}
		b.Authorize(h.Insight, "prompt", "none", "scope", "openid email").WantError(webtest.Callback, "consent_required")
		b.Authorize(h.Insight, "scope", "openid email").WantConsent().WantPage(http.StatusOK, "New since you last agreed", "See your e-mail address")
		got := b.Connection(h.Insight, h.Atlas, "scope", "openid offline_access")
		if got.Scope != "openid offline_access" || got.RefreshToken == "" {
			h.Errorf("offline_access: %+v", got)
		}
		narrow := h.Register(client.Registration{Name: "Reader", RedirectURIs: []string{"https://reader.example/cb"}, Scope: []string{"chatbot:read"}})
		if got := b.Connection(narrow, h.Atlas, "scope", "openid chatbot:read"); got.Scope != "openid chatbot:read" {
			h.Errorf("a client with a ceiling got %q", got.Scope)
		}
	})
}

// TestStepUp: max_age and prompt=login are answered with a later auth_time, acr_values with what was reached (RFC 9470 §4).
func TestStepUp(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas, "scope", "openid")
		h.Clock.Advance(time.Hour)
		for _, change := range [][]string{{"max_age", "600"}, {"prompt", "login"}, {"max_age", "0"}} {
			h.Clock.Advance(20 * time.Minute)
			params := append([]string{"scope", "openid", "acr_values", "urn:example:gold pwd"}, change...)
			login := b.Authorize(h.Insight, params...).WantSignIn()
			h.Clock.Advance(time.Second)
			code := b.SignIn(webtest.Ben, url.Values{"request": {login.Sealed()}}).Follow().WantCode(webtest.Callback)
			got := h.Redeem(h.Insight, code).WantTokens()
			claims, _ := h.Payload(got.IDToken, jose.RS256)
			if now := float64(h.Clock.Now().Unix()); claims["auth_time"] != now || h.Claims(got.AccessToken)["auth_time"] != now || claims["acr"] != "urn:gatehouse:aal1" {
				h.Errorf("%v: auth_time %v, acr %v", change, claims["auth_time"], claims["acr"])
			}
			h.Clock.Advance(time.Minute)
			if claims := h.Introspect(h.Insight, got.AccessToken); claims["auth_time"] != float64(h.Clock.Now().Add(-time.Minute).Unix()) || claims["acr"] != "urn:gatehouse:aal1" {
				h.Errorf("introspection says %v", claims)
			}
		}
	})
}

// TestHintsOfTheApplication: login_hint fills the field in, id_token_hint says whom it has to be, ui_locales and display change nothing.
func TestHintsOfTheApplication(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		field := `value="` + webtest.Ben + `"`
		h.Browser().Authorize(h.Insight, "login_hint", webtest.Ben, "ui_locales", "de-CH fr", "display", "touch").WantSignIn().WantPage(http.StatusOK, field)
		for _, hint := range []string{"x", `"><script>@`, "a\nb@example.org", strings.Repeat("x", 260) + "@example.org"} {
			a := h.Browser().Authorize(h.Insight, "login_hint", hint).Follow()
			if strings.Contains(a.Body, "<script>") || strings.Contains(a.Body, "xxxxx") {
				h.Errorf("login_hint %q is on the page:\n%s", hint, webtest.ShownTo(a.Body))
			}
		}
		b := h.SignedIn(webtest.Ben)
		hint := b.Connection(h.Insight, h.Atlas, "scope", "openid").IDToken
		b.Authorize(h.Insight, "scope", "openid", "prompt", "none", "id_token_hint", hint).WantCode(webtest.Callback)
		other := h.SignedIn(webtest.Ana)
		other.Authorize(h.Insight, "scope", "openid", "prompt", "none", "id_token_hint", hint).WantError(webtest.Callback, "login_required")
		h.Clock.Advance(time.Second)
		login := other.Authorize(h.Insight, "scope", "openid", "id_token_hint", hint).WantSignIn().WantNothingOf(`value="` + webtest.Ana + `"`)
		h.Clock.Advance(time.Second)
		other.SignIn(webtest.Ana, url.Values{"request": {login.Sealed()}}).Follow().WantError(webtest.Callback, "login_required")
		for _, bad := range []string{"x", h.NewSigner().Sign(map[string]any{"sub": "x"}, nil)} {
			b.Authorize(h.Insight, "id_token_hint", bad).WantError(webtest.Callback, "invalid_request")
		}
	})
}

// TestOpenIDErrorsTravelToTheRedirectURI.
func TestOpenIDErrorsTravelToTheRedirectURI(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		h.Browser().Authorize(h.Insight, "scope", "openid", "prompt", "none").WantError(webtest.Callback, "login_required")
		b := h.SignedIn(webtest.Ben)
		b.Authorize(h.Insight, "scope", "openid", "prompt", "none").WantError(webtest.Callback, "consent_required")
		b.Connect(h.Insight, h.Atlas, "scope", "openid")
		h.Clock.Advance(time.Minute)
		b.Authorize(h.Insight, "scope", "openid", "prompt", "none", "max_age", "30").WantError(webtest.Callback, "login_required")
		b.Authorize(h.Insight, "scope", "openid", "prompt", "none", "max_age", "90").WantCode(webtest.Callback)
	})
}

// TestOpenIDConfigurationSaysWhatTheProviderDoes: every value that it has beyond the authorization server's metadata is tried.
func TestOpenIDConfigurationSaysWhatTheProviderDoes(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		got := h.OpenIDConfiguration()
		var server map[string]any
		h.OK(json.Unmarshal([]byte(h.Program().Get("/.well-known/oauth-authorization-server").Body), &server))
		for _, name := range webtest.Members(server) {
			if one, other := webtest.AsJSON(h, got[name]), webtest.AsJSON(h, server[name]); one != other {
				h.Errorf("%s: %s here, %s there", name, one, other)
			}
			delete(got, name)
		}
		b := h.SignedIn(webtest.Ben)
		connected := b.Connection(h.Insight, h.Atlas, "scope", "openid profile email", "nonce", "n")
		h.Program().Get(got["userinfo_endpoint"].(string), "Authorization", "Bearer "+connected.AccessToken).WantStatus(http.StatusOK)
		claims, _ := h.Payload(connected.IDToken, jose.RS256)
		// Those of the ID token, and those that only UserInfo has.
		told := append(webtest.Members(claims), "team_name", "role", "picture", "locale", "zoneinfo")
		if names := texts(got["claims_supported"]); !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(told))) {
			h.Errorf("claims_supported is %q; an ID token and UserInfo have %q", names, told)
		}
		strong := h.SignedIn(webtest.Ben)
		strong.AddApp()
		levels := texts(got["acr_values_supported"])
		if !slices.Equal(levels, []string{"urn:gatehouse:aal1", "urn:gatehouse:aal2"}) {
			h.Errorf("acr_values_supported is %q", levels)
		}
		for level, b := range map[string]*webtest.Browser{"urn:gatehouse:aal1": b, "urn:gatehouse:aal2": strong} {
			connected := b.Connection(h.Insight, h.Atlas, "scope", "openid", "acr_values", level)
			claims, _ := h.Payload(connected.IDToken, jose.RS256)
			if claims["acr"] != level || h.Claims(connected.AccessToken)["acr"] != level {
				h.Errorf("acr_values=%s: acr %v in the ID token, %v in the access token", level, claims["acr"], h.Claims(connected.AccessToken)["acr"])
			}
		}
		for _, algorithm := range texts(got["id_token_signing_alg_values_supported"]) {
			client := h.Register(client.Registration{Name: "Signed", RedirectURIs: []string{"https://signed.example/cb"}, IDTokenAlgorithm: algorithm})
			h.Payload(b.Connection(client, h.Atlas, "scope", "openid").IDToken, jose.SignatureAlgorithm(algorithm))
		}
		for _, prompt := range texts(got["prompt_values_supported"]) {
			h.Clock.Advance(time.Minute)
			a := b.Authorize(h.Insight, "scope", "openid", "prompt", prompt)
			if a.Location() != "" {
				a = a.Follow()
			}
			if strings.Contains(a.Location(), "error=invalid_request") || a.Status >= 400 {
				h.Errorf("prompt=%s: %d to %q", prompt, a.Status, a.Location())
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
		b.Get(got["end_session_endpoint"].(string)).WantPage(http.StatusOK, "Sign out?")
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

// texts is a list of texts in JSON.
func texts(list any) []string {
	var all []string
	values, _ := list.([]any)
	for _, v := range values {
		all = append(all, v.(string))
	}
	return all
}
