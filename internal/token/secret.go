package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// hidden is what every secret of this package prints as.
const hidden = "[secret]"

// Secret is a random secret of 256 bits with a prefix that scanners find. It prints as [secret]; only Reveal shows its text.
//
// The text is behind a pointer because fmt calls no method on unexported fields: a struct that holds a Secret then prints an
// address, not the secret.
type Secret struct{ text *string }

// Prefixes tell secret scanners and people what they have found.
const (
	PrefixClientSecret = "gh_cs_"
	PrefixSession      = "gh_se_"
	PrefixCode         = "gh_ac_"
	PrefixBound        = "gh_bd_" // binds a challenge to a browser
	PrefixRefreshToken = "gh_rt_"
	PrefixLink         = "gh_ln_"
)

// NewSecret makes a secret: the prefix and 32 random bytes in base64url.
func NewSecret(prefix string) Secret {
	var random [32]byte
	rand.Read(random[:]) // never fails, by its contract
	return SecretFrom(prefix + base64.RawURLEncoding.EncodeToString(random[:]))
}

// SecretFrom wraps a secret that was received.
func SecretFrom(text string) Secret { return Secret{&text} }

// Reveal is the secret's text; empty for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Hash is stored instead of the secret: the SHA-256 of its text in base64url. Only secrets that people choose need slow hashing.
func (s Secret) Hash() string {
	hash := s.hash()
	return string(hash[:])
}

// Matches reports, in constant time, whether the secret has this hash.
func (s Secret) Matches(hash string) bool {
	own := s.hash()
	return subtle.ConstantTimeCompare(own[:], []byte(hash)) == 1
}

func (s Secret) hash() (text [43]byte) {
	sum := sha256.Sum256([]byte(s.Reveal()))
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return text
}

// String hides the secret.
func (s Secret) String() string { return hidden }

// Format hides the secret from every verb of fmt, also those that do not call String (%d, %#v).
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret from encoding/json and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// NewID is a new opaque identifier of at least 128 random bits, made of letters and digits.
func NewID() string { return rand.Text() }

// NewOrderedID is a new identifier of the same length that begins with its time, so an index on it grows at its end. It has 85
// random bits, too few for a secret.
func NewOrderedID(at time.Time) string {
	id := []byte(rand.Text())
	putTime(id, at)
	return string(id)
}

// OrderedIDsFrom is below every ordered id of this time or later, and above all earlier ones.
func OrderedIDsFrom(at time.Time) string {
	id := make([]byte, timeDigits)
	putTime(id, at)
	return string(id)
}

// timeDigits is the length of a time in milliseconds in base 32, until the year 3084.
const timeDigits = 9

func putTime(id []byte, at time.Time) {
	const digits, base = "0123456789abcdefghijklmnopqrstuv", 32
	for i, rest := timeDigits-1, uint64(at.UnixMilli()); i >= 0; i, rest = i-1, rest/base {
		id[i] = digits[rest%base]
	}
}
