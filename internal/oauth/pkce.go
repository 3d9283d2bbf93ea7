package oauth

// CodeChallenge is base64url(SHA-256(verifier)) without padding: 43 characters (RFC 7636 §4.2). Only S256 exists here.
type CodeChallenge string

// ParseCodeChallenge is invalid_request unless s is 43 characters of base64url that decode to 32 bytes.
func ParseCodeChallenge(s string) (CodeChallenge, error) { panic("contract") }

// ChallengeS256 is the challenge of a verifier (RFC 7636 §4.2).
func ChallengeS256(verifier string) CodeChallenge { panic("contract") }

// Verify reports, in constant time, whether verifier is the challenge's (RFC 7636 §4.6).
func (c CodeChallenge) Verify(verifier string) bool { panic("contract") }

// ParseCodeVerifier is invalid_request unless s is 43 to 128 unreserved characters (RFC 7636 §4.1).
func ParseCodeVerifier(s string) (string, error) { panic("contract") }
