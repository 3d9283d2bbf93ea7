package token

import (
	"encoding/json"
	"fmt"
	"strings"
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

// machinePrefix begins the jti of a token that a machine client got for itself.
const machinePrefix = "m."

// NewFamilyTokenID is a new jti for an access token of a family: the family's id, a dot, and something random, so
// that the access token alone says which family to end. resourceserver reads this format, too.
func NewFamilyTokenID(family string) string { return family + "." + NewID() }

// NewMachineTokenID is a new jti for the access token of a machine client, which has no family.
func NewMachineTokenID() string { return machinePrefix + NewID() }

// Machine reports whether a machine client got the token for itself.
func (c AccessClaims) Machine() bool { return strings.HasPrefix(c.ID, machinePrefix) }

// Family is the id of the family that the token comes from. A machine client's token has none.
func (c AccessClaims) Family() string {
	family, _, _ := strings.Cut(c.ID, ".")
	return family
}

// Confirmation binds a token to a key (RFC 7800 §3.1, RFC 9449 §6.1).
type Confirmation struct {
	Thumbprint string `json:"jkt"` // SHA-256 JWK thumbprint (RFC 7638), base64url
}

// Audience is aud: a JSON string if it has one value, else an array (RFC 7519 §4.1.3).
type Audience []string

// MarshalJSON writes one value as a string.
func (a Audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON reads both forms.
func (a *Audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = Audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// SignAccessToken makes a JWT with typ "at+jwt" (RFC 9068 §2.1), signed with the current ES256 key.
func (k *Keyring) SignAccessToken(claims AccessClaims) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode an access token: %w", err)
	}
	key := k.keys.Load().current(ES256, k.now())
	return key.sign(key.accessHeader, payload)
}

// VerifyAccessToken checks an access token of ours: typ at+jwt, ES256 by one of our keys, not expired. Grant and audience are
// not checked. The error is ErrNotOurs, or ErrExpired or ErrWrongClock with the claims filled in. Calls share what the claims point to: do not
// change it.
func (k *Keyring) VerifyAccessToken(text string) (AccessClaims, error) {
	now := k.now()
	key, claims, err := k.keys.Load().openAccessToken(text)
	if err != nil {
		return AccessClaims{}, err
	}
	dead, over := key.dead(now), expired(claims.Expires, now)
	if !dead && !over {
		return claims, nil
	}
	if right, wrong := k.RightTime(now); wrong && !key.dead(right) && !expired(claims.Expires, right) {
		return claims, ErrWrongClock
	}
	if dead {
		return AccessClaims{}, ErrNotOurs // a key dies only after everything that it signed has expired
	}
	return claims, ErrExpired
}
