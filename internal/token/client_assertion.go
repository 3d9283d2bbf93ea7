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

// Limits of an assertion.
const (
	maxAssertionAhead  = time.Hour + assertionLeeway // of exp; an hour is what some libraries choose
	assertionLeeway    = time.Minute                 // for the client's clock in iat and nbf; not in exp, or an assertion could work twice
	maxAssertionLength = 8192
	maxJTILength       = 255
	minRSABits         = 2048 // RFC 7518 §3.3
)

// ed25519Algorithm is RFC 9864's name for EdDSA with Ed25519, the only curve accepted here. go-jose lacks it.
const ed25519Algorithm = "Ed25519"

// Assertion is what a verified client assertion says (RFC 7523 §3).
type Assertion struct {
	ID      string    // jti; required here, so that an assertion works once
	Expires time.Time // at most an hour and a minute ahead is accepted
}

// AssertionCheck is what a client assertion is compared with.
type AssertionCheck struct {
	Client     string
	Keys       jose.JSONWebKeySet // the client's
	Algorithms []string           // accepted ones, see oauth.Profile; whatever alg a key names
	Now        time.Time

	// Issuer is the only audience, as a string and not in an array: an assertion that names anything else may have been made
	// for a malicious server, which passes it on to us (RFC 7523bis, FAPI 2.0 Security Profile §5.3.2.1).
	Issuer string
	// InsecureAudiences are audiences of ours that a client may name instead of the issuer, for clients that follow OpenID
	// Connect Core §9. Such a client may send an array of one, too.
	InsecureAudiences []string
}

// assertionClaims are checked by hand: which are required, and how aud must match, differs from other JWTs.
type assertionClaims struct {
	Issuer    string          `json:"iss"`
	Subject   string          `json:"sub"`
	Audience  json.RawMessage `json:"aud"`
	Expires   float64         `json:"exp"` // NumericDate may have a fraction (RFC 7519 §2)
	NotBefore float64         `json:"nbf"`
	IssuedAt  float64         `json:"iat"`
	ID        string          `json:"jti"`
}

// AssertionKeyID is the kid that an assertion names, "" when it names none or is no assertion. Nothing is verified: it only
// says which key to look for.
func AssertionKeyID(text string, algorithms []string) string {
	jws, err := parseAssertion(text, algorithms)
	if err != nil {
		return ""
	}
	return jws.Signatures[0].Header.KeyID
}

func parseAssertion(text string, algorithms []string) (*jose.JSONWebSignature, error) {
	if len(text) > maxAssertionLength {
		return nil, fmt.Errorf("the assertion is longer than %d bytes", maxAssertionLength)
	}
	var accepted []jose.SignatureAlgorithm
	for _, name := range algorithms {
		accepted = append(accepted, jose.SignatureAlgorithm(name))
	}
	jws, err := jose.ParseSignedCompact(text, accepted)
	if err != nil || !canonical(text) {
		return nil, errors.New("the assertion is not a JWT signed by " + strings.Join(algorithms, ", "))
	}
	if extra := jws.Signatures[0].Protected.ExtraHeaders; extra["crit"] != nil || extra["b64"] != nil { // RFC 7515 §4.1.11
		return nil, errors.New("the assertion has critical headers, none of which is understood")
	}
	return jws, nil
}

