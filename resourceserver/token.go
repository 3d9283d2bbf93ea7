package resourceserver

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// Token is the content of a verified access token: person, application, team and scopes.
type Token struct {
	Subject  string // the person's stable id at the issuer; never their e-mail
	ClientID string // the application
	Team     string // the team's slug, for people; it can change
	TeamID   string // the team's stable id: keep data by this one
	GrantID  string // the consent behind the token
	Scopes   []string
	Issuer   string
	Audience []string
	ID       string // jti
	Family   string // the connection to which the token belongs; "" for a machine's
	IssuedAt time.Time
	Expires  time.Time
	AuthTime time.Time // when the person signed in; zero when the token does not say
	ACR      string    // how they signed in; "" when the token does not say

	// Confirmation is the thumbprint (RFC 7638) of the key that the token is bound to (cnf.jkt, RFC 9449 §6.1), and that the
	// request proved to have; "" for a bearer token.
	Confirmation string
}

// Machine reports whether the application acts for itself, not for a person.
func (t *Token) Machine() bool { return t.GrantID == "" && t.Subject == t.ClientID }

// HasScopes reports whether the token has every one of the scopes.
func (t *Token) HasScopes(scopes ...string) bool {
	for _, s := range scopes {
		if !slices.Contains(t.Scopes, s) {
			return false
		}
	}
	return true
}

// claims is the payload of an access token (RFC 9068 §2.2), with Gatehouse's team claims.
type claims struct {
	Issuer    string       `json:"iss"`
	Subject   string       `json:"sub"`
	Audience  audience     `json:"aud"`
	ClientID  string       `json:"client_id"`
	Scope     string       `json:"scope"`
	IssuedAt  *numericDate `json:"iat"`
	NotBefore *numericDate `json:"nbf"`
	Expires   *numericDate `json:"exp"`
	AuthTime  *numericDate `json:"auth_time"`
	ACR       string       `json:"acr"`
	ID        string       `json:"jti"`
	Team      string       `json:"team"`
	TeamID    string       `json:"team_id"`
	GrantID   string       `json:"grant_id"`

	// Confirmation is kept whole: a token that is bound in an unknown way must not pass as one that is not bound.
	Confirmation *struct {
		Thumbprint string `json:"jkt"`
	} `json:"cnf"`
}

func (c *claims) token() *Token {
	t := &Token{
		Subject: c.Subject, ClientID: c.ClientID, Team: c.Team, TeamID: c.TeamID, GrantID: c.GrantID,
		Scopes: strings.Fields(c.Scope), Issuer: c.Issuer, Audience: c.Audience, ID: c.ID,
		IssuedAt: c.IssuedAt.time(), Expires: c.Expires.time(), AuthTime: c.AuthTime.time(), ACR: c.ACR,
		Family: family(c.ID),
	}
	if c.Confirmation != nil {
		t.Confirmation = c.Confirmation.Thumbprint
	}
	return t
}

// family is the part of a jti before its first dot. The jti of a machine's token begins with "m.", and it has no family.
func family(jti string) string {
	id, _, found := strings.Cut(jti, ".")
	if !found || id == "m" {
		return ""
	}
	return id
}

// audience is a string or an array of them (RFC 7519 §4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		*a = make(audience, 1)
		return json.Unmarshal(raw, &(*a)[0])
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// numericDate is seconds since 1970, possibly with a fraction (RFC 7519 §2).
type numericDate float64

func (d *numericDate) UnmarshalJSON(raw []byte) error {
	seconds, err := strconv.ParseFloat(string(raw), 64) // of JSON's values it takes the numbers only
	if err != nil {
		return err
	}
	if seconds < 0 || seconds > 1<<40 { // also keeps arithmetic with it from overflowing
		return errors.New("not a time")
	}
	*d = numericDate(seconds)
	return nil
}

func (d *numericDate) time() time.Time {
	if d == nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(float64(*d) * 1000))
}
