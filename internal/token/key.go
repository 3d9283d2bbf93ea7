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
	ES256         = "ES256"
	RS256         = "RS256" // the one that every OpenID Connect client has to know
	algorithmSeal = "XC20P"
	algorithmMAC  = "HS256"
	algorithmKeep = "XC20P-KEEP" // seals what is kept in the database for years
)

// IDTokenAlgorithms are those that ID tokens and logout tokens can be signed with.
var IDTokenAlgorithms = []string{RS256, ES256}

// ClockLeeway is how long after its expiry a token may still be accepted by a resource server whose clock is behind.
// What has ended is published for as long, or a revoked token would work again in its last moments. A sign-in that is further ahead of a
// server's clock does not count as recent.
const ClockLeeway = time.Minute

// algorithms always have a key. A database that is older than one of them gets a first key when it is opened.
var algorithms = []string{ES256, RS256, algorithmSeal, algorithmMAC, algorithmKeep}

// macKeySize is the size of the hash (RFC 7518 §3.2).
const macKeySize = 32

// key is an opened StoredKey with its end. The end is in its successor, so a stored key never changes.
type key struct {
	StoredKey
	generation int
	signsTo    time.Time // zero while it has no successor
	deadAt     time.Time // zero while it has no successor

	public       crypto.PublicKey  // of signing keys
	ecdsa        *ecdsa.PrivateKey // of ES256 keys
	rsa          *rsa.PrivateKey   // of RS256 keys
	accessHeader string            // of ES256 keys: the protected header of every access token
	idHeader     string            // of signing keys: the protected header of every ID token
	aead         cipher.AEAD       // of keys that seal
	mac          []byte            // of MAC keys
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
	switch algorithm {
	case algorithmSeal:
		k.Use = UseSeal
	case algorithmMAC:
		k.Use = UseMAC
	case algorithmKeep:
		k.Use = UseKeep
	}
	if k.Use != UseSign {
		k.ID = k.ID[:8] // travels in every sealed value and refresh token; it only has to differ from the few others here
	}
	if k.Sealed, err = master.sealKey(k, private); err != nil {
		return StoredKey{}, fmt.Errorf("seal a key for %s: %w", k.Slot, err)
	}
	return k, nil
}

// newPrivate is a new private key: PKCS #8, or the 32 bytes of a key that seals or authenticates.
func newPrivate(algorithm string) ([]byte, error) {
	switch algorithm {
	case ES256:
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(private)
	case RS256:
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(private)
	case algorithmSeal, algorithmKeep:
		private := make([]byte, chacha20poly1305.KeySize)
		rand.Read(private)
		return private, nil
	case algorithmMAC:
		private := make([]byte, macKeySize)
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
	switch stored.Algorithm {
	case algorithmSeal, algorithmKeep:
		k.aead, err = chacha20poly1305.NewX(private)
	case algorithmMAC:
		if k.mac = private; len(private) != macKeySize {
			err = fmt.Errorf("a MAC key of %d bytes", len(private))
		}
	default:
		err = k.openSigner(private)
	}
	return k, err
}

// openSigner prepares a signing key: its public half and the headers that it signs over and over.
func (k *key) openSigner(private []byte) error {
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return errors.New("the private key is not PKCS #8") // x509's error could quote the key
	}
	switch p := parsed.(type) {
	case *ecdsa.PrivateKey:
		if k.Algorithm == ES256 && p.Curve == elliptic.P256() {
			k.ecdsa, k.public = p, p.Public()
			k.accessHeader = header(k.Algorithm, k.ID, typeAccessToken)
		}
	case *rsa.PrivateKey:
		if k.Algorithm == RS256 {
			k.rsa, k.public = p, p.Public()
		}
	}
	if k.public == nil {
		return fmt.Errorf("a %T cannot sign %s", parsed, k.Algorithm)
	}
	k.idHeader = header(k.Algorithm, k.ID, typeIDToken)
	return nil
}
