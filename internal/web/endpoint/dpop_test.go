package endpoint_test

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
	"github.com/go-jose/go-jose/v4"
)

// TestDPoPBindsTheTokens to the key: token_type says so, cnf names it, and only that key refreshes and uses them.
func TestDPoPBindsTheTokens(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		for _, client := range []webtest.App{h.Insight, h.Pocket} {
			p, other := h.NewProver(), h.NewProver()
			got := p.Post("/o/token/", webtest.TokenRequest(client, b.Connect(client, h.Atlas, "scope", "openid"))).WantTokensOfType("DPoP")
			bound := map[string]any{"jkt": p.Thumbprint()}
			if cnf := h.Claims(got.AccessToken)["cnf"]; webtest.AsJSON(h, cnf) != webtest.AsJSON(h, bound) {
				h.Errorf("cnf is %v, want %v", cnf, bound)
			}
			if client.Secret != "" {
				if claims := h.Introspect(client, got.AccessToken); claims["token_type"] != "DPoP" || webtest.AsJSON(h, claims["cnf"]) != webtest.AsJSON(h, bound) {
					h.Errorf("introspection says %v", claims)
				}
			}
			p.UserInfo(got.AccessToken).WantStatus(http.StatusOK)
			other.Nonce = p.Nonce
			other.UserInfo(got.AccessToken).WantChallenge(http.StatusUnauthorized, "DPoP", "invalid_token")

			refresh := webtest.AsClient(client, "grant_type", "refresh_token", "refresh_token", got.RefreshToken)
			if client.Public { // RFC 9449 §5: the refresh token of a public client is bound
				h.Program().Post("/o/token/", refresh).WantStatus(http.StatusBadRequest)
				other.Post("/o/token/", refresh).WantStatus(http.StatusBadRequest)
			}
			next := p.Post("/o/token/", refresh).WantTokensOfType("DPoP")
			p.UserInfo(next.AccessToken).WantStatus(http.StatusOK)
			// RFC 9700 §4.14.2: only a bound refresh token need not be replaced.
			if kept := next.RefreshToken == got.RefreshToken; kept != client.Public {
				h.Errorf("%s: the refresh token stays the same: %v, want %v", client.Name, kept, client.Public)
			}
			h.Clock.Advance(2 * webtest.Grace)
			if client.Public {
				p.Post("/o/token/", refresh).WantTokensOfType("DPoP")
			}
		}
	})
}

// TestBoundTokenWithoutItsProof is no use: not as a bearer token, not with no proof, nor with one that is for something else.
func TestBoundTokenWithoutItsProof(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		p := h.NewProver()
		got := p.Post("/o/token/", webtest.TokenRequest(h.Insight, h.SignedIn(webtest.Ben).Connect(h.Insight, h.Atlas, "scope", "openid"))).WantTokensOfType("DPoP")
		h.UserInfo(got.AccessToken).WantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		h.UserInfo(got.AccessToken, "DPoP", p.Proof(http.MethodGet, "/o/userinfo/", webtest.ATH(got.AccessToken))).WantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		h.Program().Get("/o/userinfo/", "Authorization", "DPoP "+got.AccessToken).WantChallenge(http.StatusUnauthorized, "DPoP", "invalid_dpop_proof")
		with := func(method, path string, changes map[string]any) *webtest.Answer {
			return h.Program().Get("/o/userinfo/", "Authorization", "DPoP "+got.AccessToken, "DPoP", p.Proof(method, path, changes))
		}
		for name, a := range map[string]*webtest.Answer{
			"without ath":   with(http.MethodGet, "/o/userinfo/", nil),
			"another token": with(http.MethodGet, "/o/userinfo/", webtest.ATH(got.RefreshToken)),
			"method":        with(http.MethodPost, "/o/userinfo/", webtest.ATH(got.AccessToken)),
			"URL":           with(http.MethodGet, "/o/token/", webtest.ATH(got.AccessToken)),
		} {
			h.Log(name)
			a.WantChallenge(http.StatusUnauthorized, "DPoP", "invalid_dpop_proof")
		}
		bearer := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas, "scope", "openid")
		p.UserInfo(bearer.AccessToken).WantChallenge(http.StatusUnauthorized, "DPoP", "invalid_token") // bound to no key
		p.UserInfo(got.AccessToken).WantStatus(http.StatusOK)
	})
}

