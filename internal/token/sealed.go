package token

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// Sealed values are opaque outside (XChaCha20-Poly1305, base64url), carry an expiry, and cannot be altered.
//
// The text is the sealing key's id, a dot, and base64url of nonce ‖ ciphertext. The plaintext is the expiry in Unix
// milliseconds (8 bytes) and the JSON. Key id and purpose are authenticated with it.
var (
	// ErrNotOurs means that the value was not made by these keys, or for another purpose, or was altered.
	ErrNotOurs = errors.New("the value is not one of ours")
	// ErrExpired means that the value is ours and has expired.
	ErrExpired = errors.New("the value has expired")
	// ErrWrongClock means that something has expired by this process's clock, and not by the right time. It is temporarily_unavailable: another
	// server can answer, and so can this one when its clock is right.
	ErrWrongClock = oauth.TemporarilyUnavailable.Errorf("the clock of this server is wrong, so it cannot tell whether this has expired; try again in a few seconds")
)

// RightTime is the right time, when what this process's clock has shown is wrong. Ask it about the time by which you decide: the clock may
// have been set right since.
func (k *Keyring) RightTime(shown time.Time) (right time.Time, wrong bool) {
	if k == nil || k.WrongClock == nil {
		return time.Time{}, false
	}
	return k.WrongClock(shown)
}

const expirySize = 8

// Now is the right time, as far as this process knows: what its clock shows, unless that is wrong.
func (k *Keyring) Now() time.Time {
	now := k.now()
	if right, wrong := k.RightTime(now); wrong {
		return right
	}
	return now
}

// Seal encodes v as JSON and seals it for the purpose and a lifetime, to the millisecond. A wrong clock makes it neither longer nor shorter.
func (k *Keyring) Seal(purpose Purpose, v any, lifetime time.Duration) (string, error) {
	if purpose.String() == "" {
		return "", fmt.Errorf("seal: %d is no purpose", purpose)
	}
	payload, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("seal for %s: %w", purpose, err)
	}
	now := k.Now()
	key := k.keys.Load().current(algorithmSeal, now)
	nonceSize := key.aead.NonceSize()
	buf := make([]byte, nonceSize+expirySize, nonceSize+expirySize+len(payload)+key.aead.Overhead())
	rand.Read(buf[:nonceSize])
	binary.BigEndian.PutUint64(buf[nonceSize:], uint64(now.Add(lifetime).UnixMilli()))
	buf = append(buf, payload...)
	buf = key.aead.Seal(buf[:nonceSize], buf[:nonceSize], buf[nonceSize:], sealedData(key.ID, purpose))

	out := make([]byte, 0, len(key.ID)+1+base64.RawURLEncoding.EncodedLen(len(buf)))
	out = append(append(out, key.ID...), '.')
	return string(base64.RawURLEncoding.AppendEncode(out, buf)), nil
}

// Open opens a sealed value into v. The error is ErrNotOurs, ErrWrongClock, or ErrExpired (v is filled then, for the log).
func (k *Keyring) Open(purpose Purpose, sealed string, v any) error {
	id, encoded, ok := strings.Cut(sealed, ".")
	if !ok || purpose.String() == "" {
		return ErrNotOurs
	}
	now := k.now()
	key, err := k.living(k.keys.Load().sealers, id, now)
	if err != nil {
		return err
	}
	buf, err := decode(encoded)
	nonceSize := key.aead.NonceSize()
	if err != nil || len(buf) < nonceSize {
		return ErrNotOurs
	}
	plain, err := key.aead.Open(buf[nonceSize:nonceSize], buf[:nonceSize], buf[nonceSize:], sealedData(id, purpose))
	if err != nil || len(plain) < expirySize {
		return ErrNotOurs
	}
	if err := json.Unmarshal(plain[expirySize:], v); err != nil {
		return fmt.Errorf("open for %s: %w", purpose, err)
	}
	expires := int64(binary.BigEndian.Uint64(plain))
	if now.UnixMilli() < expires {
		return nil
	}
	if right, wrong := k.RightTime(now); wrong && right.UnixMilli() < expires {
		return ErrWrongClock
	}
	return ErrExpired
}

// decode decodes base64url and accepts one spelling of each value: Strict refuses stray bits at the end, and the length
// refuses the line breaks that the decoder skips. ErrNotOurs.
func decode(encoded string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || base64.RawURLEncoding.EncodedLen(len(raw)) != len(encoded) {
		return nil, ErrNotOurs
	}
	return raw, nil
}

func sealedData(id string, purpose Purpose) []byte {
	const label = "gatehouse value\x00"
	name := purpose.String()
	data := make([]byte, 0, len(label)+len(id)+1+len(name))
	data = append(data, label...)
	data = append(append(data, id...), 0)
	return append(data, name...)
}
