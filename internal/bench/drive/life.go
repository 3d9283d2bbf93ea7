package drive

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// life is what people and their applications do, and how often, of a thousand times.
var life = []struct {
	share int
	act   func(*person, context.Context) error
}{
	{250, (*person).flow},
	{350, (*person).rotate},
	{200, (*person).introspect},
	{100, (*person).lookUp},
	{80, (*person).actAsMachine},
	{15, (*person).revoke},
	{5, (*person).fallOut},
}

// live does one thing of life.
func (p *person) live(ctx context.Context) error {
	n := rand.IntN(1000)
	for _, l := range life {
		if n -= l.share; n < 0 {
			return l.act(p, ctx)
		}
	}
	return errors.New("the shares do not make a thousand")
}

// Live lets one of the crowd do one thing of life. Nobody can do two at once.
func (c *Crowd) Live(ctx context.Context, who int) error { return c.people[who].live(ctx) }

// Ended is how often an application's access was ended by someone, and was refused from then on as it has to be.
func (c *Crowd) Ended() (n int) {
	for _, p := range c.people {
		n += p.ended
	}
	return n
}

// identityFresh is how old an access token for userinfo is used: less than the shortest life of access tokens that is measured.
const identityFresh = 20 * time.Second

// lookUp is userinfo, with a new token when the last one is not fresh.
func (p *person) lookUp(ctx context.Context) error {
	if time.Since(p.identified) > identityFresh {
		if err := p.identify(ctx); err != nil {
			return err
		}
	}
	return p.userInfo(ctx)
}

// identify is a flow with the scope openid.
func (p *person) identify(ctx context.Context) error {
	answer, err := p.connect(ctx, "openid profile "+p.target.Scope)
	if err != nil {
		return err
	}
	p.identity, p.identified = answer.AccessToken, time.Now()
	return nil
}

// revoke is the application giving up its connection (RFC 7009), and getting another one.
func (p *person) revoke(ctx context.Context) error {
	if err := p.send(ctx, "/o/revoke_token/", p.target.Application, url.Values{"token": {p.refresh()}}, http.StatusOK); err != nil {
		return err
	}
	if err := p.refused(ctx); err != nil {
		return fmt.Errorf("after a revocation %w", err)
	}
	return p.flow(ctx)
}

// fallOut is disconnecting, or a flow of those who do not do that.
func (p *person) fallOut(ctx context.Context) error {
	if p.loyal {
		return p.flow(ctx)
	}
	return p.disconnect(ctx)
}

// disconnect is the person ending what the application may do, and agreeing to all of it again.
func (p *person) disconnect(ctx context.Context) error {
	if err := p.flow(ctx); err != nil { // the session may have ended
		return err
	}
	grant, err := grantOf(p.access)
	if err != nil {
		return err
	}
	if err := p.send(ctx, "/account/applications/", Credentials{}, url.Values{"grant": {grant}}, http.StatusSeeOther); err != nil {
		return err
	}
	if err := p.refused(ctx); err != nil {
		return fmt.Errorf("after the person ended it %w", err)
	}
	if err := p.identify(ctx); err != nil {
		return err
	}
	return p.flow(ctx)
}

// refused expects that the refresh token and the access token are good for nothing any more.
func (p *person) refused(ctx context.Context) error {
	var answer struct {
		Error  string
		Active bool
	}
	status, err := p.post(ctx, "/o/token/", p.target.Application, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh()}}, &answer)
	if err != nil || status != http.StatusBadRequest || answer.Error != "invalid_grant" {
		return errors.Join(fmt.Errorf("a refresh was answered %d %q", status, answer.Error), err)
	}
	status, err = p.post(ctx, "/o/introspect/", p.target.ResourceServer, url.Values{"token": {p.access}}, &answer)
	if err != nil || status != http.StatusOK || answer.Active {
		return errors.Join(fmt.Errorf("introspection answered %d, active: %t", status, answer.Active), err)
	}
	p.ended++
	return nil
}

// send posts a form to where the answer's status says everything.
func (p *person) send(ctx context.Context, path string, as Credentials, form url.Values, want int) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if as.ID != "" {
		r.SetBasicAuth(url.QueryEscape(as.ID), url.QueryEscape(as.Secret))
	}
	response, err := p.client.Do(r)
	if err != nil {
		return err
	}
	if err := drain(response); err != nil {
		return err
	}
	if response.StatusCode != want || strings.HasPrefix(response.Header.Get("Location"), "/login/") {
		return fmt.Errorf("%s answered %s, want %d", path, response.Status, want)
	}
	return nil
}

// grantOf is the grant that an access token was issued under.
func grantOf(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the access token is no JSON Web Token")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", err
	}
	var claims struct {
		Grant string `json:"grant_id"`
	}
	if err := json.Unmarshal(text, &claims); err != nil || claims.Grant == "" {
		return "", errors.Join(errors.New("the access token names no grant"), err)
	}
	return claims.Grant, nil
}
