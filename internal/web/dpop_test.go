package web_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
)

// DPoP (RFC 9449) at the token endpoint, PAR and userinfo.

// prover makes DPoP proofs, as a client does that remembers the newest nonce.
type prover struct {
	*house
	signer
	nonce string
}

func (h *house) newProver() *prover { return &prover{house: h, signer: h.newSigner()} }

// thumbprint is the key's (RFC 7638).
func (p *prover) thumbprint() string {
	hash, err := p.public.Thumbprint(crypto.SHA256)
	p.ok(err)
	return base64.RawURLEncoding.EncodeToString(hash)
}

// proof is a good proof for a request, with changes to its claims; nil takes a claim out.
func (p *prover) proof(method, path string, changes map[string]any) string {
	claims := map[string]any{"jti": token.NewID(), "htm": method, "htu": p.parts.Issuer + path, "iat": p.clock.now().Unix()}
	if p.nonce != "" {
		claims["nonce"] = p.nonce
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return p.sign(claims, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
}

// learn remembers the nonce of an answer.
func (p *prover) learn(a *answer) *answer {
	if nonce := a.header.Get("DPoP-Nonce"); nonce != "" {
		p.nonce = nonce
	}
	return a
}

// post sends a form with a proof, again with the nonce when the server asks for one.
func (p *prover) post(path string, form url.Values, headers ...string) *answer {
	p.Helper()
	send := func() *answer {
		return p.learn(p.program().post(path, form, append([]string{"DPoP", p.proof(http.MethodPost, path, nil)}, headers...)...))
	}
	a := send()
	if strings.Contains(a.body, "use_dpop_nonce") {
		a = send()
	}
	return a
}

// ath is what a proof says about the access token that it comes with.
func ath(accessToken string) map[string]any {
	hash := sha256.Sum256([]byte(accessToken))
	return map[string]any{"ath": base64.RawURLEncoding.EncodeToString(hash[:])}
}

// userInfo asks with a bound token and a proof.
func (p *prover) userInfo(accessToken string) *answer {
	p.Helper()
	return p.learn(p.program().get("/o/userinfo/", "Authorization", "DPoP "+accessToken, "DPoP", p.proof(http.MethodGet, "/o/userinfo/", ath(accessToken))))
}

// TestDPoPBindsTheTokens to the key: token_type says so, cnf names it, and only that key refreshes and uses them.
func TestDPoPBindsTheTokens(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		for _, client := range []app{h.insight, h.pocket} {
			p, other := h.newProver(), h.newProver()
			got := p.post("/o/token/", tokenRequest(client, b.connect(client, h.atlas, "scope", "openid"))).wantTokensOfType("DPoP")
			bound := map[string]any{"jkt": p.thumbprint()}
			if cnf := h.claims(got.AccessToken)["cnf"]; asJSON(h, cnf) != asJSON(h, bound) {
				h.Errorf("cnf is %v, want %v", cnf, bound)
			}
			if client.secret != "" {
				if claims := h.introspect(client, got.AccessToken); claims["token_type"] != "DPoP" || asJSON(h, claims["cnf"]) != asJSON(h, bound) {
					h.Errorf("introspection says %v", claims)
				}
			}
			p.userInfo(got.AccessToken).wantStatus(http.StatusOK)
			other.nonce = p.nonce
			other.userInfo(got.AccessToken).wantChallenge(http.StatusUnauthorized, "DPoP", "invalid_token")

			refresh := asClient(client, "grant_type", "refresh_token", "refresh_token", got.RefreshToken)
			if client.Public { // RFC 9449 §5: the refresh token of a public client is bound
				h.program().post("/o/token/", refresh).wantStatus(http.StatusBadRequest)
				other.post("/o/token/", refresh).wantStatus(http.StatusBadRequest)
			}
			next := p.post("/o/token/", refresh).wantTokensOfType("DPoP")
			p.userInfo(next.AccessToken).wantStatus(http.StatusOK)
		}
	})
}

