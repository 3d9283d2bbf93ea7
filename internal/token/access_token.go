package token

import (
	"encoding/json"
	"fmt"
)

// AccessClaims is the payload of an access token (RFC 9068 §2.2), with the team. Times are seconds since 1970.
type AccessClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience Audience `json:"aud"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"`
	AuthTime int64    `json:"auth_time,omitempty"`
	Team     string   `json:"team"` // slug
	TeamID   string   `json:"team_id"`
	GrantID  string   `json:"grant_id"`
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
	signed, err := k.keys.Load().current(accessTokenAlgorithm, k.now()).accessTokens.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	return signed.CompactSerialize()
}
