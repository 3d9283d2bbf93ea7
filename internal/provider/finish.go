package provider

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"golang.org/x/oauth2"
)

// Answer is what a provider sent the browser back with.
type Answer struct {
	State, Code, Issuer string
	Error               string
}

// Way is how to go on after a sign-in that has begun in this browser, whatever comes of it. ErrOver, token.ErrWrongClock.
func (ps *Providers) Way(p *Provider, sealed, state string) (Way, error) {
	r, err := ps.mine(p, sealed, state)
	return r.Way, err
}

// mine is the sign-in of this browser that an answer belongs to.
func (ps *Providers) mine(p *Provider, sealed, state string) (request, error) {
	r, err := ps.open(sealed)
	switch {
	case errors.Is(err, token.ErrWrongClock):
		return request{}, err
	case err != nil, state == "", subtle.ConstantTimeCompare([]byte(r.State), []byte(state)) != 1, r.Provider != p.ID:
		return request{}, ErrOver
	}
	return r, nil
}

// Finish is what a provider says about the person of an answer. sealed is the browser's cookie. The error is ErrOver, *RefusedError, ErrInvalid or
// ErrUnavailable with a cause for the log, or token.ErrWrongClock.
func (ps *Providers) Finish(ctx context.Context, p *Provider, sealed string, a Answer) (authn.Claims, error) {
	r, err := ps.mine(p, sealed, a.State)
	if err != nil {
		return authn.Claims{}, err
	}
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	m, err := p.discover(ctx)
	if err != nil {
		return authn.Claims{}, err
	}
	// RFC 9207 §2.4. The redirect URI already says which provider it was, if providers tell the truth.
	if (m.iss || a.Issuer != "") && a.Issuer != p.Issuer {
		return authn.Claims{}, invalid("the answer comes from the issuer %.200q", a.Issuer)
	}
	if a.Error != "" {
		return authn.Claims{}, &RefusedError{Code: shown(a.Error)}
	}
	if a.Code == "" {
		return authn.Claims{}, invalid("the answer has no code")
	}
	tokens, err := p.exchange(ctx, m, r, a.Code)
	if err != nil {
		return authn.Claims{}, err
	}
	return p.verify(ctx, m, r, tokens)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, cut(fmt.Errorf(format, args...)))
}

// shown is an error code for the log. The provider chose it.
func shown(code string) string {
	if len(code) > 60 || strings.ContainsFunc(code, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
		return "an error"
	}
	return code
}

// exchange redeems the code.
func (p *Provider) exchange(ctx context.Context, m metadata, r request, code string) (*oauth2.Token, error) {
	config := m.config
	config.ClientSecret = p.secret.Load().Reveal()
	tokens, err := config.Exchange(oidc.ClientContext(ctx, p.http), code, oauth2.VerifierOption(r.Verifier))
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok { // its text has the whole answer
		if refused.ErrorCode == "" || refused.Response != nil && refused.Response.StatusCode >= 500 {
			return nil, fmt.Errorf("%w: its token endpoint answered %d", ErrUnavailable, refused.Response.StatusCode)
		}
		return nil, invalid("its token endpoint answered %s", shown(refused.ErrorCode))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: exchange the code: %w", ErrUnavailable, cut(err))
	}
	return tokens, nil
}

// algorithms are those that may sign an ID token. None is symmetric: HMAC with a public key as the key is an old attack (RFC 8725 §2.1).
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// claims is the members of an ID token and of UserInfo that count.
type claims struct {
	Subject       string          `json:"sub"`
	Azp           string          `json:"azp"`
	AuthTime      *float64        `json:"auth_time"`
	ACR           string          `json:"acr"`
	AMR           []string        `json:"amr"`
	Email         string          `json:"email"`
	EmailVerified json.RawMessage `json:"email_verified"`
	Name          string          `json:"name"`
}

