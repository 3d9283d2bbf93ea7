package webtest

import (
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Browser is a browser with its cookies. It follows no redirect by itself.
type Browser struct {
	*House
	Client *http.Client
	base   string
}

func (h *House) Browser() *Browser { return h.BrowserAt(h.Server.URL) }

func (h *House) BrowserAt(base string) *Browser {
	jar, err := cookiejar.New(nil)
	h.OK(err)
	client := &http.Client{
		Jar: jar, Transport: h.Server.Client().Transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Browser{House: h, Client: client, base: base}
}

// SignedIn is a browser at which somebody has signed in.
func (h *House) SignedIn(email string) *Browser {
	h.Helper()
	b := h.Browser()
	b.SignIn(email, nil).WantStatus(http.StatusSeeOther)
	return b
}

// Answer is what a request got.
type Answer struct {
	*House
	Browser *Browser
	Request *http.Request
	Status  int
	Header  http.Header
	Body    string
}

func (b *Browser) Do(method, target, body string, headers ...string) *Answer {
	b.Helper()
	if !strings.HasPrefix(target, "http") {
		target = b.base + target
	}
	r, err := http.NewRequestWithContext(b.Context(), method, target, strings.NewReader(body))
	b.OK(err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := b.Client.Do(r)
	b.OK(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	b.OK(err)
	return &Answer{House: b.House, Browser: b, Request: r, Status: response.StatusCode, Header: response.Header, Body: string(text)}
}

func (b *Browser) Get(target string, headers ...string) *Answer {
	b.Helper()
	return b.Do(http.MethodGet, target, "", headers...)
}

func (b *Browser) Post(target string, form url.Values, headers ...string) *Answer {
	b.Helper()
	return b.Do(http.MethodPost, target, form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// SignIn posts the sign-in form; more are the form's other fields.
func (b *Browser) SignIn(email string, more url.Values) *Answer {
	b.Helper()
	form := url.Values{"email": {email}, "password": {Password}}
	maps.Copy(form, more)
	return b.Post("/login/", form)
}

// Parameters is a good authorization request of a client, with changes: name, value, name, value. An empty value takes the parameter out.
func Parameters(client App, changes ...string) url.Values {
	values := url.Values{
		"response_type": {"code"}, "client_id": {string(client.ID)}, "redirect_uri": {client.RedirectURI}, "state": {"st&te"},
		"code_challenge": {Challenge}, "code_challenge_method": {"S256"}, "scope": {"chatbot:read session:read"},
	}
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			values.Del(changes[i])
		}
	}
	return values
}

// Authorize sends the person with an authorization request.
func (b *Browser) Authorize(client App, changes ...string) *Answer {
	b.Helper()
	return b.Get("/o/authorize/?" + Parameters(client, changes...).Encode())
}

// Follow goes where the server sends the browser, as long as that is the server itself.
func (a *Answer) Follow() *Answer {
	a.Helper()
	for a.Status == http.StatusSeeOther && strings.HasPrefix(a.Location(), "/") {
		a = a.Browser.Get(a.Location())
	}
	return a
}

func (a *Answer) Location() string { return a.Header.Get("Location") }

var sealedField = regexp.MustCompile(`name="request" value="([^"]*)"`)

// Sealed is the pending request in the page's form.
func (a *Answer) Sealed() string {
	a.Helper()
	match := sealedField.FindStringSubmatch(a.Body)
	if match == nil {
		a.Fatalf("no pending request in this page (status %d):\n%s", a.Status, ShownTo(a.Body))
	}
	return html.UnescapeString(match[1])
}

// Decide presses a button of the page.
func (a *Answer) Decide(decision string, chosen team.ID) *Answer {
	a.Helper()
	return a.Browser.Post("/o/consent/", url.Values{"request": {a.Sealed()}, "team": {string(chosen)}, "decision": {decision}})
}

func (a *Answer) WantStatus(want int) *Answer {
	a.Helper()
	if a.Status != want {
		a.Fatalf("%s %s: status %d, want %d; Location %q; it says:\n%s", a.Request.Method, a.Request.URL.Path, a.Status, want, a.Location(), ShownTo(a.Body))
	}
	return a
}

// WantPage checks a page's status and that it says something.
func (a *Answer) WantPage(status int, says ...string) *Answer {
	a.Helper()
	a.WantStatus(status)
	if kind := a.Header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
		a.Errorf("Content-Type %q, want a page", kind)
	}
	for _, want := range says {
		if !strings.Contains(html.UnescapeString(a.Body), want) {
			a.Errorf("the page does not say %q:\n%s", want, ShownTo(a.Body))
		}
	}
	return a
}

// WantNothingOf checks that the page does not contain something.
func (a *Answer) WantNothingOf(secrets ...string) *Answer {
	a.Helper()
	for _, secret := range secrets {
		if strings.Contains(html.UnescapeString(a.Body), secret) {
			a.Errorf("the page contains %q:\n%s", secret, ShownTo(a.Body))
		}
	}
	return a
}

// WantConsent checks that this is a consent page.
func (a *Answer) WantConsent() *Answer {
	a.Helper()
	return a.WantPage(http.StatusOK, `value="authorize"`, `value="cancel"`)
}

// WantSignIn checks that this sends to the sign-in page, and is that page.
func (a *Answer) WantSignIn() *Answer {
	a.Helper()
	a.WantStatus(http.StatusSeeOther)
	if !strings.HasPrefix(a.Location(), "/login/?request=") {
		a.Fatalf("Location %q, want the sign-in page", a.Location())
	}
	return a.Follow().WantPage(http.StatusOK, `name="password"`)
}

// WantRedirect checks a redirect to the client and returns its parameters. state and iss have to be there.
func (a *Answer) WantRedirect(redirectURI string) url.Values {
	a.Helper()
	a.WantStatus(http.StatusSeeOther)
	rest, ok := strings.CutPrefix(a.Location(), redirectURI)
	if !ok || rest == "" || rest[0] != '?' && rest[0] != '&' {
		a.Fatalf("Location %q, want %q and an answer", a.Location(), redirectURI)
	}
	values, err := url.ParseQuery(rest[1:])
	a.OK(err)
	if values.Get("state") != "st&te" || values.Get("iss") != a.Parts.Issuer {
		a.Errorf("state %q and iss %q, want %q and %q", values.Get("state"), values.Get("iss"), "st&te", a.Parts.Issuer)
	}
	if cache := a.Header.Get("Cache-Control"); cache != "no-store" {
		a.Errorf("Cache-Control %q, want no-store", cache)
	}
	return values
}

// WantCode is the code that the redirect carries.
func (a *Answer) WantCode(redirectURI string) string {
	a.Helper()
	values := a.WantRedirect(redirectURI)
	if values.Get("code") == "" || values.Has("error") {
		a.Fatalf("Location %q, want a code", a.Location())
	}
	return values.Get("code")
}

// WantError checks the error that the redirect carries, and that it teaches.
func (a *Answer) WantError(redirectURI, want string) string {
	a.Helper()
	values := a.WantRedirect(redirectURI)
	description := values.Get("error_description")
	if values.Get("error") != want || values.Has("code") || description == "" {
		a.Errorf("Location %q, want error %q with a description", a.Location(), want)
	}
	return description
}

// WantJSON checks an error response of RFC 6749 §5.2.
func (a *Answer) WantJSON(status int, code string) string {
	a.Helper()
	a.WantStatus(status)
	var body map[string]string
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil {
		a.Fatalf("the body is no JSON of texts: %v: %s", err, a.Body)
	}
	if body["error"] != code || body["error_description"] == "" {
		a.Errorf("the answer is %s, want %q with a description", a.Body, code)
	}
	if kind := a.Header.Get("Content-Type"); kind != "application/json" {
		a.Errorf("Content-Type %q, want application/json", kind)
	}
	if cache := a.Header.Get("Cache-Control"); cache != "no-store" {
		a.Errorf("Cache-Control %q, want no-store", cache)
	}
	return body["error_description"]
}

// Connect is a code for a client: somebody who is signed in at b agrees, in a team.
func (b *Browser) Connect(client App, in team.Team, changes ...string) string {
	b.Helper()
	page := b.Authorize(client, append([]string{"prompt", "consent"}, changes...)...).WantConsent()
	return page.Decide("authorize", in.ID).WantCode(client.RedirectURI)
}

// TokenRequest is a good token request of a client, with changes as for parameters. A confidential client authenticates in the body.
func TokenRequest(client App, code string, changes ...string) url.Values {
	values := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {client.RedirectURI}, "code_verifier": {Verifier},
		"client_id": {string(client.ID)},
	}
	if client.Secret != "" {
		values.Set("client_secret", client.Secret)
	}
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			values.Del(changes[i])
		}
	}
	return values
}

