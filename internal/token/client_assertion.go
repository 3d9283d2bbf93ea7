package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// assertionAlgorithms are those by which a client may sign an assertion. All have a public half: nothing that a server keeps can make one.
var assertionAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA}

// AssertionAlgorithms names the algorithms by which a client may sign an assertion, for the metadata.
func AssertionAlgorithms() []string {
	var names []string
	for _, algorithm := range assertionAlgorithms {
		names = append(names, string(algorithm))
	}
	return names
}

// What is believed of an assertion.
const (
	maxAssertionAhead  = time.Hour + assertionLeeway // an hour is what some libraries choose
	assertionLeeway    = time.Minute                 // for the client's clock, in iat and nbf. Not in exp: what has expired must never work, or it could work twice
	maxAssertionLength = 8192
	maxJTILength       = 255
	minRSABits         = 2048 // RFC 7518 §3.3
)

// Assertion is what a client assertion says, after its signature was verified (RFC 7523 §3).
type Assertion struct {
	ID      string    // jti; required here, so that an assertion works once
	Expires time.Time // at most an hour and a minute ahead is accepted
}

// assertionClaims are checked by hand: which are required, and how exactly aud must match, differs from other JWTs.
type assertionClaims struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  Audience `json:"aud"`
	Expires   float64  `json:"exp"` // NumericDate may have a fraction (RFC 7519 §2)
	NotBefore float64  `json:"nbf"`
	IssuedAt  float64  `json:"iat"`
	ID        string   `json:"jti"`
}

// AssertionKeyID is the kid that an assertion names, "" when it names none or is no assertion. Nothing is verified: it only says which key to look for.
func AssertionKeyID(text string) string {
	if len(text) > maxAssertionLength {
		return ""
	}
	jws, err := jose.ParseSignedCompact(text, assertionAlgorithms)
	if err != nil || !canonical(text) {
		return ""
	}
	return jws.Signatures[0].Header.KeyID
}

// VerifyClientAssertion checks an assertion by which client authenticates: signed by one of keys (ES256, RS256, PS256, EdDSA), iss and sub are client, aud names only audiences of ours
// (whoever else it was meant for could use it here), exp and jti present and in time. Its errors say what was wrong and quote no part of the assertion but its times.
func VerifyClientAssertion(text, client string, audiences []string, keys jose.JSONWebKeySet, now time.Time) (Assertion, error) {
	if len(text) > maxAssertionLength {
		return Assertion{}, fmt.Errorf("the assertion is longer than %d bytes", maxAssertionLength)
	}
	jws, err := jose.ParseSignedCompact(text, assertionAlgorithms)
	if err != nil || !canonical(text) {
		return Assertion{}, errors.New("the assertion is not a JWT signed by " + strings.Join(AssertionAlgorithms(), ", "))
	}
	payload, err := verifyWith(jws, keys)
	if err != nil {
		return Assertion{}, err
	}
	var claims assertionClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return Assertion{}, errors.New("the claims of the assertion cannot be read")
	}
	if err := claims.check(client, audiences); err != nil {
		return Assertion{}, err
	}
	if err := claims.checkTimes(now); err != nil {
		return Assertion{}, err
	}
	return Assertion{ID: claims.ID, Expires: time.UnixMilli(int64(claims.Expires * 1000))}, nil
}

// canonical reports whether each part of a JWS has the one spelling of its value. go-jose forgives others.
func canonical(jws string) bool {
	for part := range strings.SplitSeq(jws, ".") {
		if _, err := decode(part); err != nil {
			return false
		}
	}
	return true
}

// verifyWith is the payload, when one of the keys that may have signed it did.
func verifyWith(jws *jose.JSONWebSignature, keys jose.JSONWebKeySet) ([]byte, error) {
	header := jws.Signatures[0].Protected
	for _, key := range keys.Keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm || key.Use == "enc" {
			continue
		}
		public := key.Public()
		if !fits(public.Key, header.Algorithm) {
			continue
		}
		if payload, err := jws.Verify(public.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("no key of the client verifies the assertion")
}

// fits reports whether a key is of an algorithm's kind and strong enough (RFC 7518 §3.1).
func fits(key any, algorithm string) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && k.Curve.Params().Name == "P-256"
	case *rsa.PublicKey:
		return (algorithm == string(jose.RS256) || algorithm == string(jose.PS256)) && k.N.BitLen() >= minRSABits
	case ed25519.PublicKey:
		return algorithm == string(jose.EdDSA)
	}
	return false
}

func (c assertionClaims) check(client string, audiences []string) error {
	switch {
	case client == "" || c.Issuer != client:
		return errors.New("iss of the assertion is not the client_id")
	case c.Subject != client:
		return errors.New("sub of the assertion is not the client_id")
	case len(c.Audience) == 0 || slices.ContainsFunc(c.Audience, func(aud string) bool { return !slices.Contains(audiences, aud) }):
		return errors.New("aud of the assertion must be this server and nobody else: one of " + strings.Join(audiences, ", "))
	case c.ID == "" || len(c.ID) > maxJTILength || !utf8.ValidString(c.ID) || strings.ContainsRune(c.ID, 0):
		return fmt.Errorf("jti of the assertion must have 1 to %d bytes", maxJTILength)
	}
	return nil
}

func (c assertionClaims) checkTimes(now time.Time) error {
	at, leeway := float64(now.UnixMilli())/1000, assertionLeeway.Seconds()
	switch {
	case c.Expires == 0:
		return errors.New("the assertion has no exp")
	case c.Expires <= at:
		return errors.New("the assertion has expired; make a new one for each request, and compare the clocks")
	case c.Expires > at+maxAssertionAhead.Seconds():
		return fmt.Errorf("exp of the assertion is more than %v ahead", maxAssertionAhead)
	case c.NotBefore > at+leeway:
		return errors.New("nbf of the assertion has not come yet; compare the clocks")
	case c.IssuedAt > at+leeway:
		return errors.New("iat of the assertion has not come yet; compare the clocks")
	}
	return nil
}