// verify checks the ID token (OpenID Connect Core §3.1.3.7), and gathers what it and UserInfo say.
func (p *Provider) verify(ctx context.Context, m metadata, r request, tokens *oauth2.Token) (authn.Claims, error) {
	raw, _ := tokens.Extra("id_token").(string)
	if raw == "" {
		return authn.Claims{}, invalid("the answer of its token endpoint has no ID token")
	}
	keys := &keySet{provider: p, uri: m.jwks}
	verifier := oidc.NewVerifier(p.Issuer, keys, &oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: algorithms, Now: p.now})
	idToken, err := verifier.Verify(ctx, raw)
	if keys.failure != nil {
		return authn.Claims{}, keys.failure
	}
	if err != nil {
		return authn.Claims{}, invalid("ID token: %w", err)
	}
	var c claims
	if err := idToken.Claims(&c); err != nil {
		return authn.Claims{}, invalid("ID token: %w", err)
	}
	if err := p.check(idToken, c, r); err != nil {
		return authn.Claims{}, err
	}
	if c.Email == "" { // the claims of a scope come from UserInfo in this flow (OpenID Connect Core §5.4)
		c = p.withUserInfo(ctx, m, tokens, c)
	}
	return p.says(r, c), nil
}

// check is what the library does not check.
func (p *Provider) check(idToken *oidc.IDToken, c claims, r request) error {
	now := p.now()
	switch {
	case subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(r.Nonce)) != 1:
		return invalid("ID token: the nonce is not the one of this sign-in")
	case c.Azp != "" && c.Azp != p.ClientID, len(idToken.Audience) > 1 && c.Azp == "":
		return invalid("ID token: it was issued to another client (azp %.100q)", c.Azp)
	case c.Subject == "" || len(c.Subject) > 255:
		return invalid("ID token: sub has to be 1 to 255 characters")
	case idToken.IssuedAt.IsZero() || idToken.IssuedAt.After(now.Add(token.ClockLeeway)):
		return invalid("ID token: iat is missing, or in the future")
	}
	if !r.Fresh && r.MaxAge == nil {
		return nil
	}
	if c.AuthTime == nil {
		return invalid("ID token: auth_time is missing, although max_age asked for it")
	}
	at := time.Unix(int64(*c.AuthTime), 0)
	switch {
	case at.After(now.Add(token.ClockLeeway)):
		return invalid("ID token: auth_time is in the future")
	case r.Fresh && at.Before(r.Begun.Add(-token.ClockLeeway)), r.MaxAge != nil && at.Before(r.Begun.Add(-*r.MaxAge-token.ClockLeeway)):
		return invalid("ID token: the person has signed in there too long ago")
	}
	return nil
}

// withUserInfo adds what UserInfo says. A provider without it, or one that does not answer there, says nothing.
func (p *Provider) withUserInfo(ctx context.Context, m metadata, tokens *oauth2.Token, c claims) claims {
	if m.provider.UserInfoEndpoint() == "" {
		return c
	}
	info, err := m.provider.UserInfo(oidc.ClientContext(ctx, p.http), oauth2.StaticTokenSource(tokens))
	var more claims
	if err != nil || info.Claims(&more) != nil || more.Subject != c.Subject { // OpenID Connect Core §5.3.2: it may be about somebody else
		return c
	}
	c.Email, c.EmailVerified = more.Email, more.EmailVerified
	if c.Name == "" {
		c.Name = more.Name
	}
	return c
}

// says is what the claims mean here.
func (p *Provider) says(r request, c claims) authn.Claims {
	says := authn.Claims{Request: r.ID, Provider: p.ID, Issuer: p.Issuer, Subject: c.Subject, SignUp: p.SignUp, Name: strings.TrimSpace(c.Name)}
	if email, err := team.ParseEmail(c.Email); err == nil {
		says.Email = email
		// Only the boolean: some providers send "true" for what the person typed.
		says.Proven = string(c.EmailVerified) == "true" && p.authoritative(email)
	}
	if team.CheckText("the name", says.Name) != nil {
		says.Name = ""
	}
	if c.AuthTime != nil {
		says.AuthTime = time.Unix(int64(*c.AuthTime), 0)
	}
	says.TwoFactors = slices.Contains(p.TrustedACR, c.ACR) || slices.ContainsFunc(c.AMR, func(m string) bool { return slices.Contains(p.TrustedAMR, m) })
	return says
}
