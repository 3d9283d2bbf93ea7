package oauth

// Introspection is the answer of the introspection endpoint (RFC 7662 §2.2). The zero value is exactly {"active":false}.
type Introspection struct {
	Active       bool          `json:"active"`
	Scope        string        `json:"scope,omitempty"`
	ClientID     string        `json:"client_id,omitempty"`
	Username     string        `json:"username,omitempty"` // the e-mail; absent for machine tokens
	Subject      string        `json:"sub,omitempty"`
	Team         string        `json:"team,omitempty"`
	TeamID       string        `json:"team_id,omitempty"`
	TokenType    string        `json:"token_type,omitempty"` // Bearer or DPoP; refresh_token for a refresh token
	Expires      int64         `json:"exp,omitempty"`
	IssuedAt     int64         `json:"iat,omitempty"`
	Issuer       string        `json:"iss,omitempty"`
	Audience     any           `json:"aud,omitempty"` // a string or a list of them
	ID           string        `json:"jti,omitempty"`
	AuthTime     int64         `json:"auth_time,omitempty"`
	ACR          string        `json:"acr,omitempty"`
	Confirmation *Confirmation `json:"cnf,omitempty"`
}

// Confirmation binds a token to a key (RFC 7800 §3.1, RFC 9449 §6.1).
type Confirmation struct {
	Thumbprint string `json:"jkt"` // SHA-256 JWK thumbprint (RFC 7638), base64url
}
