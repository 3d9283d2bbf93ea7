package token

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// MasterKey seals the keyring: 32 bytes that are not in the database. It prints as [secret].
type MasterKey struct {
	key *[chacha20poly1305.KeySize]byte
} // a pointer for the reason given at Secret

// ErrWrongMasterKey means that the stored keys were sealed under another master key.
var ErrWrongMasterKey = errors.New("the master key does not open this database's keys")

var errNoMasterKey = errors.New("a master key is 32 bytes in base64 (44 characters); make one with: openssl rand -base64 32")

// NewMasterKey makes a master key.
func NewMasterKey() MasterKey {
	key := new([chacha20poly1305.KeySize]byte)
	rand.Read(key[:])
	return MasterKey{key}
}

// ParseMasterKey reads the text form, base64 of 32 bytes; surrounding white space is ignored. The error never quotes the text.
func ParseMasterKey(text string) (MasterKey, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	alphabet := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		alphabet = base64.RawURLEncoding
	}
	raw, err := alphabet.DecodeString(text)
	if err != nil || len(raw) != chacha20poly1305.KeySize {
		return MasterKey{}, errNoMasterKey
	}
	return MasterKey{(*[chacha20poly1305.KeySize]byte)(raw)}, nil
}

// Text is the form that ParseMasterKey reads.
func (m MasterKey) Text() string {
	if m.key == nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(m.key[:])
}

// String hides the key.
func (m MasterKey) String() string { return hidden }

// Format hides the key from every verb of fmt.
func (m MasterKey) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// LogValue hides the key from slog.
func (m MasterKey) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the key from encoding/json and the like.
func (m MasterKey) MarshalText() ([]byte, error) { return []byte(hidden), nil }

func (m MasterKey) aead() (cipher.AEAD, error) {
	if m.key == nil {
		return nil, errNoMasterKey
	}
	return chacha20poly1305.NewX(m.key[:])
}

// sealKey seals the private half of a key for the store. Its id, use and algorithm are authenticated with it, so that a row
// cannot be exchanged for another.
func (m MasterKey) sealKey(k StoredKey, private []byte) ([]byte, error) {
	aead, err := m.aead()
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(private)+aead.Overhead())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, private, storedKeyData(k)), nil
}

func (m MasterKey) openKey(k StoredKey) ([]byte, error) {
	aead, err := m.aead()
	if err != nil {
		return nil, err
	}
	if len(k.Sealed) < aead.NonceSize() {
		return nil, ErrWrongMasterKey
	}
	private, err := aead.Open(nil, k.Sealed[:aead.NonceSize()], k.Sealed[aead.NonceSize():], storedKeyData(k))
	if err != nil {
		return nil, ErrWrongMasterKey
	}
	return private, nil
}

func storedKeyData(k StoredKey) []byte {
	return []byte("gatehouse key\x00" + k.ID + "\x00" + string(k.Use) + "\x00" + k.Algorithm)
}