// TestProofsNeedANonceOfOurs: a fresh one is given with the refusal, and with an answer when it gets old (RFC 9449 §8).
func TestProofsNeedANonceOfOurs(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		code := b.Connect(h.Insight, h.Atlas, "scope", "openid")
		p := h.NewProver()
		try := func(form url.Values) *webtest.Answer {
			return h.Program().Post("/o/token/", form, "DPoP", p.Proof(http.MethodPost, "/o/token/", nil))
		}
		first := try(webtest.TokenRequest(h.Insight, code))
		first.WantJSON(http.StatusBadRequest, "use_dpop_nonce")
		for _, nonce := range []string{"made-up", first.Header.Get("DPoP-Nonce") + "A", b.Authorize(h.Insight, "prompt", "consent").Sealed()} {
			p.Nonce = nonce
			try(webtest.TokenRequest(h.Insight, code)).WantJSON(http.StatusBadRequest, "use_dpop_nonce")
		}
		p.Learn(first)
		answered := try(webtest.TokenRequest(h.Insight, code)) // the code was not touched
		got := answered.WantTokensOfType("DPoP")
		if answered.Header.Get("DPoP-Nonce") != "" {
			h.Error("a new nonce although this one is young")
		}
		old := p.Nonce
		h.Clock.Advance(3 * time.Minute)
		p.UserInfo(got.AccessToken).WantStatus(http.StatusOK)
		if p.Nonce == old {
			h.Error("no new nonce although this one was getting old")
		}
		h.Clock.Advance(2 * time.Minute)
		p.Nonce = old
		a := p.UserInfo(got.AccessToken)
		a.WantChallenge(http.StatusUnauthorized, "DPoP", "use_dpop_nonce")
		if a.Header.Get("DPoP-Nonce") == "" || a.Header.Get("DPoP-Nonce") == old {
			h.Error("an expired nonce was refused, and none is offered")
		}
		// Another server on this database knows the nonce.
		first2 := h.Server.URL
		second := h.Serve(func(parts *webtest.WebParts) { parts.Issuer = first2 })
		p.Learn(a)
		h.BrowserAt(second.URL).Get("/o/userinfo/", "Authorization", "DPoP "+got.AccessToken, "DPoP", p.Proof(http.MethodGet, "/o/userinfo/", webtest.ATH(got.AccessToken))).
			WantStatus(http.StatusOK)
	})
}

