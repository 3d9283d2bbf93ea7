package webapp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// renewBefore is how long before its end an access token is renewed: long enough for the request that it is sent with.
const renewBefore = 30 * time.Second

// tokens are one connection's tokens, as an oauth2.TokenSource: every request to the API gets an access token that still lives, for months.
//
// A refresh token works once, and the answer has the next one. So one refresh happens at a time, and the newest refresh token is kept
// before anything else is done with the answer. A product keeps it in its database, encrypted, and holds a lock on its row meanwhile.
type tokens struct {
	app    *app
	client *http.Client // that writes down what is said for this connection

	mu      sync.Mutex
	newest  *oauth2.Token
	expires time.Time // of the access token
	renewed int       // how many times
}

func newTokens(a *app, client *http.Client, first *oauth2.Token) *tokens {
	t := &tokens{app: a, client: client}
	t.keep(first)
	return t
}

func (t *tokens) keep(token *oauth2.Token) {
	t.newest, t.expires = token, t.app.Now().Add(time.Duration(token.ExpiresIn)*time.Second)
}

// Token is an access token that still lives. The error is for the person.
func (t *tokens) Token() (*oauth2.Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.app.Now().Before(t.expires.Add(-renewBefore)) {
		return t.newest, nil
	}
	return t.newest, t.renew()
}

// Renew gets another access token before it is needed.
func (t *tokens) Renew() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.renew()
}

// renew exchanges the refresh token for new tokens (RFC 6749 §6).
//
// An answer that gets lost is asked for again at once: for ten seconds the server answers the same refresh token with the same successor.
// Later it would take the second use for a thief's, and end the connection.
func (t *tokens) renew() error {
	if t.newest.RefreshToken == "" {
		return errors.New("the access token has expired and there is no refresh token: connect the team again")
	}
	fresh, err := t.exchange()
	if err != nil && !refused(err) {
		fresh, err = t.exchange()
	}
	switch {
	case refused(err):
		return fmt.Errorf("the connection has ended (%s): connect the team again", exchangeError(err))
	case err != nil:
		return fmt.Errorf("the authorization server cannot be reached: try again later (%w)", withoutURL(err))
	}
	t.keep(fresh)
	t.renewed++
	return nil
}

func (t *tokens) exchange() (*oauth2.Token, error) {
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, t.client) // not the browser's: who leaves the page must not lose the answer
	return t.app.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: t.newest.RefreshToken}).Token()
}

// refused reports whether the server answered that the refresh token is of no use any more, which trying again does not change.
func refused(err error) bool {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	return ok && answer.Response.StatusCode < 500 && answer.Response.StatusCode != http.StatusTooManyRequests
}

func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// Revoke ends the connection at the authorization server (RFC 7009): both tokens, and all that came before them, everywhere.
func (t *tokens) Revoke() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	token, hint := t.newest.RefreshToken, "refresh_token"
	if token == "" {
		token, hint = t.newest.AccessToken, "access_token"
	}
	form := url.Values{"token": {token}, "token_type_hint": {hint}}
	if t.app.ClientSecret == "" {
		form.Set("client_id", t.app.ClientID)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.app.Issuer+"/o/revoke_token/", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if t.app.ClientSecret != "" { // RFC 6749 §2.3.1: both halves are form-encoded
		request.SetBasicAuth(url.QueryEscape(t.app.ClientID), url.QueryEscape(t.app.ClientSecret))
	}
	response, err := t.client.Do(request)
	if err != nil {
		return withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK { // 200 also for a token that had ended before (§2.2)
		return fmt.Errorf("the authorization server answered %s", response.Status)
	}
	return nil
}

// state is what the page shows: until when the access token lives, whether it will be renewed, and how often it was.
func (t *tokens) state() (expires time.Time, renewable bool, renewed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expires, t.newest.RefreshToken != "", t.renewed
}
