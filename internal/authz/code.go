package authz

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// code is an authorization code: a sealed value that says itself what it is for. What is stored is its redemption. Names are short because codes travel in URLs.
type code struct {
	ID          FamilyID            `json:"i"`
	Grant       GrantID             `json:"g"`
	Client      oauth.ClientID      `json:"c"`
	RedirectURI string              `json:"r"`
	Challenge   oauth.CodeChallenge `json:"p,omitempty"` // "" for a client that may do without and sent none
	Scope       oauth.Scope         `json:"s"`
	Nonce       string              `json:"n,omitempty"`
	AuthTime    int64               `json:"a"` // Unix milliseconds
	IssuedAt    int64               `json:"t"` // Unix milliseconds
	Methods     []string            `json:"m,omitempty"`
	SessionID   string              `json:"d,omitempty"`
	Resource    []string            `json:"u,omitempty"`
	DPoPKey     string              `json:"k,omitempty"` // the key it is bound to
}

// issueCode makes a code for a grant. Nothing is written.
func (s *Server) issueCode(r Request, session authn.Session, g Grant) (string, error) {
	now := s.rightTime() // what is made by a clock that is behind would have expired at once
	sealed, err := s.keys.Seal(token.PurposeCode, code{
		ID: FamilyID(token.NewOrderedID(now)), Grant: g.ID, Client: g.Client, RedirectURI: r.RedirectURI, Challenge: r.CodeChallenge,
		Scope: r.Scope, Nonce: r.Nonce, AuthTime: session.AuthTime.UnixMilli(), IssuedAt: now.UnixMilli(),
		Methods: session.AMR(), SessionID: session.SID(), Resource: r.Resource, DPoPKey: r.DPoPKey,
	}, s.opts.CodeLifetime)
	if err != nil {
		return "", fmt.Errorf("seal a code: %w", err)
	}
	return token.PrefixCode + sealed, nil
}

// errBadCode is the one answer for a code that is unknown, foreign, expired or used: telling them apart would help somebody who found a code. The cause is for the log.
func errBadCode(cause error) error {
	return oauth.InvalidGrant.Because(cause, "the code is unknown, has expired, was used before, is another client's, or the access it stands for has ended; start again at the authorization endpoint")
}

// openCode opens a code; expired is whether its time is over.
func (s *Server) openCode(text string) (c code, expired bool, err error) {
	sealed, ok := strings.CutPrefix(text, token.PrefixCode)
	if !ok {
		return code{}, false, errBadCode(errors.New("the code does not have our prefix"))
	}
	err = s.keys.Open(token.PurposeCode, sealed, &c)
	switch {
	case errors.Is(err, token.ErrExpired):
		return c, true, nil
	case errors.Is(err, token.ErrWrongClock):
		return code{}, false, err
	case err != nil:
		return code{}, false, errBadCode(err)
	}
	return c, false, nil
}

// boundTo reports why the code is not for this client, redirect URI and key, or nil.
func (s *Server) boundTo(c code, client client.Client, x oauth.CodeExchange, dpopKey string) error {
	if c.Client != client.ID {
		// Nothing happens to the family: a client must not be able to end what another one has (RFC 9700 §4.5).
		return errBadCode(errors.New("the code was issued to another client"))
	}
	if c.RedirectURI != x.RedirectURI {
		// The code is not burned: a redirect URI is no secret, so nothing was guessed, and a slip of the developer stays without consequence.
		return oauth.InvalidGrant.Errorf("redirect_uri is not the one of the authorization request; it must be the same, character for character")
	}
	if checkRedirectURI(client, c.RedirectURI) != nil {
		return errBadCode(errors.New("the code's redirect URI is the client's no more"))
	}
	if c.DPoPKey != "" && c.DPoPKey != dpopKey {
		// RFC 9449 §10. Not burned either: a key cannot be guessed.
		return oauth.InvalidGrant.Errorf("the code is bound to the key that dpop_jkt named; send a DPoP proof made with it")
	}
	if c.Challenge == "" && client.PKCERule() == oauth.PKCERequired {
		return errBadCode(errors.New("the code has no challenge, and the client has to use PKCE now"))
	}
	if !client.Permitted(s.opts.Catalogue, c.Scope).Covers(c.Scope) {
		return errBadCode(errors.New("the client is no longer allowed the code's scope"))
	}
	if _, err := asRegistered(c.Resource, s.resources(client)); err != nil {
		return errBadCode(fmt.Errorf("the client is no longer allowed the code's audiences: %w", err))
	}
	return nil
}

// proves reports whether a verifier, "" for none, belongs to the code. A code without a challenge is proved by the client's authentication alone, and a
// verifier beside it means that somebody took the challenge out of the client's request (RFC 9700 §2.1.1).
func (c code) proves(verifier string) bool {
	if c.Challenge == "" {
		return verifier == ""
	}
	return c.Challenge.Verify(verifier)
}