// TestProofsAtTheTokenEndpointAreChecked.
func TestProofsAtTheTokenEndpointAreChecked(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		code := h.SignedIn(webtest.Ben).Connect(h.Insight, h.Atlas)
		p := h.NewProver()
		p.Post("/o/token/", webtest.TokenRequest(h.Insight, "gh_ac_x")).WantJSON(http.StatusBadRequest, "invalid_grant") // learns the nonce
		unsigned := "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6Im5vbmUifQ.e30."
		good := func(changes map[string]any) string { return p.Proof(http.MethodPost, "/o/token/", changes) }
		used := good(nil)
		h.Program().Post("/o/token/", webtest.TokenRequest(h.Insight, "gh_ac_x"), "DPoP", used).WantJSON(http.StatusBadRequest, "invalid_grant")
		for name, proof := range map[string]string{
			"method": p.Proof(http.MethodGet, "/o/token/", nil), "URL": p.Proof(http.MethodPost, "/o/par/", nil),
			"another host": good(map[string]any{"htu": "https://evil.example/o/token/"}),
			"no jti":       good(map[string]any{"jti": nil}), "no iat": good(map[string]any{"iat": nil}), "no htu": good(map[string]any{"htu": nil}),
			"used before": used, "nonsense": "x", "unsigned": unsigned,
			"typ":    p.Sign(map[string]any{"jti": "1", "htm": "POST", "htu": h.Parts.Issuer + "/o/token/", "iat": h.Clock.Now().Unix(), "nonce": p.Nonce}, &jose.SignerOptions{EmbedJWK: true}),
			"no jwk": p.Sign(map[string]any{"jti": "1", "htm": "POST", "htu": h.Parts.Issuer + "/o/token/", "iat": h.Clock.Now().Unix(), "nonce": p.Nonce}, (&jose.SignerOptions{}).WithType("dpop+jwt")),
		} {
			h.Log(name)
			h.Program().Post("/o/token/", webtest.TokenRequest(h.Insight, code), "DPoP", proof).WantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		}
		h.Program().Post("/o/token/", webtest.TokenRequest(h.Insight, code), "DPoP", good(nil), "DPoP", good(nil)).WantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		// The address without its slash is the same endpoint, and the proof names the one that was used.
		h.Program().Post("/o/token", webtest.TokenRequest(h.Insight, code), "DPoP", p.Proof(http.MethodPost, "/o/token", nil)).WantTokensOfType("DPoP")
	})
}

// TestCodeIsBoundToTheKey that dpop_jkt, or the proof at the PAR endpoint, names (RFC 9449 §10).
func TestCodeIsBoundToTheKey(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		p, other := h.NewProver(), h.NewProver()
		for name, code := range map[string]func() string{
			"dpop_jkt": func() string { return b.Connect(h.Insight, h.Atlas, "dpop_jkt", p.Thumbprint()) },
			"a proof at the PAR endpoint": func() string {
				requestURI := p.Post("/o/par/", webtest.Pushed(h.Insight, "prompt", "consent")).WantRequestURI()
				return b.AuthorizePushed(h.Insight, requestURI).WantConsent().Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
			},
		} {
			h.Log(name)
			other.Post("/o/token/", webtest.TokenRequest(h.Insight, code())).WantStatus(http.StatusBadRequest)
			h.Redeem(h.Insight, code()).WantStatus(http.StatusBadRequest)
			p.Post("/o/token/", webtest.TokenRequest(h.Insight, code())).WantTokensOfType("DPoP")
		}
		p.Post("/o/par/", webtest.Pushed(h.Insight, "dpop_jkt", other.Thumbprint())).WantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		p.Post("/o/par/", webtest.Pushed(h.Insight, "dpop_jkt", p.Thumbprint())).WantRequestURI()
		p.Nonce = ""
		h.Program().Post("/o/par/", webtest.Pushed(h.Insight), "DPoP", p.Proof(http.MethodPost, "/o/par/", nil)).WantJSON(http.StatusBadRequest, "use_dpop_nonce")
		b.Authorize(h.Insight, "dpop_jkt", "short").WantError(webtest.Callback, "invalid_request")
	})
}

// TestClientsThatTakeNoBearerTokens (RFC 9449 §5.2).
func TestClientsThatTakeNoBearerTokens(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		strict := h.Register(client.Registration{Name: "Strict", RedirectURIs: []string{"https://strict.example/cb"}, RequireDPoP: true})
		b := h.SignedIn(webtest.Ben)
		code := b.Connect(strict, h.Atlas)
		h.Redeem(strict, code).WantStatus(http.StatusBadRequest)
		got := h.NewProver().Post("/o/token/", webtest.TokenRequest(strict, b.Connect(strict, h.Atlas))).WantTokensOfType("DPoP")
		h.Refresh(strict, got.RefreshToken).WantStatus(http.StatusBadRequest)

		machine := h.Register(client.Registration{Name: "Strict job", Machine: true, Team: h.Atlas, RequireDPoP: true})
		h.MachineToken(machine).WantStatus(http.StatusBadRequest)
		p := h.NewProver()
		if cnf := h.Claims(p.Post("/o/token/", webtest.AsClient(machine, "grant_type", "client_credentials")).WantTokensOfType("DPoP").AccessToken)["cnf"]; cnf == nil {
			h.Error("the machine's token is bound to nothing")
		}
	})
}

