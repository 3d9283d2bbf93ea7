package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// The types of our JWTs (RFC 8725 §3.11): a token of one type never passes for another.
const (
	typeAccessToken = "at+jwt" // RFC 9068 §2.1
	typeIDToken     = "JWT"
)

// maxJWTLength is longer than any JWT of ours. Longer ones are refused before they are hashed.
const maxJWTLength = 16 << 10

// header is the encoded protected header of every JWT of one type that a key signs.
func header(algorithm, kid, typ string) string {
	text, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}{algorithm, kid, typ})
	if err != nil {
		panic(err) // three strings can be written
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// SignJWT signs other claims, such as logout tokens and the list of what has ended, with this typ; algorithm is "RS256" or
// "ES256". Access tokens and ID tokens have their own methods.
func (k *Keyring) SignJWT(typ string, claims any, algorithm string) (string, error) {
	if typ == "" || strings.EqualFold(typ, typeAccessToken) || strings.EqualFold(typ, typeIDToken) {
		return "", fmt.Errorf("sign a JWT: the type %q is for access or ID tokens", typ)
	}
	key, err := k.signer(algorithm)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode a JWT of type %s: %w", typ, err)
	}
	return key.sign(header(algorithm, key.ID, typ), payload)
}

// signer is the key that currently signs with an algorithm.
func (k *Keyring) signer(algorithm string) (*key, error) {
	if algorithm != ES256 && algorithm != RS256 {
		return nil, fmt.Errorf("sign a JWT: the algorithm must be RS256 or ES256, not %q", algorithm)
	}
	return k.keys.Load().current(algorithm, k.now()), nil
}

// sign makes the compact serialization (RFC 7515 §7.1). go-jose encodes the header anew for each signature, which doubles the
// allocations of a token.
func (k *key) sign(header string, payload []byte) (string, error) {
	b64 := base64.RawURLEncoding
	out := make([]byte, 0, len(header)+1+b64.EncodedLen(len(payload))+1+b64.EncodedLen(k.signatureSize()))
	out = append(append(out, header...), '.')
	out = b64.AppendEncode(out, payload)
	digest := sha256.Sum256(out)
	signature, err := k.signature(digest[:])
	if err != nil {
		return "", fmt.Errorf("sign with key %s: %w", k.ID, err)
	}
	return string(b64.AppendEncode(append(out, '.'), signature)), nil
}

// half is the length of r and of s in an ES256 signature (RFC 7518 §3.4).
const half = 32

func (k *key) signatureSize() int {
	if k.rsa != nil {
		return k.rsa.Size()
	}
	return 2 * half
}

func (k *key) signature(digest []byte) ([]byte, error) {
	if k.rsa != nil {
		return rsa.SignPKCS1v15(rand.Reader, k.rsa, crypto.SHA256, digest)
	}
	r, s, err := ecdsa.Sign(rand.Reader, k.ecdsa, digest)
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 2*half)
	r.FillBytes(signature[:half])
	s.FillBytes(signature[half:])
	return signature, nil
}

// verifies reports whether the signature is this key's.
func (k *key) verifies(digest, signature []byte) bool {
	if len(signature) != k.signatureSize() {
		return false
	}
	if k.rsa != nil {
		return rsa.VerifyPKCS1v15(&k.rsa.PublicKey, crypto.SHA256, digest, signature) == nil
	}
	return ecdsa.Verify(&k.ecdsa.PublicKey, digest, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
}

// openJWT verifies a JWT of ours and decodes its claims. signers are the keys by the header that they sign: our headers have
// one spelling, so one comparison checks algorithm, key and type, and nothing in the header has to be trusted. ErrNotOurs.
func openJWT(text string, signers map[string]*key, claims any) (*key, error) {
	first, last := strings.IndexByte(text, '.'), strings.LastIndexByte(text, '.')
	if first < 0 || first == last || len(text) > maxJWTLength {
		return nil, ErrNotOurs
	}
	key := signers[text[:first]]
	if key == nil {
		return nil, ErrNotOurs
	}
	payload, err := decode(text[first+1 : last])
	if err != nil {
		return nil, err
	}
	signature, err := decode(text[last+1:])
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(text[:last]))
	if !key.verifies(digest[:], signature) {
		return nil, ErrNotOurs
	}
	if err := json.Unmarshal(payload, claims); err != nil {
		return nil, fmt.Errorf("decode what key %s signed: %w", key.ID, err)
	}
	return key, nil
}

// expired reports whether a time of a JWT has come.
func expired(seconds int64, now time.Time) bool { return now.Unix() >= seconds }
