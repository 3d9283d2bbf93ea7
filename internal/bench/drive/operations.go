package drive

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Operations is the names of those of a report, in its order. Besides, there are those of a soak: revoke, disconnect, and life, which is some of everything.
var Operations = []string{"flow", "refresh", "client_credentials", "introspect", "userinfo", "jwks", "discovery", "api"}

var operations = map[string]func(*person, context.Context) error{
	"flow":               (*person).flow,
	"refresh":            (*person).rotate,
	"client_credentials": (*person).actAsMachine,
	"introspect":         (*person).introspect,
	"userinfo":           (*person).userInfo,
	"jwks":               (*person).keys,
	"discovery":          (*person).discover,
	"api":                (*person).callAPI,

	"revoke":     (*person).revoke,
	"disconnect": (*person).disconnect,
	"life":       (*person).live,
}

// person is a virtual user: a browser, and the applications that are used with it.
type person struct {
	target  Target
	account Account
	client  *http.Client

	identity   string    // an access token with the scope openid
	identified time.Time // when it was got
	access     string    // the latest access token of a flow
	each       int       // how many refresh tokens to keep
	loyal      bool      // does not disconnect in life: what disconnecting removes is not left for pruning
	refreshes  []string  // those, the one first that is to be used next
	ended      int       // how often that was ended by someone

	browsers []http.CookieJar // the cookies of each
	turns    int              // flows so far
	spare    []http.CookieJar // sessions that are only there to be ended
	away     *http.Transport  // for those who end them
	leaving  sync.WaitGroup
	stayed   atomic.Pointer[error] // why one of them could not
}

// issued is an answer of the token endpoint (RFC 6749 §5).
type issued struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Error        string `json:"error"`
	Description  string `json:"error_description"`
}

// prepare signs in and agrees to everything, and then goes through a flow in which nothing is asked any more.
func (p *person) prepare(ctx context.Context) error {
	err := p.identify(ctx)
	for i := 0; i < p.each && err == nil; i++ {
		err = p.flow(ctx)
	}
	return err
}

// flow is an authorization request that needs no page, and the exchange of its code.
func (p *person) flow(ctx context.Context) error {
	p.turns++
	p.client.Jar = p.browsers[p.turns%len(p.browsers)]
	if p.turns%flowsPerSignOut == 0 && len(p.spare) > 0 {
		p.signOut(ctx)
	}
	answer, err := p.connect(ctx, p.target.Scope)
	if err != nil {
		return err
	}
	p.access = answer.AccessToken
	p.refreshes = append(p.refreshes, answer.RefreshToken)
	p.refreshes = p.refreshes[max(len(p.refreshes)-p.each, 0):]
	return nil
}

// connect is the authorization code flow with PKCE (RFC 6749 §4.1, RFC 7636).
func (p *person) connect(ctx context.Context, scope string) (issued, error) {
	state, verifier := rand.Text(), rand.Text()+rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	at, err := p.authorize(ctx, p.target.URL+"/o/authorize/?"+url.Values{
		"response_type": {"code"}, "client_id": {p.target.Application.ID}, "redirect_uri": {p.target.RedirectURI}, "scope": {scope}, "state": {state},
		"team": {cmp.Or(p.account.Team, p.target.Team)}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	if err != nil {
		return issued{}, err
	}
	answer := at.Query()
	if answer.Get("state") != state || answer.Get("code") == "" {
		return issued{}, fmt.Errorf("the authorization endpoint answered %q %q", answer.Get("error"), answer.Get("error_description"))
	}
	return p.token(ctx, p.target.Application, url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {p.target.RedirectURI}, "code_verifier": {verifier},
	})
}

var errNoSuccessor = errors.New("a refresh brought no refresh token")

func (p *person) rotate(ctx context.Context) error {
	answer, err := p.token(ctx, p.target.Application, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh()}})
	if err != nil {
		return err
	}
	if answer.RefreshToken == "" {
		return errNoSuccessor
	}
	p.refreshes = append(p.refreshes[1:], answer.RefreshToken)
	return nil
}

// refresh is the refresh token to be used next, "" when there is none.
func (p *person) refresh() string {
	if len(p.refreshes) == 0 {
		return ""
	}
	return p.refreshes[0]
}

func (p *person) actAsMachine(ctx context.Context) error {
	_, err := p.token(ctx, p.target.Machine, url.Values{"grant_type": {"client_credentials"}, "scope": {p.target.Scope}})
	return err
}

// token asks the token endpoint.
func (p *person) token(ctx context.Context, as Credentials, form url.Values) (issued, error) {
	var answer issued
	status, err := p.post(ctx, "/o/token/", as, form, &answer)
	if err == nil && (status != http.StatusOK || answer.AccessToken == "") {
		err = fmt.Errorf("the token endpoint answered %d %q %q to %s", status, answer.Error, answer.Description, form.Get("grant_type"))
	}
	return answer, err
}

func (p *person) introspect(ctx context.Context) error {
	var answer struct{ Active bool }
	status, err := p.post(ctx, "/o/introspect/", p.target.ResourceServer, url.Values{"token": {p.access}}, &answer)
	if err == nil && !answer.Active {
		err = fmt.Errorf("introspection answered %d, and that a good token is not active", status)
	}
	return err
}

func (p *person) userInfo(ctx context.Context) error {
	return p.get(ctx, p.target.URL+"/o/userinfo/", p.identity, "sub")
}

func (p *person) callAPI(ctx context.Context) error {
	return p.get(ctx, p.target.API+"/api/me/", p.access, "team")
}

func (p *person) keys(ctx context.Context) error {
	return p.get(ctx, p.target.URL+"/.well-known/jwks.json", "", "keys")
}

func (p *person) discover(ctx context.Context) error {
	return p.get(ctx, p.target.URL+"/.well-known/openid-configuration", "", "issuer")
}

// get expects a JSON object that has a member of this name.
func (p *person) get(ctx context.Context, address, token, member string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || !strings.Contains(string(text), `"`+member+`":`)) {
		err = fmt.Errorf("%s answered %s: %.200s", r.URL.Path, response.Status, text)
	}
	return err
}

// post sends a form as a client that authenticates with client_secret_basic (RFC 6749 §2.3.1), and reads a JSON answer.
func (p *person) post(ctx context.Context, path string, as Credentials, form url.Values, answer any) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(as.ID), url.QueryEscape(as.Secret))
	response, err := p.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return 0, fmt.Errorf("%s answered %s: %w", path, response.Status, err)
	}
	return response.StatusCode, nil
}