// TestDPoPAlgorithmsOfTheMetadataWork.
func TestDPoPAlgorithmsOfTheMetadataWork(t *testing.T) {
	underEveryProfile(t, func(h *webtest.House) {
		machine := h.NewKeyed(client.Registration{Name: "Job", Machine: true, Team: h.Atlas})
		nonce := h.NewProver()
		nonce.Post("/o/token/", webtest.AsClient(h.Insight, "grant_type", "client_credentials"))
		for _, algorithm := range h.Metadata().DPoPSigningAlgValuesSupported {
			claims := map[string]any{"jti": token.NewID(), "htm": "POST", "htu": h.Parts.Issuer + "/o/token/", "iat": h.Clock.Now().Unix(), "nonce": nonce.Nonce}
			proof := signProof(h, algorithm, claims)
			h.Program().Post("/o/token/", webtest.By(machine.Assertion(h, nil), webtest.Pairs("grant_type", "client_credentials")), "DPoP", proof).WantTokensOfType("DPoP")
		}
	})
}

// signProof makes a proof with a new key for an algorithm.
func signProof(h *webtest.House, algorithm string, claims map[string]any) string {
	h.Helper()
	private := newPrivate(h, algorithm)
	return signJWT(h, algorithm, private, map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: private.Public()}}, claims)
}

// signJWT signs claims. It knows Ed25519, the name of RFC 9864, too, which go-jose does not.
func signJWT(h *webtest.House, algorithm string, private crypto.Signer, header, claims map[string]any) string {
	h.Helper()
	if key, ok := private.(ed25519.PrivateKey); ok && algorithm == "Ed25519" {
		header = maps.Clone(header)
		if header == nil {
			header = map[string]any{}
		}
		header["alg"] = algorithm
		encode := base64.RawURLEncoding.EncodeToString
		input := encode([]byte(webtest.AsJSON(h, header))) + "." + encode([]byte(webtest.AsJSON(h, claims)))
		return input + "." + encode(ed25519.Sign(key, []byte(input)))
	}
	opts := &jose.SignerOptions{}
	for name, value := range header {
		opts.WithHeader(jose.HeaderKey(name), value)
	}
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: private}, opts)
	h.OK(err)
	signed, err := made.Sign([]byte(webtest.AsJSON(h, claims)))
	h.OK(err)
	text, err := signed.CompactSerialize()
	h.OK(err)
	return text
}

// TestDPoPOfAClientWhoseClockIsWrong: the time is that of our nonce (RFC 9449 §11.1).
func TestDPoPOfAClientWhoseClockIsWrong(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		nonce := h.NewProver()
		nonce.Post("/o/token/", webtest.AsClient(h.Insight, "grant_type", "client_credentials"))
		for _, wrong := range []time.Duration{-25 * time.Hour, 90 * time.Second, 25 * time.Hour} {
			proof := signProof(h, "ES256", map[string]any{
				"jti": token.NewID(), "htm": "POST", "htu": h.Parts.Issuer + "/o/token/", "iat": h.Clock.Now().Add(wrong).Unix(), "nonce": nonce.Nonce,
			})
			h.Program().Post("/o/token/", webtest.AsClient(h.NewMachine(), "grant_type", "client_credentials"), "DPoP", proof).WantTokensOfType("DPoP")
			h.Program().Post("/o/token/", webtest.AsClient(h.NewMachine(), "grant_type", "client_credentials"), "DPoP", proof).WantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		}
	})
}
