package authz

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
)

// SignOutRequest is an RP-initiated logout request (OpenID Connect RP-Initiated Logout 1.0 §2), checked.
type SignOutRequest struct {
	Client      client.Client // zero when the request does not say whose it is
	RedirectURI string        // where to go afterwards, with state; "" to stay
	Sure        bool          // an id_token_hint of this sign-in was given: no question needed
}

// BeginSignOut checks a logout request: id_token_hint, client_id, post_logout_redirect_uri, state. Anything wrong is a *PageError.
//
// logout_hint is ignored, and ui_locales is for the pages, as the specification allows.
func (s *Server) BeginSignOut(ctx context.Context, p oauth.Params, session *authn.Session) (SignOutRequest, error) {
	r, err := s.checkSignOut(ctx, p, session)
	if page, ok := errors.AsType[*PageError](err); ok {
		page.SigningOut = true
	}
	return r, err
}

func (s *Server) checkSignOut(ctx context.Context, p oauth.Params, session *authn.Session) (SignOutRequest, error) {
	hint, sid, err := s.signOutHint(p)
	if err != nil {
		return SignOutRequest{}, err
	}
	client, err := s.signOutClient(ctx, p, hint)
	if err != nil {
		return SignOutRequest{}, err
	}
	redirectURI, err := afterSignOut(p, client)
	if err != nil {
		return SignOutRequest{}, err
	}
	// Without a hint of this very sign-in, anyone's link could sign people out, so they are asked then (§2). Every application that was
	// ever connected has an ID token of an earlier one.
	sure := session != nil && sid != "" && sid == session.SID()
	client.Secrets = nil
	return SignOutRequest{Client: client, RedirectURI: redirectURI, Sure: sure}, nil
}

// signOutHint is the client and the sid of id_token_hint, which may have expired; both are empty without one.
func (s *Server) signOutHint(p oauth.Params) (client oauth.ClientID, sid string, err error) {
	text, err := p.Optional("id_token_hint")
	if err != nil || text == "" {
		return "", "", pageOrNil(err)
	}
	claims, err := s.keys.VerifyIDToken(text)
	if err != nil {
		return "", "", &PageError{Err: oauth.InvalidRequest.Because(err, "id_token_hint is not an ID token of this server")}
	}
	return oauth.ClientID(claims.Audience), claims.SessionID, nil
}

func pageOrNil(err error) error {
	if err == nil {
		return nil
	}
	return &PageError{Err: err}
}

// signOutClient is the client that client_id or the hint names; both have to name the same (§2).
func (s *Server) signOutClient(ctx context.Context, p oauth.Params, hint oauth.ClientID) (client.Client, error) {
	text, err := p.Optional("client_id")
	if err != nil {
		return client.Client{}, &PageError{Err: err}
	}
	id := oauth.ClientID(text)
	switch {
	case id == "" && hint == "":
		return client.Client{}, nil
	case id == "":
		id = hint
	case hint != "" && id != hint:
		return client.Client{}, &PageError{Err: oauth.InvalidRequest.Errorf("client_id is not the client that id_token_hint was issued to"), Received: text}
	}
	return s.enabledClient(ctx, id) // nobody is sent to a disabled client
}

// afterSignOut is post_logout_redirect_uri with state, once it is known to be the client's: compared character for character, or this would be an open redirector (§3).
func afterSignOut(p oauth.Params, client client.Client) (string, error) {
	uri, err := p.Optional("post_logout_redirect_uri")
	if err != nil || uri == "" {
		return "", pageOrNil(err)
	}
	switch {
	case client.ID == "":
		return "", &PageError{Err: oauth.InvalidRequest.Errorf("post_logout_redirect_uri needs client_id or id_token_hint, which say whose it is"), Received: uri}
	case !slices.Contains(client.PostLogoutRedirectURIs, uri):
		return "", &PageError{
			Err:      oauth.InvalidRequest.Errorf("post_logout_redirect_uri is not registered for this client; it must be the same as a registered one, character for character"),
			ClientID: client.ID, Client: client.Name, Received: uri,
		}
	}
	state, err := p.Optional("state")
	if err == nil && len(state) > oauth.MaxStateLength {
		err = oauth.InvalidRequest.Errorf("state is %d bytes long; at most %d are accepted", len(state), oauth.MaxStateLength)
	}
	if err != nil {
		return "", &PageError{Err: err, ClientID: client.ID, Client: client.Name}
	}
	// A response without anything but state is the URI with state.
	return oauth.AuthorizationResponse{RedirectURI: uri, State: state}.URL(), nil
}

// Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4).
const (
	logoutType     = "logout+jwt"
	logoutEvent    = "http://schemas.openid.net/event/backchannel-logout"
	logoutLifetime = 2 * time.Minute // as §4 recommends; each try gets a new one
)

// logoutClaims is the payload of a logout token. It must not have a nonce.
type logoutClaims struct {
	Issuer    string              `json:"iss"`
	Subject   string              `json:"sub"`
	Audience  string              `json:"aud"`
	IssuedAt  int64               `json:"iat"`
	Expires   int64               `json:"exp"`
	ID        string              `json:"jti"`
	SessionID string              `json:"sid,omitempty"`
	Events    map[string]struct{} `json:"events"`
}

// LogoutToken is the signed logout token for a back-channel logout (OpenID Connect Back-Channel Logout 1.0 §2.4), and where
// to send it. client.ErrNoClient when the client is gone, is disabled, or no longer has a back-channel logout URI.
func (s *Server) LogoutToken(ctx context.Context, m outbox.Message) (token string, to *url.URL, err error) {
	c, err := s.clients.Clients.Client(ctx, oauth.ClientID(m.Client))
	if err != nil {
		return "", nil, fmt.Errorf("load client %q: %w", m.Client, err)
	}
	if c.BackchannelLogoutURI == "" || !c.DisabledAt.IsZero() {
		return "", nil, fmt.Errorf("client %q has no back-channel logout: %w", m.Client, client.ErrNoClient)
	}
	if to, err = url.Parse(c.BackchannelLogoutURI); err != nil {
		return "", nil, fmt.Errorf("back-channel logout URI of client %q: %w", m.Client, err)
	}
	now := s.rightTime()
	token, err = s.keys.SignJWT(logoutType, logoutClaims{
		Issuer: s.opts.Issuer, Subject: m.User, Audience: m.Client, IssuedAt: now.Unix(), Expires: now.Add(logoutLifetime).Unix(),
		ID: m.ID, SessionID: m.SessionID, Events: map[string]struct{}{logoutEvent: {}},
	}, s.idTokenAlgorithm(c))
	if err != nil {
		return "", nil, fmt.Errorf("sign the logout token %s: %w", m.ID, err)
	}
	return token, to, nil
}
