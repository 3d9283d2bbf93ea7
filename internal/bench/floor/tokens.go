package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

var encoding = base64.RawURLEncoding

// tokens makes and checks what the floor hands out: JSON Web Tokens signed with ES256, and texts with a MAC.
type tokens struct {
	key    *ecdsa.PrivateKey
	mac    []byte
	header string // encoded, the same for each token
}

// claims are those of an access token (RFC 9068 §2.2).
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	Team     string `json:"team"`
	ID       string `json:"jti"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
}

var errToken = errors.New("the token is not good")

func newTokens() (*tokens, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &tokens{key: key, mac: make([]byte, 32), header: encoding.EncodeToString([]byte(`{"alg":"ES256","kid":"floor","typ":"at+jwt"}`))}
	rand.Read(t.mac)
	return t, nil
}

// sign is RFC 7515 §5.1 with ES256 (RFC 7518 §3.4).
func (t *tokens) sign(c claims) (string, error) {
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	text := t.header + "." + encoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, t.key, digest[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + encoding.EncodeToString(signature[:]), nil
}

func (t *tokens) verify(token string, now time.Time) (claims, error) {
	header, rest, _ := strings.Cut(token, ".")
	payload, signed, _ := strings.Cut(rest, ".")
	signature, err := encoding.DecodeString(signed)
	if err != nil || header != t.header || len(signature) != 64 {
		return claims{}, errToken
	}
	digest := sha256.Sum256([]byte(header + "." + payload))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	if !ecdsa.Verify(&t.key.PublicKey, digest[:], r, s) {
		return claims{}, errToken
	}
	text, err := encoding.DecodeString(payload)
	var c claims
	if err != nil || json.Unmarshal(text, &c) != nil || now.Unix() >= c.Expires {
		return claims{}, errToken
	}
	return c, nil
}

// keySet is the JSON Web Key Set with the public key.
func (t *tokens) keySet() (string, error) {
	point, err := t.key.PublicKey.Bytes()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"floor","x":%q,"y":%q}]}`,
		encoding.EncodeToString(point[1:33]), encoding.EncodeToString(point[33:])), nil
}

// seal is text with a MAC over it and over what it is bound to.
func (t *tokens) seal(text, binding string) string { return text + "." + t.sum(text, binding) }

func (t *tokens) open(sealed, binding string) (string, error) {
	i := strings.LastIndexByte(sealed, '.')
	if i < 0 || !hmac.Equal([]byte(sealed[i+1:]), []byte(t.sum(sealed[:i], binding))) {
		return "", errToken
	}
	return sealed[:i], nil
}

func (t *tokens) sum(text, binding string) string {
	h := hmac.New(sha256.New, t.mac)
	h.Write([]byte(text))
	h.Write([]byte{0})
	h.Write([]byte(binding))
	return encoding.EncodeToString(h.Sum(nil))
}
