package authz

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// RedirectError is an error that may travel to the redirect URI, because client and URI are verified.
type RedirectError struct {
	Response oauth.AuthorizationResponse // with Err set
	ClientID oauth.ClientID
}

func (e *RedirectError) Error() string { return e.Response.Err.Error() }

// Unwrap returns what was wrong.
func (e *RedirectError) Unwrap() error { return e.Response.Err }

// PageError is a mistake of the client that must not be redirected: the person is told, and the developer of the client is told exactly.
type PageError struct {
	Err      error          // an oauth error
	ClientID oauth.ClientID // of a client that is registered; "" when it is not known
	Client   string         // the client's name, if known
	Received string         // what was received, character for character, e.g. the redirect URI
	// SigningOut says that the request was to sign the person out, which has not happened.
	SigningOut bool
	Back       string // when the request has expired: the origin of its redirect URI, where the application may be; "" if there is none for a browser
}

func (e *PageError) Error() string { return e.Err.Error() }

// Unwrap returns what was wrong.
func (e *PageError) Unwrap() error { return e.Err }

// Request is an authorization request on its way: its client and redirect URI are verified and its scopes resolved. Pages get it sealed and never see
// what is in it, so that any server can take the next step and nobody can edit it.
type Request struct {
	oauth.AuthorizationRequest             // Scope is what is asked for, never empty
	Hinted                     team.UserID `json:",omitempty"` // whom id_token_hint is about: nobody else will do
	FreshSession               string      `json:",omitempty"` // the session that was started on the sign-in page of this request: nothing else is a fresh sign-in
	SelectedUser               team.UserID `json:",omitempty"` // who was chosen when prompt=select_account asked
	PushedID                   string      `json:",omitempty"` // of a pushed request, which leads to one code only; "" for others
	PushedUntil                time.Time   `json:",omitzero"`  // when nobody can go on with a pushed request any more
	ShownTo                    team.UserID `json:",omitempty"` // whom the consent page was shown to; only they can approve
	ShownTeam                  team.ID     `json:",omitempty"` // the team that the consent page stated, when it left no choice; approval is for no other
	ShownName                  string      `json:",omitempty"` // the client's name on the consent page
	ShownOwner                 string      `json:",omitempty"` // and its owner
	ShownBarred                bool        `json:",omitempty"` // the only team on the consent page does not allow the client
	AskedTeam                  team.ID     `json:",omitempty"` // whose admins have to approve the client first: the person waits for them
}

// sealedRequest is a Request as it is sealed. State and nonce may be any text, and JSON makes six bytes of some: as base64 the longest ones still fit an address.
type sealedRequest struct {
	Request
	State []byte `json:"state,omitempty"`
	Nonce []byte `json:"nonce,omitempty"`
}

func (s *Server) sealRequest(purpose token.Purpose, r Request, lifetime time.Duration) (string, error) {
	return s.keys.Seal(purpose, sealedRequest{Request: r, State: []byte(r.State), Nonce: []byte(r.Nonce)}, lifetime)
}

// openRequest opens what sealRequest made; with token.ErrExpired the request is there too.
func (s *Server) openRequest(purpose token.Purpose, sealed string) (Request, error) {
	var r sealedRequest
	err := s.keys.Open(purpose, sealed, &r)
	r.Request.State, r.Request.Nonce = string(r.State), string(r.Nonce)
	return r.Request, err
}

// seal is the request for a URL or a form.
func (s *Server) seal(r Request) (string, error) {
	lifetime := s.opts.RequestLifetime
	if r.PushedID != "" { // each step seals it anew, and it must be forgotten at some time whether it was used
		lifetime = min(lifetime, r.PushedUntil.Sub(s.rightTime()))
	}
	return s.sealRequest(token.PurposeRequest, r, lifetime)
}

// open opens what seal made. A value that is not ours or has expired is a *PageError, and token.ErrWrongClock is as it is; one that has expired says who may be behind it.
func (s *Server) open(ctx context.Context, sealed string) (Request, error) {
	r, err := s.openRequest(token.PurposeRequest, sealed)
	if err == nil || errors.Is(err, token.ErrWrongClock) {
		return r, err
	}
	refused := &PageError{Err: oauth.InvalidRequest.Because(err, "this step was begun too long ago, or its address was altered; start again at the authorization endpoint")}
	if !errors.Is(err, token.ErrExpired) {
		return Request{}, refused
	}
	c, err := s.verify(ctx, r)
	if _, unverified := errors.AsType[*PageError](err); unverified {
		return r, refused
	}
	if err != nil {
		return Request{}, err
	}
	refused.ClientID, refused.Client = c.ID, c.Name
	if origin := oauth.RedirectOrigin(r.RedirectURI); strings.HasPrefix(origin, "http") {
		refused.Back = origin
	}
	return r, refused
}

// redirect is an error on its way to the request's redirect URI, which has been verified.
func (s *Server) redirect(r oauth.AuthorizationRequest, err error) error {
	response := s.response(r)
	response.Err = err
	return &RedirectError{Response: response, ClientID: oauth.ClientID(r.ClientID)}
}

// response is the response to a request, without its code or error.
func (s *Server) response(r oauth.AuthorizationRequest) oauth.AuthorizationResponse {
	return oauth.AuthorizationResponse{RedirectURI: r.RedirectURI, Issuer: s.opts.Issuer, State: r.State, Mode: r.ResponseMode}
}
