package webtest

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
)

// DPoP (RFC 9449) at the token endpoint, PAR and userinfo.

// Prover makes DPoP proofs, as a client does that remembers the newest nonce.
type Prover struct {
	*House
	Signer
	Nonce string
}

func (h *House) NewProver() *Prover { return &Prover{House: h, Signer: h.NewSigner()} }

// Thumbprint is the key's (RFC 7638).
func (p *Prover) Thumbprint() string {
	hash, err := p.public.Thumbprint(crypto.SHA256)
	p.OK(err)
	return base64.RawURLEncoding.EncodeToString(hash)
}

// Proof is a good proof for a request, with changes to its claims; nil takes a claim out.
func (p *Prover) Proof(method, path string, changes map[string]any) string {
	claims := map[string]any{"jti": token.NewID(), "htm": method, "htu": p.Parts.Issuer + path, "iat": p.Clock.Now().Unix()}
	if p.Nonce != "" {
		claims["nonce"] = p.Nonce
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return p.Sign(claims, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
}

// Learn remembers the nonce of an answer.
func (p *Prover) Learn(a *Answer) *Answer {
	if nonce := a.Header.Get("DPoP-Nonce"); nonce != "" {
		p.Nonce = nonce
	}
	return a
}

// Post sends a form with a proof, again with the nonce when the server asks for one.
func (p *Prover) Post(path string, form url.Values, headers ...string) *Answer {
	p.Helper()
	send := func() *Answer {
		return p.Learn(p.Program().Post(path, form, append([]string{"DPoP", p.Proof(http.MethodPost, path, nil)}, headers...)...))
	}
	a := send()
	if strings.Contains(a.Body, "use_dpop_nonce") {
		a = send()
	}
	return a
}

// ATH is what a proof says about the access token that it comes with.
func ATH(accessToken string) map[string]any {
	hash := sha256.Sum256([]byte(accessToken))
	return map[string]any{"ath": base64.RawURLEncoding.EncodeToString(hash[:])}
}

// UserInfo asks with a bound token and a proof.
func (p *Prover) UserInfo(accessToken string) *Answer {
	p.Helper()
	return p.Learn(p.Program().Get("/o/userinfo/", "Authorization", "DPoP "+accessToken, "DPoP", p.Proof(http.MethodGet, "/o/userinfo/", ATH(accessToken))))
}
