package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Browser is the browser that a person uses.
type Browser struct {
	Session string // the ID of its session, whether or not that is still alive; "" when it has none
}

// Begin checks an authorization request in the order of RFC 6749 §4.1.2.1, and takes its first step: what is wrong with the client or the redirect URI is a *PageError,
// anything later a *RedirectError.
func (s *Server) Begin(ctx context.Context, p oauth.Params, b Browser) (Next, error) {
	r, client, err := s.accept(ctx, p)
	if err != nil {
		return Next{}, err
	}
	return s.proceed(ctx, r, client, b)
}

// Accept checks a request as Begin does, and seals it for Continue. It is for a form of another site, which comes without our cookies: nothing shows who is at the browser.
func (s *Server) Accept(ctx context.Context, p oauth.Params) (sealed string, err error) {
	r, _, err := s.accept(ctx, p)
	if err != nil {
		return "", err
	}
	return s.seal(r)
}

// accept is the request of these parameters, with its client. A request that was pushed has been checked before, and is opened.
func (s *Server) accept(ctx context.Context, p oauth.Params) (r Request, c client.Client, err error) {
	if reference, pushed, unreadable := p.PushedRequest(); unreadable == nil && pushed {
		r, c, err = s.openPushed(ctx, p, reference)
	} else {
		// A request_uri that cannot be read is found again by check, once it is known where to send the error.
		r, c, err = s.checkSent(ctx, p)
	}
	return r, c, err
}

// checkSent checks a request that the browser brought.
func (s *Server) checkSent(ctx context.Context, p oauth.Params) (Request, client.Client, error) {
	client, err := s.identify(ctx, p)
	if err != nil {
		return Request{}, client, err
	}
	r, err := s.check(client, p)
	if err == nil && (client.RequirePAR || s.opts.Profile.FAPI2()) {
		// RFC 9126 §6; FAPI 2.0 Security Profile §5.3.2.2.
		err = s.redirect(r.AuthorizationRequest, oauth.InvalidRequest.Errorf("this client has to push its authorization requests to %s first (RFC 9126)", s.opts.Issuer+oauth.PathPushed))
	}
	return r, client, err
}

// check checks everything but who the client is, beginning with the redirect URI. Until that is verified, nothing may be redirected (RFC 9700 §4.11), and errors are pages.
func (s *Server) check(client client.Client, p oauth.Params) (Request, error) {
	redirectURI, err := p.Required("redirect_uri")
	if err != nil {
		return Request{}, &PageError{Err: err, ClientID: client.ID, Client: client.Name}
	}
	if err := checkRedirectURI(client, redirectURI); err != nil {
		return Request{}, err
	}
	r, err := oauth.ParseAuthorizationRequest(p, client.PKCERule())
	r.ClientID, r.RedirectURI = string(client.ID), redirectURI
	admitted := Request{AuthorizationRequest: r}
	if err == nil {
		admitted, err = s.admit(client, r)
	} else if len(r.Scope) > 0 {
		// What is wrong comes after the scope, which comes first.
		if _, scopeErr := client.ResolveScope(s.opts.Catalogue, r.Scope); scopeErr != nil {
			err = scopeErr
		}
	}
	if err != nil {
		return Request{}, s.redirect(r, err)
	}
	return admitted, nil
}

// identify finds the client. Its errors are pages.
func (s *Server) identify(ctx context.Context, p oauth.Params) (client.Client, error) {
	id, err := p.Required("client_id")
	if err != nil {
		return client.Client{}, &PageError{Err: err}
	}
	return s.enabledClient(ctx, oauth.ClientID(id))
}

// enabledClient is the client as it is now. When it is unknown or disabled, nothing may be redirected: the error is a *PageError.
func (s *Server) enabledClient(ctx context.Context, id oauth.ClientID) (client.Client, error) {
	c, err := s.clients.Clients.Client(ctx, id)
	switch {
	case errors.Is(err, client.ErrNoClient):
		return c, &PageError{Err: oauth.InvalidClient.Errorf("no client is registered under this client_id"), Received: string(id)}
	case err != nil:
		return c, fmt.Errorf("load a client: %w", err) // its id is any text: it may be a secret in the wrong place
	case !c.DisabledAt.IsZero():
		return c, &PageError{Err: oauth.InvalidClient.Errorf("this client was disabled by the server's operator"), ClientID: c.ID, Client: c.Name}
	}
	return c, nil
}

