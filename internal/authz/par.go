package authz

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// pushedLifetime is how long a request_uri may be used: the client redirects the person at once (RFC 9126 §2.2).
const pushedLifetime = 90 * time.Second

// Push checks a pushed authorization request as Begin would, after authenticating the client, and answers with a request_uri: a short reference (RFC 9126 §2). The request
// is stored sealed, so that a copy of the database tells nobody what was asked for. A request_uri may be opened again until a code was issued for it, and leads to one
// code only (RFC 9126 §7.3).
func (s *Server) Push(ctx context.Context, r oauth.PushedRequest) (oauth.PushedResponse, error) {
	client, err := s.clients.Authenticate(ctx, r.Client)
	if err != nil {
		return oauth.PushedResponse{}, err
	}
	id, err := r.Params.Required("client_id")
	if err != nil {
		return oauth.PushedResponse{}, err
	}
	if id != string(client.ID) {
		return oauth.PushedResponse{}, oauth.InvalidRequest.Errorf("client_id is not the client that authenticated")
	}
	request, err := s.check(client, r.Params)
	if err != nil {
		return oauth.PushedResponse{}, direct(err)
	}
	if request.DPoPKey, err = bindKey(request.DPoPKey, r.DPoPKey); err != nil {
		return oauth.PushedResponse{}, err
	}
	now := s.rightTime()
	request.PushedID, request.PushedUntil = token.NewID(), now.Add(pushedLifetime+s.opts.RequestLifetime)
	sealed, err := s.sealRequest(token.PurposePushed, request, pushedLifetime)
	if err != nil {
		return oauth.PushedResponse{}, fmt.Errorf("seal a pushed request: %w", err)
	}
	pushed := PushedRequest{ID: request.PushedID, Client: client.ID, Sealed: sealed, ExpiresAt: now.Add(pushedLifetime)}
	if err := s.requests.PushRequest(ctx, pushed, s.opts.PushedRequests); err != nil {
		return oauth.PushedResponse{}, fmt.Errorf("save a pushed request of client %s: %w", client.ID, err)
	}
	return oauth.PushedResponse{RequestURI: oauth.RequestURIPrefix + pushed.ID, ExpiresIn: int64(pushedLifetime / time.Second)}, nil
}

// direct is an error of a check without its way to a page or a redirect URI: a pushed request is answered where it was sent (RFC 9126 §2.3).
func direct(err error) error {
	if redirect, ok := errors.AsType[*RedirectError](err); ok {
		return redirect.Unwrap()
	}
	if page, ok := errors.AsType[*PageError](err); ok {
		return page.Unwrap()
	}
	return err
}

// bindKey is the key that the code will be bound to: the one that dpop_jkt names, the proof's, or both if they are the same (RFC 9449 §10.1).
func bindKey(named, proved string) (string, error) {
	switch {
	case proved == "" || named == proved:
		return named, nil
	case named == "":
		return proved, nil
	}
	return "", oauth.InvalidDPoPProof.Errorf("dpop_jkt is not the thumbprint of the key of the DPoP proof")
}

// openPushed is the request that was pushed. What else the address says is ignored, except for client_id, which must be the one that pushed (RFC 9126 §4, RFC 9101 §5).
func (s *Server) openPushed(ctx context.Context, p oauth.Params, reference string) (Request, client.Client, error) {
	id, err := p.Required("client_id")
	if err != nil {
		return Request{}, client.Client{}, &PageError{Err: err}
	}
	pushed, used, err := s.requests.PushedRequest(ctx, reference)
	if errors.Is(err, ErrNoRequest) {
		return Request{}, client.Client{}, &PageError{Err: oauth.InvalidRequestURI.Errorf("the request_uri is not one that this server made, or it is too old; push the request again and redirect at once")}
	}
	if err != nil {
		return Request{}, client.Client{}, fmt.Errorf("load a pushed request: %w", err)
	}
	if string(pushed.Client) != id {
		return Request{}, client.Client{}, &PageError{Err: oauth.InvalidRequestURI.Errorf("the request_uri was made for another client than client_id"), Received: id}
	}
	r, err := s.openRequest(token.PurposePushed, pushed.Sealed)
	expired := errors.Is(err, token.ErrExpired)
	if err != nil && !expired {
		return Request{}, client.Client{}, fmt.Errorf("open a pushed request: %w", err)
	}
	c, err := s.recheckClient(ctx, r)
	switch {
	case err != nil:
	case used:
		err = s.errUsedUp(r)
	case expired:
		err = s.redirect(r.AuthorizationRequest, oauth.InvalidRequestURI.Errorf("the request_uri has expired; push the request again and redirect at once"))
	}
	return r, c, err
}

// errUsedUp is on its way to the redirect URI of a pushed request for which a code was issued.
func (s *Server) errUsedUp(r Request) error {
	return s.redirect(r.AuthorizationRequest, oauth.InvalidRequestURI.Errorf("a code was issued for this request_uri, so it is used up; push the request again"))
}

// checkUnused refuses a pushed request that is used up, in whatever browser.
func (s *Server) checkUnused(ctx context.Context, r Request) error {
	if r.PushedID == "" {
		return nil
	}
	used, err := s.requests.RequestUsed(ctx, r.PushedID)
	switch {
	case err != nil:
		return fmt.Errorf("look up whether a pushed request was used: %w", err)
	case used:
		return s.errUsedUp(r)
	}
	return nil
}

// useUp decides which of several answers to a pushed request gets the code.
func (s *Server) useUp(ctx context.Context, r Request) error {
	if r.PushedID == "" {
		return nil
	}
	err := s.requests.UseRequest(ctx, r.PushedID, r.PushedUntil.Add(token.ClockLeeway))
	switch {
	case errors.Is(err, ErrRequestUsed):
		return s.errUsedUp(r)
	case err != nil:
		return fmt.Errorf("use up a pushed request: %w", err)
	}
	return nil
}
