package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// purposeNonce seals nonces for DPoP proofs: the time of their making, so that every server knows every other's and none is stored.
const purposeNonce = token.PurposeNonce

// A nonce is good for nonceLifetime, and a proof with one that is older than nonceRenewal brings the next, so that a busy client never meets an expired one.
const (
	nonceLifetime = 5 * time.Minute
	nonceRenewal  = nonceLifetime / 2
)

// provenKey is the thumbprint of the key whose proof came in the DPoP header, "" when none came (RFC 9449 §4.3). Every proof needs a nonce of ours: that
// bounds to minutes what a proof that was made in advance, or stolen, can do. accessToken is the one that the proof came with, "" at the token endpoint.
func (s *server) provenKey(w http.ResponseWriter, r *http.Request, accessToken string) (string, error) {
	if len(r.Header["Dpop"]) == 0 { // the name as net/http keeps it
		return "", nil
	}
	var made time.Time
	thumbprint, err := resourceserver.CheckProof(r, resourceserver.ProofCheck{
		URL: s.Issuer + r.URL.EscapedPath(), AccessToken: accessToken, Replays: &s.proofs, Now: s.Now(),
		Nonce: func(nonce string) (time.Time, time.Time) {
			if s.Keys.Open(purposeNonce, nonce, &made) != nil {
				return time.Time{}, time.Time{}
			}
			return made, made.Add(nonceLifetime)
		},
	})
	if errors.Is(err, resourceserver.ErrProofNonce) || err == nil && s.Now().Sub(made) >= nonceRenewal {
		if nonceErr := s.offerNonce(w); nonceErr != nil {
			return "", nonceErr
		}
	}
	switch {
	case errors.Is(err, resourceserver.ErrProofNonce):
		return "", oauth.UseDPoPNonce.Errorf("make the DPoP proof again, with the value of the DPoP-Nonce header as its nonce (RFC 9449 section 8)")
	case err != nil:
		return "", oauth.InvalidDPoPProof.Errorf("%s", err)
	}
	return thumbprint, nil
}

func (s *server) offerNonce(w http.ResponseWriter) error {
	now := s.Now()
	nonce, err := s.Keys.Seal(purposeNonce, now, now.Add(nonceLifetime))
	if err != nil {
		return err
	}
	w.Header().Set("DPoP-Nonce", nonce)
	return nil
}
