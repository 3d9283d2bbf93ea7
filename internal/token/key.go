package token

import (
	"crypto"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// The algorithms of the keys (RFC 7518 §3.1). XC20P is XChaCha20-Poly1305.
const (
	accessTokenAlgorithm = "ES256"
	idTokenAlgorithm     = "RS256" // the one that every OpenID Connect client has to know; nothing is signed with it yet
	sealAlgorithm        = "XC20P"
)

// key is a StoredKey that is open, with its end: that is its successor's beginning, so no stored key ever changes.
type key struct {
	StoredKey
	generation int
	signsTo    time.Time // zero while it has no successor
	deadAt     time.Time // zero while it has no successor

	public crypto.PublicKey  // of signing keys
	ecdsa  *ecdsa.PrivateKey // of ES256 keys
	header string            // of ES256 keys
	aead   cipher.AEAD       // of sealing keys
}

func (k *key) dead(now time.Time) bool { return !k.deadAt.IsZero() && !now.Before(k.deadAt) }

// newKey makes a key of a generation. It is published from created, and signs from signsFrom until its successor does.
func newKey(master MasterKey, algorithm string, generation int, created, signsFrom time.Time) (StoredKey, error) {
	k := StoredKey{
		ID: NewID(), Use: UseSign, Algorithm: algorithm, Slot: algorithm + "/" + strconv.Itoa(generation),
		CreatedAt: created, SignsFrom: signsFrom,
	}
	private, err := newPrivate(algorithm)
	if err != nil {
		return StoredKey{}, fmt.Errorf("make a key for %s: %w", k.Slot, err)
	}
	if algorithm == sealAlgorithm {
		k.Use = UseSeal
		k.ID = k.ID[:8] // travels in every sealed value; it only has to differ from the few others here
	}
	if k.Sealed, err = master.sealKey(k, private); err != nil {
		return StoredKey{}, fmt.Errorf("seal a key for %s: %w", k.Slot, err)
	}
	return k, nil
}

// newPrivate is a new private key: PKCS #8, or the 32 bytes of a sealing key.
func newPrivate(algorithm string) ([]byte, error) {
	switch algorithm {
	case accessTokenAlgorithm:
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(private)
	case idTokenAlgorithm:
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(private)
	case sealAlgorithm:
		private := make([]byte, chacha20poly1305.KeySize)
		rand.Read(private)
		return private, nil
	}
	return nil, fmt.Errorf("unknown algorithm %q", algorithm)
}

// openKey opens a stored key and prepares it for use. The error is ErrWrongMasterKey when master does not open it.
func openKey(master MasterKey, stored StoredKey) (*key, error) {
	_, generation, _ := strings.Cut(stored.Slot, "/")
	n, err := strconv.Atoi(generation)
	if err != nil {
		return nil, fmt.Errorf("slot %q has no generation", stored.Slot)
	}
	private, err := master.openKey(stored)
	if err != nil {
		return nil, err
	}
	k := &key{StoredKey: stored, generation: n}
	if stored.Algorithm == sealAlgorithm {
		k.aead, err = chacha20poly1305.NewX(private)
		return k, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, errors.New("the private key is not PKCS #8") // x509's error could quote the key
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", parsed)
	}
	k.public = signer.Public()
	if stored.Algorithm == accessTokenAlgorithm {
		if k.ecdsa, ok = parsed.(*ecdsa.PrivateKey); !ok || k.ecdsa.Curve != elliptic.P256() {
			return nil, fmt.Errorf("a %T cannot sign %s", parsed, stored.Algorithm)
		}
		k.header, err = accessTokenHeader(stored.ID)
	}
	return k, err
}
