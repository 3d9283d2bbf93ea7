package token

import (
	"context"
	"errors"
	"time"
)

// Use says what a key is for.
type Use string

// The uses of keys.
const (
	UseSign Use = "sig"  // signs JWTs; its public half is in the JWKS
	UseSeal Use = "seal" // seals values
)

// StoredKey is a key as the store keeps it: its private half sealed under the master key.
type StoredKey struct {
	ID        string // the kid
	Use       Use
	Algorithm string // "ES256", "RS256", "XC20P"
	Slot      string // what the key is the first of, e.g. "ES256/1"; unique, so that two servers starting at once agree on one key
	Sealed    []byte
	CreatedAt time.Time
	SignsFrom time.Time // published before it signs
	SignsTo   time.Time // zero while it is current
	DeadAt    time.Time // zero while current; everything it signed has expired by then
}

// Store is where the keyring keeps its keys.
type Store interface {
	// Keys returns every key, oldest first.
	Keys(ctx context.Context) ([]StoredKey, error)
	// AddKeys adds those whose Slot is free, in one transaction, and leaves the others alone.
	AddKeys(ctx context.Context, keys []StoredKey) error
}

// MasterKey seals the keyring. It is 32 bytes and is not in the database. It prints as [secret].
type MasterKey struct{ key [32]byte }

// NewMasterKey makes a master key.
func NewMasterKey() MasterKey { panic("contract") }

// ParseMasterKey reads the text form, base64 of 32 bytes; surrounding white space is ignored.
func ParseMasterKey(text string) (MasterKey, error) { panic("contract") }

// Text is the form that ParseMasterKey reads.
func (m MasterKey) Text() string { panic("contract") }

// String hides the key.
func (m MasterKey) String() string { return "[secret]" }

// ErrWrongMasterKey means that the stored keys were sealed under another master key.
var ErrWrongMasterKey = errors.New("the master key does not open this database's keys")

// Keyring signs, verifies and seals with the keys of one database.
type Keyring struct {
	// unexported fields, by the implementation
}

// OpenKeyring loads the keys and, where there are none yet, makes them: ES256 for access tokens, RS256 ready for ID tokens, and one sealing key. Two servers that start at once end up with the same keys.
// now is the clock for sealed values' expiry and the keys' times. The error is ErrWrongMasterKey when master is not the one they were sealed under.
func OpenKeyring(ctx context.Context, store Store, master MasterKey, now func() time.Time) (*Keyring, error) {
	panic("contract")
}

// AccessClaims is the payload of an access token (RFC 9068 §2.2), with the team. Times are seconds since 1970.
type AccessClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience []string `json:"aud"` // a JSON string when it is one
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"`
	AuthTime int64    `json:"auth_time,omitempty"`
	Team     string   `json:"team"` // slug
	TeamID   string   `json:"team_id"`
	GrantID  string   `json:"grant_id"`
}

// SignAccessToken is the JWT with typ "at+jwt" (RFC 9068 §2.1), signed with the current ES256 key.
func (k *Keyring) SignAccessToken(claims AccessClaims) (string, error) { panic("contract") }

// JWKS is the public keys as a JSON Web Key Set (RFC 7517 §5), and its ETag: current, next and last, made once per key change.
func (k *Keyring) JWKS() (body []byte, etag string) { panic("contract") }

// KeyInfo is what may be said of a key: never its private half.
type KeyInfo struct {
	ID        string    `json:"kid"`
	Use       Use       `json:"use"`
	Algorithm string    `json:"alg"`
	State     string    `json:"state"` // next, current, retired
	CreatedAt time.Time `json:"created_at"`
	SignsFrom time.Time `json:"signs_from"`
	DeadAt    time.Time `json:"dead_at,omitzero"`
}

// Keys lists the keys, oldest first.
func (k *Keyring) Keys() []KeyInfo { panic("contract") }

// Reload reads the keys again, so that what another process or command did becomes known.
func (k *Keyring) Reload(ctx context.Context) error { panic("contract") }

// RotationOverlap says how long a new key is published before it signs, and how long an old one is still published after its last signature.
type RotationOverlap struct{ Publish, Retire time.Duration }

// Rotate adds a successor to each current key: published now, signing after overlap.Publish; the old one is dropped overlap.Retire after it last signed.
func (k *Keyring) Rotate(ctx context.Context, overlap RotationOverlap) error { panic("contract") }
