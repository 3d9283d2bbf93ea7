package token

import (
	"crypto"
	"crypto/sha256"
	"maps"
	"strings"

	"github.com/maypok86/otter/v2"
)

// maxVerified is how many access tokens are cached; together they take about 10 MB.
const maxVerified = 10_000

// verified caches the claims of access tokens whose signature was verified, by the token's hash. Verifying costs more than
// everything else, and the same token comes again and again. The cache belongs to one set of signing keys; expiry and the
// death of keys are checked at each use.
type verified = otter.Cache[[sha256.Size]byte, AccessClaims]

func newVerified() *verified {
	return otter.Must(&otter.Options[[sha256.Size]byte, AccessClaims]{MaximumSize: maxVerified})
}

// openAccessToken is openJWT for access tokens, with the cache.
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

// hashToken is the cache key of a token. Tokens that differ in anything have different ones.
func hashToken(text string) [sha256.Size]byte {
	var buf [1024]byte // on the stack, where tokens of ordinary size fit
	return sha256.Sum256(append(buf[:0], text...))
}

// inherit takes over the cache of an earlier set with the same keys.
func (s *keySet) inherit(earlier *keySet) {
	same := func(a, b *key) bool {
		public, ok := a.public.(interface{ Equal(crypto.PublicKey) bool })
		return ok && public.Equal(b.public)
	}
	if earlier != nil && maps.EqualFunc(s.access, earlier.access, same) {
		s.verified = earlier.verified
	}
}