// TestBoundTokenWithoutItsProof is no use: not as a bearer token, not with no proof, nor with one that is for something else.
func TestBoundTokenWithoutItsProof(t *testing.T) {
	onBoth(t, func(h *house) {
		p := h.newProver()
		got := p.post("/o/token/", tokenRequest(h.insight, h.signedIn(ben).connect(h.insight, h.atlas, "scope", "openid"))).wantTokensOfType("DPoP")
		h.userInfo(got.AccessToken).wantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		h.userInfo(got.AccessToken, "DPoP", p.proof(http.MethodGet, "/o/userinfo/", ath(got.AccessToken))).wantChallenge(http.StatusUnauthorized, "Bearer", "invalid_token")
		h.program().get("/o/userinfo/", "Authorization", "DPoP "+got.AccessToken).wantChallenge(http.StatusUnauthorized, "DPoP", "invalid_dpop_proof")
		with := func(method, path string, changes map[string]any) *answer {
			return h.program().get("/o/userinfo/", "Authorization", "DPoP "+got.AccessToken, "DPoP", p.proof(method, path, changes))
		}
		for name, a := range map[string]*answer{
			"without ath":   with(http.MethodGet, "/o/userinfo/", nil),
			"another token": with(http.MethodGet, "/o/userinfo/", ath(got.RefreshToken)),
			"method":        with(http.MethodPost, "/o/userinfo/", ath(got.AccessToken)),
			"URL":           with(http.MethodGet, "/o/token/", ath(got.AccessToken)),
		} {
			h.Log(name)
			a.wantChallenge(http.StatusUnauthorized, "DPoP", "invalid_dpop_proof")
		}
		bearer := h.signedIn(ben).connection(h.insight, h.atlas, "scope", "openid")
		p.userInfo(bearer.AccessToken).wantChallenge(http.StatusUnauthorized, "DPoP", "invalid_token") // bound to no key
		p.userInfo(got.AccessToken).wantStatus(http.StatusOK)
	})
}

// TestProofsNeedANonceOfOurs: a fresh one is given with the refusal, and with an answer when it gets old (RFC 9449 §8).
func TestProofsNeedANonceOfOurs(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		code := b.connect(h.insight, h.atlas, "scope", "openid")
		p := h.newProver()
		try := func(form url.Values) *answer {
			return h.program().post("/o/token/", form, "DPoP", p.proof(http.MethodPost, "/o/token/", nil))
		}
		first := try(tokenRequest(h.insight, code))
		first.wantJSON(http.StatusBadRequest, "use_dpop_nonce")
		for _, nonce := range []string{"made-up", first.header.Get("DPoP-Nonce") + "A", b.authorize(h.insight, "prompt", "consent").sealed()} {
			p.nonce = nonce
			try(tokenRequest(h.insight, code)).wantJSON(http.StatusBadRequest, "use_dpop_nonce")
		}
		p.learn(first)
		answered := try(tokenRequest(h.insight, code)) // the code was not touched
		got := answered.wantTokensOfType("DPoP")
		if answered.header.Get("DPoP-Nonce") != "" {
			h.Error("a new nonce although this one is young")
		}
		old := p.nonce
		h.clock.advance(3 * time.Minute)
		p.userInfo(got.AccessToken).wantStatus(http.StatusOK)
		if p.nonce == old {
			h.Error("no new nonce although this one was getting old")
		}
		h.clock.advance(2 * time.Minute)
		p.nonce = old
		a := p.userInfo(got.AccessToken)
		a.wantChallenge(http.StatusUnauthorized, "DPoP", "use_dpop_nonce")
		if a.header.Get("DPoP-Nonce") == "" || a.header.Get("DPoP-Nonce") == old {
			h.Error("an expired nonce was refused, and none is offered")
		}
		// Another server on this database knows the nonce.
		first2 := h.server.URL
		second := h.serve(func(parts *webParts) { parts.Issuer = first2 })
		p.learn(a)
		h.browserAt(second.URL).get("/o/userinfo/", "Authorization", "DPoP "+got.AccessToken, "DPoP", p.proof(http.MethodGet, "/o/userinfo/", ath(got.AccessToken))).
			wantStatus(http.StatusOK)
	})
}