// admit checks what the client may ask for, fills in the scope when none was named, and replaces the hint by whom it means.
func (s *Server) admit(client client.Client, r oauth.AuthorizationRequest) (Request, error) {
	if err := client.Fits(s.opts.Profile); err != nil {
		return Request{}, oauth.UnauthorizedClient.Errorf("%s", err)
	}
	scope, err := client.ResolveScope(s.opts.Catalogue, r.Scope)
	if err != nil {
		return Request{}, err
	}
	r.Scope = scope
	if !client.MayUse(oauth.GrantAuthorizationCode) {
		return Request{}, oauth.UnauthorizedClient.Errorf("this client acts for itself and may not ask a person for access")
	}
	if r.Resource, err = asRegistered(r.Resource, s.resources(client)); err != nil {
		return Request{}, err
	}
	// No team is looked up here: whether another team exists must make no difference.
	if !client.Global() && r.Team != "" && r.Team != client.Team.Slug {
		return Request{}, oauth.InvalidRequest.Errorf("this client acts only in the team it belongs to; leave out the parameter team")
	}
	if err := s.checkLevels(r); err != nil {
		return Request{}, err
	}
	hinted, err := s.hinted(client, r.IDTokenHint)
	r.IDTokenHint = ""
	return Request{AuthorizationRequest: r, Hinted: hinted}, err
}

// hinted is the person that an id_token_hint is about (OpenID Connect Core §3.1.2.1). The hint may have expired; it has to be one that this client got here.
func (s *Server) hinted(client client.Client, hint string) (team.UserID, error) {
	if hint == "" {
		return "", nil
	}
	claims, err := s.keys.VerifyIDToken(hint)
	if err != nil {
		return "", oauth.InvalidRequest.Because(err, "id_token_hint is not an ID token of this server")
	}
	if claims.Audience != string(client.ID) {
		return "", oauth.InvalidRequest.Errorf("id_token_hint is an ID token of another client")
	}
	return team.UserID(claims.Subject), nil
}

// reopen is a sealed request with its client, checked again: since Begin, the client may have been disabled or changed.
func (s *Server) reopen(ctx context.Context, sealed string) (Request, client.Client, error) {
	r, err := s.open(ctx, sealed)
	if err != nil {
		return Request{}, client.Client{}, err
	}
	c, err := s.recheck(ctx, r)
	return r, c, err
}

// recheck makes Begin's checks again and returns the client as it is now.
func (s *Server) recheck(ctx context.Context, r Request) (client.Client, error) {
	c, err := s.recheckClient(ctx, r)
	if err != nil {
		return c, err
	}
	return c, s.checkUnused(ctx, r)
}

// recheckClient is recheck without the question whether a pushed request is used up.
func (s *Server) recheckClient(ctx context.Context, r Request) (client.Client, error) {
	c, err := s.verify(ctx, r)
	if err != nil {
		return c, err
	}
	if _, err = s.admit(c, r.AuthorizationRequest); err == nil {
		err = r.CheckPKCE(c.PKCERule())
	}
	if err != nil {
		return c, s.redirect(r.AuthorizationRequest, err)
	}
	return c, nil
}

// verify is the client of a request, if it and its redirect URI still are what they were. Without that, nothing may be redirected.
func (s *Server) verify(ctx context.Context, r Request) (client.Client, error) {
	c, err := s.enabledClient(ctx, oauth.ClientID(r.ClientID))
	if err != nil {
		return c, err
	}
	return c, checkRedirectURI(c, r.RedirectURI)
}

// checkRedirectURI is a *PageError unless the URI is one of the client's.
func checkRedirectURI(client client.Client, received string) error {
	if slices.ContainsFunc(client.RedirectURIs, func(registered string) bool {
		return oauth.MatchRedirectURI(registered, received, client.Public)
	}) {
		return nil
	}
	err := oauth.InvalidRequest.Errorf("redirect_uri is not registered for this client; it must be the same as a registered one, character for character")
	if len(client.RedirectURIs) == 0 {
		err = oauth.UnauthorizedClient.Errorf("this client has no redirect URI: it acts for itself and may not ask a person for access")
	}
	return &PageError{Err: err, ClientID: client.ID, Client: client.Name, Received: received}
}
