package resourceserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// signedJWT is a JWT in the compact serialization (RFC 7515 §7.1) whose signature is not verified yet.
//
// Parsing and ES256 are done here, because go-jose decodes the header three times. go-jose verifies all other algorithms.
type signedJWT struct {
	raw       string
	header    jwtHeader
	payload   []byte
	signature []byte
}

// jwtHeader has the fields of a protected header that are used.
type jwtHeader struct {
	Algorithm jose.SignatureAlgorithm `json:"alg"`
	KeyID     string                  `json:"kid"`
	Type      string                  `json:"typ"`
	Critical  any                     `json:"crit"`
	Base64    any                     `json:"b64"`
}

// parseJWT returns nil for a text that is not a JWT.
func parseJWT(raw string) *signedJWT {
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	t := &signedJWT{raw: raw}
	text, ok := decodePart(header)
	if !ok || json.Unmarshal(text, &t.header) != nil {
		return nil
	}
	var okToo bool
	t.payload, ok = decodePart(payload)
	t.signature, okToo = decodePart(signature)
	if !ok || !okToo {
		return nil
	}
	return t
}

// decodePart decodes base64url and accepts one spelling of each value: Strict refuses stray bits at the end, and the length
// refuses the line breaks that the decoder skips.
func decodePart(part string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return raw, err == nil && base64.RawURLEncoding.EncodedLen(len(raw)) == len(part)
}

// extended reports whether the header has extensions that must be understood (RFC 7515 §4.1.11). None is understood here.
func (h jwtHeader) extended() bool { return h.Critical != nil || h.Base64 != nil }

// signedBy reports whether the signature is the key's, by the algorithm of the header.
func (t *signedJWT) signedBy(key any) bool {
	if public, ok := key.(*ecdsa.PublicKey); ok && t.header.Algorithm == jose.ES256 && public.Curve == elliptic.P256() {
		return t.signedByES256(public)
	}
	signed, err := jose.ParseSignedCompact(t.raw, []jose.SignatureAlgorithm{t.header.Algorithm})
	if err == nil {
		_, err = signed.Verify(key)
	}
	return err == nil
}

// signedByES256 is RFC 7518 §3.4.
func (t *signedJWT) signedByES256(public *ecdsa.PublicKey) bool {
	const half = 32
	if len(t.signature) != 2*half {
		return false
	}
	digest := sha256.Sum256([]byte(t.raw[:strings.LastIndexByte(t.raw, '.')]))
	r, s := new(big.Int).SetBytes(t.signature[:half]), new(big.Int).SetBytes(t.signature[half:])
	return ecdsa.Verify(public, digest[:], r, s)
}