// TestProofsAtTheTokenEndpointAreChecked.
func TestProofsAtTheTokenEndpointAreChecked(t *testing.T) {
	onBoth(t, func(h *house) {
		code := h.signedIn(ben).connect(h.insight, h.atlas)
		p := h.newProver()
		p.post("/o/token/", tokenRequest(h.insight, "gh_ac_x")).wantJSON(http.StatusBadRequest, "invalid_grant") // learns the nonce
		unsigned := "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6Im5vbmUifQ.e30."
		good := func(changes map[string]any) string { return p.proof(http.MethodPost, "/o/token/", changes) }
		used := good(nil)
		h.program().post("/o/token/", tokenRequest(h.insight, "gh_ac_x"), "DPoP", used).wantJSON(http.StatusBadRequest, "invalid_grant")
		for name, proof := range map[string]string{
			"method": p.proof(http.MethodGet, "/o/token/", nil), "URL": p.proof(http.MethodPost, "/o/par/", nil),
			"another host": good(map[string]any{"htu": "https://evil.example/o/token/"}),
			"no jti":       good(map[string]any{"jti": nil}), "no iat": good(map[string]any{"iat": nil}), "no htu": good(map[string]any{"htu": nil}),
			"used before": used, "nonsense": "x", "unsigned": unsigned,
			"typ":    p.sign(map[string]any{"jti": "1", "htm": "POST", "htu": h.parts.Issuer + "/o/token/", "iat": h.clock.now().Unix(), "nonce": p.nonce}, &jose.SignerOptions{EmbedJWK: true}),
			"no jwk": p.sign(map[string]any{"jti": "1", "htm": "POST", "htu": h.parts.Issuer + "/o/token/", "iat": h.clock.now().Unix(), "nonce": p.nonce}, (&jose.SignerOptions{}).WithType("dpop+jwt")),
		} {
			h.Log(name)
			h.program().post("/o/token/", tokenRequest(h.insight, code), "DPoP", proof).wantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		}
		h.program().post("/o/token/", tokenRequest(h.insight, code), "DPoP", good(nil), "DPoP", good(nil)).wantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		// The address without its slash is the same endpoint, and the proof names the one that was used.
		h.program().post("/o/token", tokenRequest(h.insight, code), "DPoP", p.proof(http.MethodPost, "/o/token", nil)).wantTokensOfType("DPoP")
	})
}

// TestCodeIsBoundToTheKey that dpop_jkt, or the proof at the PAR endpoint, names (RFC 9449 §10).
func TestCodeIsBoundToTheKey(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		p, other := h.newProver(), h.newProver()
		for name, code := range map[string]func() string{
			"dpop_jkt": func() string { return b.connect(h.insight, h.atlas, "dpop_jkt", p.thumbprint()) },
			"a proof at the PAR endpoint": func() string {
				requestURI := p.post("/o/par/", pushed(h.insight, "prompt", "consent")).wantRequestURI()
				return b.authorizePushed(h.insight, requestURI).wantConsent().decide("authorize", h.atlas.ID).wantCode(callback)
			},
		} {
			h.Log(name)
			other.post("/o/token/", tokenRequest(h.insight, code())).wantStatus(http.StatusBadRequest)
			h.redeem(h.insight, code()).wantStatus(http.StatusBadRequest)
			p.post("/o/token/", tokenRequest(h.insight, code())).wantTokensOfType("DPoP")
		}
		p.post("/o/par/", pushed(h.insight, "dpop_jkt", other.thumbprint())).wantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		p.post("/o/par/", pushed(h.insight, "dpop_jkt", p.thumbprint())).wantRequestURI()
		p.nonce = ""
		h.program().post("/o/par/", pushed(h.insight), "DPoP", p.proof(http.MethodPost, "/o/par/", nil)).wantJSON(http.StatusBadRequest, "use_dpop_nonce")
		b.authorize(h.insight, "dpop_jkt", "short").wantError(callback, "invalid_request")
	})
}

