package resourceserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"strings"
	"time"
)

// usesDPoP reports whether a request has a token of the DPoP scheme.
func usesDPoP(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "DPoP")
}

// checkBinding checks that a token that is bound to a key came with a proof of that key, in the DPoP scheme (RFC 9449 §7).
// If a bound token passed as a bearer token, a thief could use it.
func (g *Guard) checkBinding(header http.Header, r *http.Request, raw string, token *Token, now time.Time) error {
	dpop := usesDPoP(r)
	switch {
	case token.Confirmation == "" && g.fapi2:
		return invalidToken("this API accepts only access tokens that are bound to a key (DPoP): get a new one with a DPoP proof")
	case token.Confirmation == "" && !dpop:
		return nil
	case token.Confirmation == "":
		return invalidToken("the access token is not bound to a key: send it as a Bearer token")
	case !dpop:
		return &refusal{
			status: http.StatusUnauthorized, code: "invalid_token", dpop: true,
			description: "the access token is bound to a key: send it as Authorization: DPoP ... with a proof in the DPoP header",
		}
	case g.origin == "":
		return invalidToken("this API does not accept tokens that are bound to a key: it does not know its own URL")
	}
	var made time.Time // of the nonce that was sent
	_, err := CheckProof(r, ProofCheck{
		URL: g.urlOf(r), AccessToken: raw, Key: token.Confirmation, Replays: &g.replays, Party: token.holder(), Now: now,
		Algorithms: g.proofs, RefuseAhead: g.fapi2,
		Nonce: g.nonces.check(now, &made),
	})
	if len(g.nonces) > 0 && (errors.Is(err, ErrProofNonce) || now.Sub(made).Abs() >= nonceLifetime/2) {
		header.Set("DPoP-Nonce", g.nonces.make(now)) // RFC 9449 §8.2, §9
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrProofNonce):
		return &refusal{status: http.StatusUnauthorized, code: "use_dpop_nonce", description: err.Error(), dpop: true}
	}
	return &refusal{status: http.StatusUnauthorized, code: "invalid_dpop_proof", description: err.Error(), dpop: true}
}

// holder is who uses a token: one person's connection of one application, or the application itself.
func (t *Token) holder() string { return t.ClientID + " " + t.GrantID }

// urlOf is where a request was sent, as its client knows it. The request line is used, because handlers around this one may
// have changed the URL.
func (g *Guard) urlOf(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		return g.origin + path
	}
	return g.origin + r.URL.EscapedPath()
}

// nonces makes and checks this API's nonces: a time and its HMAC. They need no memory, and replicas with the same key know
// each other's. Without a key, proofs need no nonce.
type nonces []byte

const nonceLifetime = 5 * time.Minute

func (n nonces) make(now time.Time) string {
	at := binary.BigEndian.AppendUint64(nil, uint64(now.Unix()))
	mac := hmac.New(sha256.New, n)
	mac.Write(at)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(at)[:24])
}

// madeAt is when a nonce was made; zero for one that is not ours.
func (n nonces) madeAt(nonce string) time.Time {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != 24 {
		return time.Time{}
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)
	if !hmac.Equal([]byte(n.make(at)), []byte(nonce)) {
		return time.Time{}
	}
	return at
}

// check is the Nonce of a ProofCheck. It notes when the nonce that was sent was made.
func (n nonces) check(now time.Time, sent *time.Time) func(string) (made, until time.Time) {
	if len(n) == 0 {
		return nil
	}
	return func(nonce string) (made, until time.Time) {
		*sent = n.madeAt(nonce)
		if sent.IsZero() || sent.Sub(now) >= nonceLifetime { // another replica's clock may be ahead, but not by so much
			return time.Time{}, time.Time{}
		}
		return *sent, sent.Add(nonceLifetime)
	}
}
