package token

import (
	"context"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// This file is a contract while the second half is being built: each declaration moves to the file of its noun.

// RefreshToken is a refresh token taken apart: a family and a generation. Its text is gh_rt_, these two, the id of the key and a MAC; the same two always
// give the same text as long as the key lives, so nothing of it is stored.
type RefreshToken struct {
	Family     string
	Generation int64
	Key        string // the id of the MAC key; its successor uses the same key when it is still there
}

// RefreshToken is the text of a refresh token. Key "" means the current key. MAC keys (Use "mac", algorithm HS256) are kept as long as a refresh token can live.
func (k *Keyring) RefreshToken(t RefreshToken) (string, error) { panic("contract") }

// OpenRefreshToken checks the MAC and takes a refresh token apart. ErrNotOurs.
func (k *Keyring) OpenRefreshToken(text string) (RefreshToken, error) { panic("contract") }

// VerifyAccessToken checks an access token of ours: typ at+jwt, ES256 by one of our keys, not expired. It knows nothing of grants. ErrNotOurs, ErrExpired (claims are filled then).
func (k *Keyring) VerifyAccessToken(text string) (AccessClaims, error) { panic("contract") }

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

// SignIDToken signs an ID token; algorithm is "RS256" or "ES256".
func (k *Keyring) SignIDToken(claims IDClaims, algorithm string) (string, error) { panic("contract") }

// VerifyIDToken checks an ID token of ours for use as a hint: it may have expired. ErrNotOurs.
func (k *Keyring) VerifyIDToken(text string) (IDClaims, error) { panic("contract") }

// HalfHash is at_hash: the left half of the SHA-256 of an access token's text, base64url (OpenID Connect Core §3.1.3.6).
func HalfHash(text string) string { panic("contract") }

// SignJWT signs any other claims (logout tokens, the list of what has ended) with this typ; algorithm is "RS256" or "ES256".
func (k *Keyring) SignJWT(typ string, claims any, algorithm string) (string, error) {
	panic("contract")
}

// Assertion is what a client assertion says, after its signature was verified (RFC 7523 §3).
type Assertion struct {
	ID      string    // jti; required here, so that an assertion works once
	Expires time.Time // at most 10 minutes ahead is accepted
}

// VerifyClientAssertion checks an assertion by which client authenticates: signed by one of keys (ES256, RS256, PS256, EdDSA), iss and sub are client, aud is one of audiences, exp and jti present and in time.
func VerifyClientAssertion(text, client string, audiences []string, keys jose.JSONWebKeySet, now time.Time) (Assertion, error) {
	panic("contract")
}

// Reseal seals every key anew under another master key, in one transaction; servers go on with what they have until they restart with the new one.
func (k *Keyring) Reseal(ctx context.Context, master MasterKey) error { panic("contract") }
