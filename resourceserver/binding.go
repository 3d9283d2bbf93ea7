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

// checkBinding checks that a token that is bound to a key came with a proof of that key, in the scheme that is for it (RFC 9449 §7).
// A bound token that passed as a bearer token would be worth as much as one to whoever stole it.
func (g *Guard) checkBinding(header http.Header, r *http.Request, raw string, token *Token, now time.Time) error {
	dpop := usesDPoP(r)
	switch {
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
	nonce := ""
	_, err := CheckProof(r, ProofCheck{
		URL: g.urlOf(r), AccessToken: raw, Key: token.Confirmation, Replays: &g.replays, Now: now,
		Nonce: g.nonces.check(now, &nonce),
	})
	if g.nonces.stale(nonce, now) {
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

// urlOf is where a request was sent, as its client knows it. The request's own line is used, which no handler around this one has changed.
func (g *Guard) urlOf(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		return g.origin + path
	}
	return g.origin + r.URL.EscapedPath()
}

// nonces are those of this API: a time and its HMAC, so that they need no memory and replicas with the same key know each other's. Without
// a key, none are asked for.
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

// check is for a ProofCheck: whether a nonce is ours and still good. It notes the nonce that was sent.
func (n nonces) check(now time.Time, sent *string) func(string) bool {
	if len(n) == 0 {
		return nil
	}
	return func(nonce string) bool {
		*sent = nonce
		at := n.madeAt(nonce)
		return !at.IsZero() && now.Sub(at).Abs() < nonceLifetime
	}
}

// stale reports whether it is time to hand out another nonce.
func (n nonces) stale(nonce string, now time.Time) bool {
	return len(n) > 0 && now.Sub(n.madeAt(nonce)).Abs() >= nonceLifetime/2
}
