package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
)

// IDClaims is the payload of an ID token (OpenID Connect Core §2).
type IDClaims struct {
	Issuer          string   `json:"iss"`
	Subject         string   `json:"sub"`
	Audience        string   `json:"aud"` // the client
	Expires         int64    `json:"exp"`
	IssuedAt        int64    `json:"iat"`
	AuthTime        int64    `json:"auth_time"`
	Nonce           string   `json:"nonce,omitempty"`
	ACR             string   `json:"acr,omitempty"`
	AMR             []string `json:"amr,omitempty"`
	AuthorizedParty string   `json:"azp,omitempty"`
	AccessTokenHash string   `json:"at_hash,omitempty"` // §3.1.3.6
	SessionID       string   `json:"sid,omitempty"`
	Team            string   `json:"team"`
	TeamID          string   `json:"team_id"`
	Name            string   `json:"name,omitempty"`
	Email           string   `json:"email,omitempty"`
	EmailVerified   *bool    `json:"email_verified,omitempty"`
}

// String names the person by their id, and nothing else about them.
func (c IDClaims) String() string { return "ID token of " + c.Subject + " for " + c.Audience }

// GoString hides name and e-mail from %#v.
func (c IDClaims) GoString() string { return c.String() }

// LogValue hides name and e-mail from slog.
func (c IDClaims) LogValue() slog.Value { return slog.StringValue(c.String()) }

// SignIDToken signs an ID token (OpenID Connect Core §2); algorithm is "RS256" or "ES256".
func (k *Keyring) SignIDToken(claims IDClaims, algorithm string) (string, error) {
	key, err := k.signer(algorithm)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode an ID token: %w", err)
	}
	return key.sign(key.idHeader, payload)
}

// VerifyIDToken checks an ID token of ours for use as a hint. It may have expired, and its key may be dead, because people
// sign out long after the token was issued (OpenID Connect RP-Initiated Logout 1.0 §4). It says which person is meant, and
// must not give access to anything. ErrNotOurs.
func (k *Keyring) VerifyIDToken(text string) (IDClaims, error) {
	var claims IDClaims
	if _, err := openJWT(text, k.keys.Load().id, &claims); err != nil {
		return IDClaims{}, err
	}
	return claims, nil
}

// HalfHash is at_hash: the left half of the SHA-256 of an access token, base64url (OpenID Connect Core §3.1.3.6). RS256 and
// ES256 both use SHA-256.
func HalfHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
