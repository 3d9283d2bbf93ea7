package endpoint_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
	"github.com/go-jose/go-jose/v4"
)

// The profile fapi2 (FAPI 2.0 Security Profile §5.3.2) at the endpoints.

// underEveryProfile runs a test in a house with each profile there is.
func underEveryProfile(t *testing.T, test func(h *webtest.House)) {
	t.Helper()
	for _, profile := range []oauth.Profile{oauth.ProfileNone, oauth.ProfileFAPI2} {
		t.Run(profile.String(), func(t *testing.T) { webtest.UnderProfile(t, profile, test) })
	}
}

// TestClientsThatDoNotFitFAPI2AreRefused wherever they come: they were registered before the server kept the profile.
func TestClientsThatDoNotFitFAPI2AreRefused(t *testing.T) {
	webtest.UnderProfile(t, oauth.ProfileFAPI2, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		for name, app := range map[string]webtest.App{"with a secret": h.Insight, "public": h.Pocket} {
			if says := b.Authorize(app).WantError(app.RedirectURI, "unauthorized_client"); !strings.Contains(says, "fapi2") {
				h.Errorf("%s, at the authorization endpoint: %s", name, says)
			}
			for _, path := range []string{"/o/token/", "/o/par/", "/o/revoke_token/", "/o/introspect/"} {
				form := webtest.AsClient(app, "grant_type", "refresh_token", "refresh_token", "gh_rt_x", "token", "gh_rt_x")
				if name == "public" && path == "/o/introspect/" {
					continue // never for a public client
				}
				if says := h.NewProver().Post(path, form).WantJSON(http.StatusBadRequest, "unauthorized_client"); !strings.Contains(says, "fapi2") {
					h.Errorf("%s, at %s: %s", name, path, says)
				}
			}
		}
		h.MachineToken(h.Machine).WantJSON(http.StatusBadRequest, "unauthorized_client")
	})
}

// TestFAPI2WantsPushedRequestsAndBoundTokens of every client.
func TestFAPI2WantsPushedRequestsAndBoundTokens(t *testing.T) {
	webtest.UnderProfile(t, oauth.ProfileFAPI2, func(h *webtest.House) {
		c := newCaller(h)
		c.b.Authorize(c.keyed.App).WantError(c.keyed.RedirectURI, "invalid_request")
		code := c.authorize(c.keyed.App, "scope", "openid chatbot:read").WantConsent().Decide("authorize", h.Atlas.ID).WantCode(c.keyed.RedirectURI)
		form := func() map[string][]string {
			return webtest.By(c.keyed.Assertion(h, nil), webtest.TokenRequest(c.keyed.App, code))
		}
		h.Program().Post("/o/token/", form()).WantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		got := c.prover.Post("/o/token/", form()).WantTokensOfType("DPoP")
		if _, header := h.Payload(got.IDToken, jose.ES256); header.Algorithm != "ES256" { // §5.4.1
			h.Errorf("the ID token is signed by %s", header.Algorithm)
		}
		refresh := webtest.Pairs("grant_type", "refresh_token", "refresh_token", got.RefreshToken)
		h.Program().Post("/o/token/", webtest.By(c.keyed.Assertion(h, nil), refresh)).WantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		renewed := c.prover.Post("/o/token/", webtest.By(c.keyed.Assertion(h, nil), refresh)).WantTokensOfType("DPoP")
		if renewed.RefreshToken != got.RefreshToken { // §5.3.2.1-9
			h.Error("the refresh token was replaced")
		}
		c.prover.UserInfo(renewed.AccessToken).WantStatus(http.StatusOK)

		machine := h.NewKeyed(client.Registration{Name: "Job", Machine: true, Team: h.Atlas})
		job := func() map[string][]string {
			return webtest.By(machine.Assertion(h, nil), webtest.Pairs("grant_type", "client_credentials"))
		}
		h.Program().Post("/o/token/", job()).WantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		c.prover.Post("/o/token/", job()).WantTokensOfType("DPoP")
	})
}

// TestFAPI2NamesOnlyDPoP in the challenges of UserInfo, where no bearer token is accepted.
func TestFAPI2NamesOnlyDPoP(t *testing.T) {
	webtest.UnderProfile(t, oauth.ProfileFAPI2, func(h *webtest.House) {
		for name, a := range map[string]*webtest.Answer{
			"no token": h.Program().Get("/o/userinfo/").WantStatus(http.StatusUnauthorized), "a bearer token": h.UserInfo("x").WantStatus(http.StatusUnauthorized),
		} {
			challenges := a.Header.Values("WWW-Authenticate")
			if len(challenges) != 1 || !strings.HasPrefix(challenges[0], "DPoP ") || strings.Contains(challenges[0], "RS256") || strings.Contains(a.Body, "Bearer") {
				h.Errorf("%s: %q, %s", name, challenges, a.Body)
			}
		}
		h.UserInfo("x").WantChallenge(http.StatusUnauthorized, "DPoP", "invalid_token")
	})
}

// TestFAPI2AllowsNoRS256, whatever alg the client's key names (§5.4.1), and no clock that is far ahead (§5.3.2.1-13).
func TestFAPI2AllowsNoRS256(t *testing.T) {
	webtest.UnderProfile(t, oauth.ProfileFAPI2, func(h *webtest.House) {
		private := rsaKey()
		keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "k"}}})
		h.OK(err)
		app := h.Register(client.Registration{Name: "Job", Machine: true, Team: h.Atlas, JWKS: string(keys)})
		prover := h.NewProver()
		prover.Post("/o/token/", webtest.AsClient(h.Machine, "grant_type", "client_credentials")) // for its nonce
		ask := func(assertedBy, provenBy string, ahead time.Duration) *webtest.Answer {
			now := h.Clock.Now()
			assertion := signJWT(h, assertedBy, private, nil, map[string]any{
				"iss": string(app.ID), "sub": string(app.ID), "aud": h.Parts.Issuer, "jti": token.NewID(), "exp": now.Add(time.Minute).Unix(),
			})
			proof := signProof(h, provenBy, map[string]any{
				"jti": token.NewID(), "htm": "POST", "htu": h.Parts.Issuer + "/o/token/", "iat": now.Add(ahead).Unix(), "nonce": prover.Nonce,
			})
			return h.Program().Post("/o/token/", webtest.By(assertion, webtest.Pairs("grant_type", "client_credentials")), "DPoP", proof)
		}
		ask("PS256", "ES256", 0).WantTokensOfType("DPoP")
		ask("PS256", "ES256", 10*time.Second).WantTokensOfType("DPoP")
		ask("RS256", "ES256", 0).WantJSON(http.StatusUnauthorized, "invalid_client")
		ask("PS256", "RS256", 0).WantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		ask("PS256", "ES256", 61*time.Second).WantJSON(http.StatusBadRequest, "invalid_dpop_proof")
	})
}
