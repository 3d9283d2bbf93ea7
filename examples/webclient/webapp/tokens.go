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

// renewBefore is how long before its expiry a token is refreshed, so that it is still valid when the API gets it.
const renewBefore = 30 * time.Second

// tokens holds one connection's tokens. It is an oauth2.TokenSource that returns a valid access token for every call of the API.
//
// A refresh token works once, and the response has the next one. So only one refresh runs at a time, and the new refresh token is stored
// before the response is used for anything else. A real application stores it encrypted in its database, and locks the row while it refreshes.
type tokens struct {
	app    *app
	client *http.Client // records the requests of this connection

	mu      sync.Mutex
	newest  *oauth2.Token
	expires time.Time // of the access token
	renewed int       // how often
}

func newTokens(a *app, client *http.Client, first *oauth2.Token) *tokens {
	t := &tokens{app: a, client: client}
	t.keep(first)
	return t
}

func (t *tokens) keep(token *oauth2.Token) {
	t.newest, t.expires = token, t.app.Now().Add(time.Duration(token.ExpiresIn)*time.Second)
}

// Token returns a valid access token. The error is shown to the person.
func (t *tokens) Token() (*oauth2.Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.app.Now().Before(t.expires.Add(-renewBefore)) {
		return t.newest, nil
	}
	return t.newest, t.renew()
}

// Renew refreshes the token, even if it is still valid.
func (t *tokens) Renew() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.renew()
}

// renew exchanges the refresh token for new tokens (RFC 6749 §6).
//
// If the response is lost, it sends the same request again at once. For a minute the server returns the same new refresh token. Later, the
// server may treat the second use as theft, and end the connection.
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
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, t.client) // not the request's context: the response must not be lost when the person leaves the page
	return t.app.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: t.newest.RefreshToken}).Token()
}

// refused reports whether the server refused the refresh token for good, so that trying again does not help.
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

// Revoke ends the connection at the authorization server (RFC 7009), with all its tokens.
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
	if t.app.ClientSecret != "" { // RFC 6749 §2.3.1: id and secret are form-encoded
		request.SetBasicAuth(url.QueryEscape(t.app.ClientID), url.QueryEscape(t.app.ClientSecret))
	}
	response, err := t.client.Do(request)
	if err != nil {
		return withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK { // the status is 200 even if the token had already ended (§2.2)
		return fmt.Errorf("the authorization server answered %s", response.Status)
	}
	return nil
}

// state returns when the access token expires, whether it can be refreshed, and how often it was.
func (t *tokens) state() (expires time.Time, renewable bool, renewed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expires, t.newest.RefreshToken != "", t.renewed
}
