package resourceserver

import (
	"crypto/sha256"

	"github.com/maypok86/otter/v2"
)

// seenTokens caches verified tokens, by their hash so that no token stays in memory. When it is full, it drops those that are
// used least.
type seenTokens struct {
	cache *otter.Cache[[sha256.Size]byte, seenToken] // nil: remembers nothing
}

// seenToken is a token that was verified with the keys of a generation.
type seenToken struct {
	token      *Token
	generation uint64
}

func newSeenTokens(size int) *seenTokens {
	if size == 0 {
		return &seenTokens{}
	}
	return &seenTokens{otter.Must(&otter.Options[[sha256.Size]byte, seenToken]{MaximumSize: size})}
}

func hashToken(raw string) [sha256.Size]byte {
	var buf [1024]byte // on the stack, where tokens of ordinary size fit: converting the string would allocate at each request
	return sha256.Sum256(append(buf[:0], raw...))
}

// get returns nil for a token that is not cached, or was verified with a key that may be gone.
func (s *seenTokens) get(hash [sha256.Size]byte, generation uint64) *Token {
	if s.cache == nil {
		return nil
	}
	if seen, ok := s.cache.GetIfPresent(hash); ok && seen.generation == generation {
		return seen.token
	}
	return nil
}

func (s *seenTokens) put(hash [sha256.Size]byte, generation uint64, token *Token) {
	if s.cache != nil {
		s.cache.Set(hash, seenToken{token, generation})
	}
}
