package endpoint

import (
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// A nonce is valid for nonceLifetime. A proof with a nonce older than nonceRenewal is answered with the next one, so that a busy client
// never uses an expired one.
const (
	nonceLifetime = 5 * time.Minute
	nonceRenewal  = nonceLifetime / 2
)

// provenKey is the thumbprint of the key that signed the proof in the DPoP header, "" without a proof (RFC 9449 §4.3). Every proof needs a
// nonce of ours, so that a proof that was made in advance, or stolen, works for minutes only. accessToken is the token that the proof
// came with, "" at the token endpoint.
func (s *Server) provenKey(w http.ResponseWriter, r *http.Request, accessToken string) (string, error) {
	if len(r.Header["Dpop"]) == 0 { // the name as net/http keeps it
		return "", nil
	}
	var made time.Time
	thumbprint, err := resourceserver.CheckProof(r, resourceserver.ProofCheck{
		URL: s.Issuer + r.URL.EscapedPath(), AccessToken: accessToken, Replays: &s.proofs, Now: s.Now(),
		Algorithms: s.Authz.Profile().ClientAlgorithms(), RefuseAhead: s.Authz.Profile().FAPI2(),
		Nonce: func(nonce string) (time.Time, time.Time) {
			if s.Keys.Open(token.PurposeNonce, nonce, &made) != nil {
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

func (s *Server) offerNonce(w http.ResponseWriter) error {
	// A nonce is the time when it was made, so every server can check it and none is stored.
	nonce, err := s.Keys.Seal(token.PurposeNonce, s.Keys.Now(), nonceLifetime)
	if err != nil {
		return err
	}
	w.Header().Set("DPoP-Nonce", nonce)
	return nil
}
