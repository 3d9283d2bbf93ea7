package webapp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
)

// connect sends the browser to the authorization server (RFC 6749 §4.1.1). The state protects against forged responses. The
// challenge belongs to a verifier that stays on this server (RFC 7636).
func (a *app) connect(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		a.fail(w, r, http.StatusBadRequest, "The form could not be read.", err.Error())
		return
	}
	config := a.oauth
	config.Scopes = r.PostForm["scope"]
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	if team := strings.TrimSpace(r.PostForm.Get("team")); team != "" {
		options = append(options, oauth2.SetAuthURLParam("team", team))
	}
	authorize := config.AuthCodeURL(state, options...)
	session := a.sessions.start(w, r)
	session.expect(state, pending{verifier: verifier, began: a.Now(), authorize: authorize})
	http.Redirect(w, r, authorize, http.StatusSeeOther)
}

// callback handles the authorization response (RFC 6749 §4.1.2).
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	session := a.sessions.of(r)
	p, err := a.check(session, r.URL.Query())
	if err != nil {
		a.fail(w, r, http.StatusBadRequest, "The team was not connected.", err.Error())
		return
	}
	log := &exchanges{}
	log.add(exchange{What: "The browser was sent to the authorization server", Sent: "GET " + readableURL(p.authorize)})
	log.add(exchange{What: "The browser came back with a code", Sent: "GET " + readableURL(a.RedirectURI+"?"+r.URL.RawQuery)})
	// This client records requests and responses. It is used for the exchange, and later for the API.
	client := log.client(a.HTTPClient)
	ctx := context.WithValue(context.WithoutCancel(r.Context()), oauth2.HTTPClient, client)
	token, err := a.oauth.Exchange(ctx, r.URL.Query().Get("code"), oauth2.VerifierOption(p.verifier))
	if err != nil {
		a.fail(w, r, http.StatusBadGateway, "The code was not exchanged for a token.", exchangeError(err))
		return
	}
	team, _ := token.Extra("team").(string)
	scope, _ := token.Extra("scope").(string)
	c := newConnection(a, team, strings.Fields(scope), token, client, log)
	for _, replaced := range session.add(c) {
		replaced.tokens.Revoke() // a replaced connection is not used any more; if this fails, its tokens expire
	}
	// The redirect removes the code from the address bar.
	http.Redirect(w, r, "/connections/"+c.ID, http.StatusSeeOther)
}

// check returns the request that a response belongs to. Each response is used once. An error is only used after state and iss were checked.
func (a *app) check(s *session, answer url.Values) (pending, error) {
	for _, name := range []string{"state", "iss", "code", "error"} {
		if len(answer[name]) > 1 {
			return pending{}, fmt.Errorf("the response has %q twice", name)
		}
	}
	p, ok := s.take(answer.Get("state"), a.Now())
	if !ok {
		return pending{}, errors.New("this response belongs to no request of this browser: it is too old, was used before, or was started by somebody else")
	}
	// RFC 9207 §2.4: a code must never be sent to a server that did not issue it.
	if iss := answer.Get("iss"); iss != a.Issuer {
		return pending{}, fmt.Errorf("the response is from %q, not from %q", iss, a.Issuer)
	}
	if code := answer.Get("error"); code != "" {
		return pending{}, answerError(code, answer.Get("error_description"))
	}
	if answer.Get("code") == "" {
		return pending{}, errors.New("the response has no code")
	}
	return p, nil
}

func answerError(code, description string) error {
	if code == "access_denied" && description == "" {
		description = "you did not agree, or have no access to the team"
	}
	return errors.New(strings.TrimSuffix(code+": "+description, ": "))
}

// exchangeError returns the error of the token endpoint, or the text of any other error.
func exchangeError(err error) string {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode != "" {
		return answerError(refused.ErrorCode, refused.ErrorDescription).Error()
	}
	return err.Error()
}
