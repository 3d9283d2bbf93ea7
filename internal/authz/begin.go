package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// Begin checks an authorization request in the order of RFC 6749 §4.1.2.1: what is wrong with the client or the redirect URI is a *PageError, anything later a *RedirectError.
func (s *Server) Begin(ctx context.Context, p oauth.Params) (Request, error) {
	client, redirectURI, err := s.identify(ctx, p)
	if err != nil {
		return Request{}, err
	}
	r, err := oauth.ParseAuthorizationRequest(p)
	r.ClientID, r.RedirectURI = string(client.ID), redirectURI
	if err == nil {
		r, err = s.admit(client, r)
	}
	if err != nil {
		return Request{}, s.redirect(r, err)
	}
	// Sessions are kept to the millisecond; with finer time here, a sign-in in the same millisecond would seem to be older than the request.
	return Request{AuthorizationRequest: r, IssuedAt: s.now().Truncate(time.Millisecond), client: &client}, nil
}

// identify finds the client and verifies the redirect URI. Until it has succeeded, nothing may be redirected (RFC 9700 §4.11); its errors are pages.
func (s *Server) identify(ctx context.Context, p oauth.Params) (Client, string, error) {
	id, err := p.Required("client_id")
	if err != nil {
		return Client{}, "", &PageError{Err: err}
	}
	client, err := s.store.Client(ctx, ClientID(id))
	if errors.Is(err, ErrNoClient) {
		return Client{}, "", noSuchClient(id)
	}
	if err != nil {
		return Client{}, "", fmt.Errorf("load client %q: %w", id, err)
	}
	if !client.DisabledAt.IsZero() {
		return Client{}, "", disabledClient(client)
	}
	redirectURI, err := p.Required("redirect_uri")
	if err != nil {
		return Client{}, "", &PageError{Err: err, Client: client.Name}
	}
	return client, redirectURI, checkRedirectURI(client, redirectURI)
}

// admit checks what the client may ask for, and fills in the scope when none was named.
func (s *Server) admit(client Client, r oauth.AuthorizationRequest) (oauth.AuthorizationRequest, error) {
	if !client.allows(oauth.GrantAuthorizationCode) {
		return r, oauth.UnauthorizedClient.Errorf("this client acts for itself and may not ask a person for access")
	}
	scope, err := s.opts.Catalogue.resolve(client, r.Scope)
	if err != nil {
		return r, err
	}
	r.Scope = scope
	// No team is looked up here: whether another team exists must make no difference.
	if !client.Global() && r.Team != "" && r.Team != client.Team.Slug {
		return r, oauth.InvalidRequest.Errorf("this client acts only in the team it belongs to; leave out the parameter team")
	}
	return r, nil
}

// recheck is Begin's checks again, for a request that was sealed a while ago: its client may have been changed since.
func (s *Server) recheck(ctx context.Context, r Request) (Client, error) {
	client, err := s.store.Client(ctx, ClientID(r.ClientID))
	if errors.Is(err, ErrNoClient) {
		return Client{}, noSuchClient(r.ClientID)
	}
	if err != nil {
		return Client{}, fmt.Errorf("load client %q: %w", r.ClientID, err)
	}
	if !client.DisabledAt.IsZero() {
		return Client{}, disabledClient(client)
	}
	if err := checkRedirectURI(client, r.RedirectURI); err != nil {
		return Client{}, err
	}
	if _, err := s.opts.Catalogue.resolve(client, r.Scope); err != nil {
		return Client{}, s.redirect(r.AuthorizationRequest, err)
	}
	return client, nil
}

func noSuchClient(id string) error {
	return &PageError{Err: oauth.InvalidClient.Errorf("no client is registered under this client_id"), Received: id}
}

func disabledClient(client Client) error {
	return &PageError{Err: oauth.InvalidClient.Errorf("this client was disabled by the server's operator"), Client: client.Name}
}

// checkRedirectURI is a *PageError unless the URI is one of the client's.
func checkRedirectURI(client Client, received string) error {
	if slices.ContainsFunc(client.RedirectURIs, func(registered string) bool {
		return oauth.MatchRedirectURI(registered, received, client.Public)
	}) {
		return nil
	}
	err := oauth.InvalidRequest.Errorf("redirect_uri is not registered for this client; it must be the same as a registered one, character for character")
	if len(client.RedirectURIs) == 0 {
		err = oauth.UnauthorizedClient.Errorf("this client has no redirect URI: it acts for itself and may not ask a person for access")
	}
	return &PageError{Err: err, Client: client.Name, Received: received}
}