// Program is a client of the token endpoint: a browser without anybody at it.
func (h *House) Program() *Browser { return h.Browser() }

// Redeem sends a token request.
func (h *House) Redeem(client App, code string, changes ...string) *Answer {
	h.Helper()
	return h.Program().Post("/o/token/", TokenRequest(client, code, changes...))
}

// Tokens is a successful answer of the token endpoint.
type Tokens struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope"`
	Team        string `json:"team"`

	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
}

// WantTokens checks a successful answer of the token endpoint.
func (a *Answer) WantTokens() Tokens {
	a.Helper()
	return a.WantTokensOfType("Bearer")
}

func (a *Answer) WantTokensOfType(kind string) Tokens {
	a.Helper()
	a.WantStatus(http.StatusOK)
	var got Tokens
	decoder := json.NewDecoder(strings.NewReader(a.Body))
	decoder.DisallowUnknownFields()
	a.OK(decoder.Decode(&got))
	if got.AccessToken == "" || got.TokenType != kind || got.ExpiresIn != 3600 {
		a.Errorf("the answer is %+v, want a %s token for an hour", got, kind)
	}
	if asked := slices.Contains(strings.Fields(got.Scope), "openid"); asked != (got.IDToken != "") {
		a.Errorf("the scope is %q, and id_token is %q", got.Scope, got.IDToken)
	}
	if cache := a.Header.Get("Cache-Control"); cache != "no-store" {
		a.Errorf("Cache-Control %q, want no-store", cache)
	}
	return got
}
