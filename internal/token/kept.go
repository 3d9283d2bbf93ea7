package token

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
)

// SealKept seals a secret that stays in the database for years, for a purpose and its owner. A row of another owner does not open. Unlike a
// value of Seal it has no expiry, and its key is not replaced by a rotation; the master key can be (Reseal).
func (k *Keyring) SealKept(purpose Kept, owner string, secret []byte) (string, error) {
	key := k.keys.Load().current(algorithmKeep, k.Now())
	nonce := make([]byte, key.aead.NonceSize(), key.aead.NonceSize()+len(secret)+key.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("seal for %s: %w", purpose, err)
	}
	sealed := key.aead.Seal(nonce, nonce, secret, keptData(key.ID, purpose, owner))
	return key.ID + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// OpenKept opens what SealKept made for the same purpose and owner. ErrNotOurs.
func (k *Keyring) OpenKept(purpose Kept, owner, sealed string) ([]byte, error) {
	id, encoded, _ := strings.Cut(sealed, ".")
	key := k.keys.Load().keepers[id]
	raw, err := decode(encoded)
	if key == nil || err != nil || len(raw) < key.aead.NonceSize() {
		return nil, ErrNotOurs
	}
	size := key.aead.NonceSize()
	secret, err := key.aead.Open(nil, raw[:size], raw[size:], keptData(id, purpose, owner))
	if err != nil {
		return nil, ErrNotOurs
	}
	return secret, nil
}

func keptData(id string, purpose Kept, owner string) []byte {
	return []byte("gatehouse kept\x00" + id + "\x00" + string(purpose) + "\x00" + owner)
}