// TestClientsThatTakeNoBearerTokens (RFC 9449 §5.2).
func TestClientsThatTakeNoBearerTokens(t *testing.T) {
	onBoth(t, func(h *house) {
		strict := h.register(client.Registration{Name: "Strict", RedirectURIs: []string{"https://strict.example/cb"}, RequireDPoP: true})
		b := h.signedIn(ben)
		code := b.connect(strict, h.atlas)
		h.redeem(strict, code).wantStatus(http.StatusBadRequest)
		got := h.newProver().post("/o/token/", tokenRequest(strict, b.connect(strict, h.atlas))).wantTokensOfType("DPoP")
		h.refresh(strict, got.RefreshToken).wantStatus(http.StatusBadRequest)

		machine := h.register(client.Registration{Name: "Strict job", Machine: true, Team: h.atlas, RequireDPoP: true})
		h.machineToken(machine).wantStatus(http.StatusBadRequest)
		p := h.newProver()
		if cnf := h.claims(p.post("/o/token/", asClient(machine, "grant_type", "client_credentials")).wantTokensOfType("DPoP").AccessToken)["cnf"]; cnf == nil {
			h.Error("the machine's token is bound to nothing")
		}
	})
}

// TestDPoPAlgorithmsOfTheMetadataWork.
func TestDPoPAlgorithmsOfTheMetadataWork(t *testing.T) {
	onBoth(t, func(h *house) {
		nonce := h.newProver()
		nonce.post("/o/token/", asClient(h.insight, "grant_type", "client_credentials"))
		for _, algorithm := range h.metadata().DPoPSigningAlgValuesSupported {
			claims := map[string]any{"jti": token.NewID(), "htm": "POST", "htu": h.parts.Issuer + "/o/token/", "iat": h.clock.now().Unix(), "nonce": nonce.nonce}
			proof := signProof(h, algorithm, claims)
			h.program().post("/o/token/", asClient(h.newMachine(), "grant_type", "client_credentials"), "DPoP", proof).wantTokensOfType("DPoP")
		}
	})
}

// signProof makes a proof with a new key for an algorithm.
func signProof(h *house, algorithm string, claims map[string]any) string {
	h.Helper()
	private := newPrivate(h, algorithm)
	return signJWT(h, algorithm, private, map[string]any{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: private.Public()}}, claims)
}

// signJWT signs claims. It knows Ed25519, the name of RFC 9864, too, which go-jose does not.
func signJWT(h *house, algorithm string, private crypto.Signer, header, claims map[string]any) string {
	h.Helper()
	if key, ok := private.(ed25519.PrivateKey); ok && algorithm == "Ed25519" {
		header = maps.Clone(header)
		if header == nil {
			header = map[string]any{}
		}
		header["alg"] = algorithm
		encode := base64.RawURLEncoding.EncodeToString
		input := encode([]byte(asJSON(h, header))) + "." + encode([]byte(asJSON(h, claims)))
		return input + "." + encode(ed25519.Sign(key, []byte(input)))
	}
	opts := &jose.SignerOptions{}
	for name, value := range header {
		opts.WithHeader(jose.HeaderKey(name), value)
	}
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: private}, opts)
	h.ok(err)
	signed, err := made.Sign([]byte(asJSON(h, claims)))
	h.ok(err)
	text, err := signed.CompactSerialize()
	h.ok(err)
	return text
}

// TestDPoPOfAClientWhoseClockIsWrong: the time is that of our nonce (RFC 9449 §11.1).
func TestDPoPOfAClientWhoseClockIsWrong(t *testing.T) {
	onBoth(t, func(h *house) {
		nonce := h.newProver()
		nonce.post("/o/token/", asClient(h.insight, "grant_type", "client_credentials"))
		for _, wrong := range []time.Duration{-25 * time.Hour, 90 * time.Second, 25 * time.Hour} {
			proof := signProof(h, "ES256", map[string]any{
				"jti": token.NewID(), "htm": "POST", "htu": h.parts.Issuer + "/o/token/", "iat": h.clock.now().Add(wrong).Unix(), "nonce": nonce.nonce,
			})
			h.program().post("/o/token/", asClient(h.newMachine(), "grant_type", "client_credentials"), "DPoP", proof).wantTokensOfType("DPoP")
			h.program().post("/o/token/", asClient(h.newMachine(), "grant_type", "client_credentials"), "DPoP", proof).wantJSON(http.StatusBadRequest, "invalid_dpop_proof")
		}
	})
}