// Verify checks an assertion by which the client authenticates: signed by one of the keys, iss and sub are the client, aud is
// this server, exp and jti are present, and it is in time. Its errors say what was wrong, and quote nothing of the assertion
// but its times.
func (c AssertionCheck) Verify(text string) (Assertion, error) {
	jws, err := parseAssertion(text, c.Algorithms)
	if err != nil {
		return Assertion{}, err
	}
	payload, err := verifyWith(jws, text, c.Keys)
	if err != nil {
		return Assertion{}, err
	}
	var claims assertionClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return Assertion{}, errors.New("the claims of the assertion cannot be read")
	}
	if err := c.check(claims); err != nil {
		return Assertion{}, err
	}
	if err := claims.checkTimes(c.Now); err != nil {
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

// verifyWith is the payload, if one of the keys signed it.
func verifyWith(jws *jose.JSONWebSignature, text string, keys jose.JSONWebKeySet) ([]byte, error) {
	header := jws.Signatures[0].Protected
	for _, key := range keys.Keys {
		if header.KeyID != "" && key.KeyID != header.KeyID || !isFor(key, header.Algorithm) {
			continue
		}
		public := key.Public()
		if !fits(public.Key, header.Algorithm) {
			continue
		}
		if header.Algorithm == ed25519Algorithm {
			input := text[:strings.LastIndexByte(text, '.')] // RFC 7515 §5.2
			if ed25519.Verify(public.Key.(ed25519.PublicKey), []byte(input), jws.Signatures[0].Signature) {
				return jws.UnsafePayloadWithoutVerification(), nil
			}
			continue
		}
		if payload, err := jws.Verify(public.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errors.New("no key of the client verifies the assertion")
}

// CanSignAssertions reports whether one of these public keys belongs to a key that can sign an assertion by one of the algorithms.
func CanSignAssertions(keys jose.JSONWebKeySet, algorithms []string) bool {
	return slices.ContainsFunc(keys.Keys, func(key jose.JSONWebKey) bool {
		return slices.ContainsFunc(algorithms, func(algorithm string) bool { return isFor(key, algorithm) && fits(key.Public().Key, algorithm) })
	})
}

// isFor reports whether a key may be used with an algorithm. EdDSA and Ed25519 are two names of one.
func isFor(key jose.JSONWebKey, algorithm string) bool {
	edwards := []string{string(jose.EdDSA), ed25519Algorithm}
	same := key.Algorithm == algorithm || slices.Contains(edwards, key.Algorithm) && slices.Contains(edwards, algorithm)
	return (key.Algorithm == "" || same) && key.Use != "enc"
}

// fits reports whether a key is of an algorithm's kind and strong enough (RFC 7518 §3.1).
func fits(key any, algorithm string) bool {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		return algorithm == string(jose.ES256) && k.Curve.Params().Name == "P-256"
	case *rsa.PublicKey:
		return (algorithm == string(jose.RS256) || algorithm == string(jose.PS256)) && k.N.BitLen() >= minRSABits
	case ed25519.PublicKey:
		return (algorithm == string(jose.EdDSA) || algorithm == ed25519Algorithm) && len(k) == ed25519.PublicKeySize
	}
	return false
}

func (c AssertionCheck) check(claims assertionClaims) error {
	switch {
	case c.Client == "" || claims.Issuer != c.Client:
		return errors.New("iss of the assertion is not the client_id")
	case claims.Subject != c.Client:
		return errors.New("sub of the assertion is not the client_id")
	case !c.accepts(claims.Audience):
		return fmt.Errorf("aud of the assertion must be the issuer %s, as a string; a client that cannot send that needs the setting insecure_assertion_audience", c.Issuer)
	case claims.ID == "" || len(claims.ID) > maxJTILength || !utf8.ValidString(claims.ID) || strings.ContainsRune(claims.ID, 0):
		return fmt.Errorf("jti of the assertion must have 1 to %d bytes", maxJTILength)
	}
	return nil
}

// accepts reports whether aud names this server and nobody else.
func (c AssertionCheck) accepts(audience json.RawMessage) bool {
	var one string
	if json.Unmarshal(audience, &one) == nil {
		return one != "" && (one == c.Issuer || slices.Contains(c.InsecureAudiences, one))
	}
	var many []string
	if len(c.InsecureAudiences) == 0 || json.Unmarshal(audience, &many) != nil || len(many) != 1 {
		return false
	}
	return many[0] == c.Issuer || slices.Contains(c.InsecureAudiences, many[0])
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
