package token

import "log/slog"

// Secret is a server-made secret of 256 bits with a scannable prefix. It prints as [secret]; Reveal is the only way to its text.
type Secret struct{ text string }

// Prefixes tell a secret scanner, and a person, what they found.
const (
	PrefixClientSecret = "gh_cs_"
	PrefixSession      = "gh_se_"
	PrefixCode         = "gh_ac_"
	PrefixRefreshToken = "gh_rt_"
)

// NewSecret makes a secret: the prefix and 32 random bytes in base64url.
func NewSecret(prefix string) Secret { panic("contract") }

// SecretFrom wraps a secret that was received.
func SecretFrom(text string) Secret { return Secret{text} }

// Reveal is the secret's text.
func (s Secret) Reveal() string { return s.text }

// Hash is what is stored of the secret: the SHA-256 of its text in base64url. Slow hashing is for what people choose.
func (s Secret) Hash() string { panic("contract") }

// Matches reports, in constant time, whether the secret has this hash.
func (s Secret) Matches(hash string) bool { panic("contract") }

// String hides the secret, for every verb of fmt.
func (s Secret) String() string { return "[secret]" }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// NewID is a new opaque identifier of at least 128 random bits, made of letters and digits.
func NewID() string { panic("contract") }
