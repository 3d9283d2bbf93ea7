package token

import (
	"crypto"
	"crypto/sha256"
	"maps"
	"strings"

	"github.com/maypok86/otter/v2"
)

// maxVerified is how many access tokens are remembered: about 10 MB when so many are in use.
const maxVerified = 10_000

// verified is what access tokens say whose signature was verified, by their hash so that no token is kept. The same one is presented again and again, and verifying
// its signature costs more than all the rest. It belongs to one set of signing keys; whether key and token still live is decided by the clock at each use.
type verified = otter.Cache[[sha256.Size]byte, AccessClaims]

func newVerified() *verified {
	return otter.Must(&otter.Options[[sha256.Size]byte, AccessClaims]{MaximumSize: maxVerified})
}

// openAccessToken is openJWT for access tokens: what was verified once is not verified again.
func (s *keySet) openAccessToken(text string) (*key, AccessClaims, error) {
	header, _, _ := strings.Cut(text, ".")
	key := s.access[header]
	if key == nil || len(text) > maxJWTLength {
		return nil, AccessClaims{}, ErrNotOurs
	}
	hash := hashToken(text)
	if claims, ok := s.verified.GetIfPresent(hash); ok {
		return key, claims, nil
	}
	var claims AccessClaims
	if _, err := openJWT(text, s.access, &claims); err != nil {
		return nil, AccessClaims{}, err
	}
	s.verified.Set(hash, claims)
	return key, claims, nil
}

// hashToken names a token. Of two that differ in anything, only one was verified.
func hashToken(text string) [sha256.Size]byte {
	var buf [1024]byte // on the stack, where tokens of ordinary size fit
	return sha256.Sum256(append(buf[:0], text...))
}

// inherit takes over what an earlier set has verified, if this one would verify the same.
func (s *keySet) inherit(earlier *keySet) {
	same := func(a, b *key) bool {
		public, ok := a.public.(interface{ Equal(crypto.PublicKey) bool })
		return ok && public.Equal(b.public)
	}
	if earlier != nil && maps.EqualFunc(s.access, earlier.access, same) {
		s.verified = earlier.verified
	}
}
