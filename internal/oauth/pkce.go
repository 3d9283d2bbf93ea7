package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
)

// PKCE is how the requests of a client are protected against an injected code (RFC 9700 §2.1.1).
type PKCE string

// The values of PKCE. The zero value is the strict one.
const (
	PKCERequired PKCE = ""      // every request has a code_challenge
	PKCENonce    PKCE = "nonce" // a request without one has openid and a nonce, which the client compares with the ID token's (RFC 9700 §2.1.1)
	PKCENothing  PKCE = "none"  // a request may have neither; only for a client with the setting insecure_no_pkce_no_nonce, which no ParsePKCE reads
)

// ParsePKCE reads the name of a PKCE: required or nonce.
func ParsePKCE(name string) (PKCE, error) {
	switch name {
	case PKCERequired.String():
		return PKCERequired, nil
	case PKCENonce.String():
		return PKCENonce, nil
	}
	return "", fmt.Errorf("pkce is %q; there are required and nonce", name)
}

// String is the name of p.
func (p PKCE) String() string {
	if p == PKCERequired {
		return "required"
	}
	return string(p)
}

// CodeChallenge is base64url(SHA-256(verifier)) without padding: 43 characters (RFC 7636 §4.2). Only S256 exists here.
type CodeChallenge string

// MethodS256 is the only code_challenge_method: "plain" would show the verifier
// to everyone who sees the request (RFC 7636 §7.2).
const MethodS256 = "S256"

// parseCodeChallenge is invalid_request unless s is 43 characters of base64url that decode to 32 bytes.
func parseCodeChallenge(s string) (CodeChallenge, error) {
	if !isHash(s) {
		return "", InvalidRequest.Errorf("code_challenge must be the SHA-256 of the code_verifier in base64url without padding: 43 characters of A-Z a-z 0-9 - _")
	}
	return CodeChallenge(s), nil
}

// isHash reports whether s is a SHA-256 in base64url without padding.
func isHash(s string) bool {
	// The decoder skips line breaks, so the length after decoding counts as well.
	b, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && len(s) == 43 && len(b) == sha256.Size
}

// challengeS256 is the challenge of a verifier (RFC 7636 §4.2).
func challengeS256(verifier string) CodeChallenge {
	hash := sha256.Sum256([]byte(verifier))
	return CodeChallenge(base64.RawURLEncoding.EncodeToString(hash[:]))
}

// Verify reports, in constant time, whether verifier is the challenge's (RFC 7636 §4.6). No verifier is "", and no challenge has it:
// a request can name the SHA-256 of nothing as its challenge.
func (c CodeChallenge) Verify(verifier string) bool {
	return verifier != "" && subtle.ConstantTimeCompare([]byte(challengeS256(verifier)), []byte(c)) == 1
}

// parseCodeVerifier is invalid_request unless s is 43 to 128 unreserved characters (RFC 7636 §4.1).
func parseCodeVerifier(s string) (string, error) {
	if len(s) < 43 || len(s) > 128 || strings.ContainsFunc(s, reserved) {
		return "", InvalidRequest.Errorf("code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~")
	}
	return s, nil
}

// reserved reports whether r is not an unreserved character (RFC 3986 §2.3).
func reserved(r rune) bool {
	return !isAlphanumeric(r) && !strings.ContainsRune("-._~", r)
}

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