// exchangeCode redeems a code (RFC 6749 §4.1.3). Possession first: only who authenticated and has the verifier may end a family by replaying its code.
func (s *Server) exchangeCode(ctx context.Context, client client.Client, r oauth.TokenRequest) (oauth.TokenResponse, error) {
	x, err := r.CodeExchange()
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	c, expired, err := s.openCode(x.Code)
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	if err := s.boundTo(c, client, x, r.DPoPKey); err != nil {
		return oauth.TokenResponse{}, s.codeRefused(ctx, client, c, err, err)
	}
	aud, err := narrow(s.audiences(c.Resource), x.Resource)
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	now := s.rightTime()
	family := s.newFamily(c, client, r.DPoPKey, now)
	switch proved := c.proves(x.CodeVerifier); {
	case expired && proved:
		return oauth.TokenResponse{}, s.endExpired(ctx, client, c, family)
	case expired:
		return oauth.TokenResponse{}, s.codeRefused(ctx, client, c, errBadCode(token.ErrExpired), token.ErrExpired)
	case !proved && x.CodeVerifier == "":
		// Not burned: nothing was guessed.
		err := oauth.InvalidGrant.Errorf("code_verifier is missing; the authorization request had a code_challenge, so send the verifier that belongs to it")
		return oauth.TokenResponse{}, s.codeRefused(ctx, client, c, err, err)
	case !proved:
		return oauth.TokenResponse{}, s.burn(ctx, family)
	}
	if family.ID.trims() && !s.clockWrong() {
		settled := FamilyID(token.OrderedIDsFrom(now.Add(-s.opts.CodeLifetime - token.ClockLeeway))) // codes of before then have expired, whichever server issued them
		if err := s.families.TrimFamilies(ctx, family.Grant, settled, s.opts.ConnectionsPerGrant); err != nil {
			return oauth.TokenResponse{}, fmt.Errorf("trim the families of %s: %w", family.Grant, err)
		}
	}
	// The insert decides, then the token is signed: see docs/adr/0001-redeem-before-signing.md.
	subject, err := s.families.Redeem(ctx, family)
	switch {
	case errors.Is(err, ErrReplayed): // the store has recorded it, with the end of the family
		return oauth.TokenResponse{}, errBadCode(err)
	case errors.Is(err, ErrNotLive):
		return oauth.TokenResponse{}, s.codeRefused(ctx, client, c, errBadCode(err), err)
	case err != nil:
		return oauth.TokenResponse{}, fmt.Errorf("redeem code %s: %w", c.ID, err)
	}
	return s.respond(tokenSet{
		client: client, family: family, subject: subject, scope: c.Scope, aud: aud, dpopKey: r.DPoPKey, nonce: c.Nonce,
		refresh: token.RefreshToken{Family: string(c.ID)},
	}, now)
}

// trims reports whether redeeming this code has to look for families that are too many: one in 32 does, by its random part.
func (id FamilyID) trims() bool { return strings.HasSuffix(string(id), "A") }

// codeRefused records why a code of ours was refused, and returns the refusal.
func (s *Server) codeRefused(ctx context.Context, client client.Client, c code, refusal, cause error) error {
	event := audit.Event{Kind: audit.CodeRefused, Client: string(client.ID), Family: string(c.ID)}
	if c.Client == client.ID {
		// Whose grant it is does not belong into the trail of another client.
		event.Grant = string(c.Grant)
	}
	return s.refusals.Refused(ctx, event, refusal, cause)
}

// newFamily is the row that redeeming the code makes. It outlives the access token and the code, so that a replay finds it as long as there is something to end.
func (s *Server) newFamily(c code, client client.Client, dpopKey string, now time.Time) Family {
	lifetime := max(min(s.opts.Refresh.Idle, s.opts.Refresh.Absolute), s.opts.AccessTokenLifetime+s.opts.CodeLifetime)
	return Family{
		ID: c.ID, Grant: c.Grant, Client: c.Client, Scope: c.Scope, AuthTime: time.UnixMilli(c.AuthTime), CreatedAt: now,
		ExpiresAt: now.Add(lifetime), TokenDeadAt: now.Add(s.opts.AccessTokenLifetime + token.ClockLeeway),
		Nonce: c.Nonce, Methods: c.Methods, SessionID: c.SessionID, Resource: c.Resource, DPoPKey: familyKey(client, dpopKey),
	}
}

// burn refuses a wrong verifier and makes the code useless, so that verifiers cannot be tried one after the other. What was redeemed before stays. The store records it.
// Nothing was issued under it, so its row need not outlive the code.
func (s *Server) burn(ctx context.Context, f Family) error {
	f.ExpiresAt = f.CreatedAt.Add(s.opts.CodeLifetime + token.ClockLeeway)
	if err := s.families.Burn(ctx, f); err != nil {
		return fmt.Errorf("burn code %s: %w", f.ID, err)
	}
	return oauth.InvalidGrant.Errorf("code_verifier does not belong to the code_challenge of the authorization request, or that had none, so the code can no longer be used; start again at the authorization endpoint with a new pair")
}

// endExpired refuses a code whose time is over, from someone who proved possession. If it had been redeemed in time this is a replay, and ends the family (RFC 6749 §4.1.2).
func (s *Server) endExpired(ctx context.Context, client client.Client, c code, f Family) error {
	ended, err := s.families.EndReplayed(ctx, f)
	switch {
	case err != nil:
		return fmt.Errorf("end the family of code %s: %w", f.ID, err)
	case ended: // the store has recorded it
		return errBadCode(fmt.Errorf("%w; %w", token.ErrExpired, ErrReplayed))
	}
	return s.codeRefused(ctx, client, c, errBadCode(token.ErrExpired), token.ErrExpired)
}
