package token

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// AccessClaims is the payload of an access token (RFC 9068 §2.2), with the team. Times are seconds since 1970.
type AccessClaims struct {
	Issuer       string        `json:"iss"`
	Subject      string        `json:"sub"`
	Audience     Audience      `json:"aud"`
	ClientID     string        `json:"client_id"`
	Scope        string        `json:"scope"`
	IssuedAt     int64         `json:"iat"`
	Expires      int64         `json:"exp"`
	ID           string        `json:"jti"`
	AuthTime     int64         `json:"auth_time,omitempty"`
	Team         string        `json:"team"` // slug
	TeamID       string        `json:"team_id"`
	GrantID      string        `json:"grant_id,omitempty"` // absent from machine tokens
	ACR          string        `json:"acr,omitempty"`      // RFC 9470 §6.2
	Confirmation *Confirmation `json:"cnf,omitempty"`
}

// Confirmation binds a token to a key (RFC 7800 §3.1, RFC 9449 §6.1).
type Confirmation struct {
	Thumbprint string `json:"jkt"` // SHA-256 JWK thumbprint (RFC 7638), base64url
}

// Audience is whom a token is for: a JSON string when it is one, else an array (RFC 7519 §4.1.3).
type Audience []string

// MarshalJSON writes the shorter form where there is one.
func (a Audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// SignAccessToken is the JWT with typ "at+jwt" (RFC 9068 §2.1), signed with the current ES256 key.
func (k *Keyring) SignAccessToken(claims AccessClaims) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode an access token: %w", err)
	}
	key := k.keys.Load().current(accessTokenAlgorithm, k.now())
	return signES256(key.header, payload, key.ecdsa)
}

// accessTokenHeader is the protected header of every access token that a key signs, encoded once.
func accessTokenHeader(kid string) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}{accessTokenAlgorithm, kid, "at+jwt"})
	return base64.RawURLEncoding.EncodeToString(header), err
}

// signES256 is the compact serialization (RFC 7515 §7.1). It is here and not go-jose's because that one encodes the header
// anew at each signature, which doubles the allocations of a token.
func signES256(header string, payload []byte, key *ecdsa.PrivateKey) (string, error) {
	const half = 32 // bytes of r and of s for P-256 (RFC 7518 §3.4)
	b64 := base64.RawURLEncoding
	out := make([]byte, 0, len(header)+1+b64.EncodedLen(len(payload))+1+b64.EncodedLen(2*half))
	out = append(append(out, header...), '.')
	out = b64.AppendEncode(out, payload)
	digest := sha256.Sum256(out)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	var signature [2 * half]byte
	r.FillBytes(signature[:half])
	s.FillBytes(signature[half:])
	return string(b64.AppendEncode(append(out, '.'), signature[:])), nil
}
