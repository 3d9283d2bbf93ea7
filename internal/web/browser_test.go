package web_test

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

// browser is a browser with its cookies. It follows no redirect by itself.
type browser struct {
	*house
	client *http.Client
	base   string
}

func (h *house) browser() *browser { return h.browserAt(h.server.URL) }

func (h *house) browserAt(base string) *browser {
	jar, err := cookiejar.New(nil)
	h.ok(err)
	client := &http.Client{
		Jar: jar, Transport: h.server.Client().Transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &browser{house: h, client: client, base: base}
}

// signedIn is a browser at which somebody has signed in.
func (h *house) signedIn(email string) *browser {
	h.Helper()
	b := h.browser()
	b.signIn(email, nil).wantStatus(http.StatusSeeOther)
	return b
}

// answer is what a request got.
type answer struct {
	*house
	browser *browser
	request *http.Request
	status  int
	header  http.Header
	body    string
}

func (b *browser) do(method, target, body string, headers ...string) *answer {
	b.Helper()
	if !strings.HasPrefix(target, "http") {
		target = b.base + target
	}
	r, err := http.NewRequestWithContext(b.Context(), method, target, strings.NewReader(body))
	b.ok(err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := b.client.Do(r)
	b.ok(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	b.ok(err)
	return &answer{house: b.house, browser: b, request: r, status: response.StatusCode, header: response.Header, body: string(text)}
}

func (b *browser) get(target string, headers ...string) *answer {
	b.Helper()
	return b.do(http.MethodGet, target, "", headers...)
}

func (b *browser) post(target string, form url.Values, headers ...string) *answer {
	b.Helper()
	return b.do(http.MethodPost, target, form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// signIn posts the sign-in form; more are the form's other fields.
func (b *browser) signIn(email string, more url.Values) *answer {
	b.Helper()
	form := url.Values{"email": {email}, "password": {password}}
	maps.Copy(form, more)
	return b.post("/login/", form)
}

// parameters is a good authorization request of a client, with changes: name, value, name, value. An empty value takes the parameter out.
func parameters(client app, changes ...string) url.Values {
	values := url.Values{
		"response_type": {"code"}, "client_id": {string(client.ID)}, "redirect_uri": {client.redirectURI}, "state": {"st&te"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "scope": {"chatbot:read session:read"},
	}
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			values.Del(changes[i])
		}
	}
	return values
}

// authorize sends the person with an authorization request.
func (b *browser) authorize(client app, changes ...string) *answer {
	b.Helper()
	return b.get("/o/authorize/?" + parameters(client, changes...).Encode())
}

// follow goes where the server sends the browser, as long as that is the server itself.
func (a *answer) follow() *answer {
	a.Helper()
	for a.status == http.StatusSeeOther && strings.HasPrefix(a.location(), "/") {
		a = a.browser.get(a.location())
	}
	return a
}

func (a *answer) location() string { return a.header.Get("Location") }

var sealedField = regexp.MustCompile(`name="request" value="([^"]*)"`)

// sealed is the pending request in the page's form.
func (a *answer) sealed() string {
	a.Helper()
	match := sealedField.FindStringSubmatch(a.body)
	if match == nil {
		a.Fatalf("no pending request in this page (status %d):\n%s", a.status, shownTo(a.body))
	}
	return html.UnescapeString(match[1])
}

// decide presses a button of the page.
func (a *answer) decide(decision string, chosen team.ID) *answer {
	a.Helper()
	return a.browser.post("/o/consent/", url.Values{"request": {a.sealed()}, "team": {string(chosen)}, "decision": {decision}})
}

func (a *answer) wantStatus(want int) *answer {
	a.Helper()
	if a.status != want {
		a.Fatalf("%s %s: status %d, want %d; Location %q; it says:\n%s", a.request.Method, a.request.URL.Path, a.status, want, a.location(), shownTo(a.body))
	}
	return a
}

// wantPage checks a page's status and that it says something.
func (a *answer) wantPage(status int, says ...string) *answer {
	a.Helper()
	a.wantStatus(status)
	if kind := a.header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
		a.Errorf("Content-Type %q, want a page", kind)
	}
	for _, want := range says {
		if !strings.Contains(html.UnescapeString(a.body), want) {
			a.Errorf("the page does not say %q:\n%s", want, shownTo(a.body))
		}
	}
	return a
}

// wantNothingOf checks that the page does not contain something.
func (a *answer) wantNothingOf(secrets ...string) *answer {
	a.Helper()
	for _, secret := range secrets {
		if strings.Contains(html.UnescapeString(a.body), secret) {
			a.Errorf("the page contains %q:\n%s", secret, shownTo(a.body))
		}
	}
	return a
}

// wantConsent checks that this is a consent page.
func (a *answer) wantConsent() *answer {
	a.Helper()
	return a.wantPage(http.StatusOK, `value="authorize"`, `value="cancel"`)
}

// wantSignIn checks that this sends to the sign-in page, and is that page.
func (a *answer) wantSignIn() *answer {
	a.Helper()
	a.wantStatus(http.StatusSeeOther)
	if !strings.HasPrefix(a.location(), "/login/?request=") {
		a.Fatalf("Location %q, want the sign-in page", a.location())
	}
	return a.follow().wantPage(http.StatusOK, `name="password"`)
}

// wantRedirect checks a redirect to the client and returns its parameters. state and iss have to be there.
func (a *answer) wantRedirect(redirectURI string) url.Values {
	a.Helper()
	a.wantStatus(http.StatusSeeOther)
	rest, ok := strings.CutPrefix(a.location(), redirectURI)
	if !ok || rest == "" || rest[0] != '?' && rest[0] != '&' {
		a.Fatalf("Location %q, want %q and an answer", a.location(), redirectURI)
	}
	values, err := url.ParseQuery(rest[1:])
	a.ok(err)
	if values.Get("state") != "st&te" || values.Get("iss") != a.parts.Issuer {
		a.Errorf("state %q and iss %q, want %q and %q", values.Get("state"), values.Get("iss"), "st&te", a.parts.Issuer)
	}
	if cache := a.header.Get("Cache-Control"); cache != "no-store" {
		a.Errorf("Cache-Control %q, want no-store", cache)
	}
	return values
}

// wantCode is the code that the redirect carries.
func (a *answer) wantCode(redirectURI string) string {
	a.Helper()
	values := a.wantRedirect(redirectURI)
	if values.Get("code") == "" || values.Has("error") {
		a.Fatalf("Location %q, want a code", a.location())
	}
	return values.Get("code")
}

// wantError checks the error that the redirect carries, and that it teaches.
func (a *answer) wantError(redirectURI, want string) string {
	a.Helper()
	values := a.wantRedirect(redirectURI)
	description := values.Get("error_description")
	if values.Get("error") != want || values.Has("code") || description == "" {
		a.Errorf("Location %q, want error %q with a description", a.location(), want)
	}
	return description
}

// wantJSON checks an error response of RFC 6749 §5.2.
func (a *answer) wantJSON(status int, code string) string {
	a.Helper()
	a.wantStatus(status)
	var body map[string]string
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		a.Fatalf("the body is no JSON of texts: %v: %s", err, a.body)
	}
	if body["error"] != code || body["error_description"] == "" {
		a.Errorf("the answer is %s, want %q with a description", a.body, code)
	}
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		a.Errorf("Content-Type %q, want application/json", kind)
	}
	if cache := a.header.Get("Cache-Control"); cache != "no-store" {
		a.Errorf("Cache-Control %q, want no-store", cache)
	}
	return body["error_description"]
}

// connect is a code for a client: somebody who is signed in at b agrees, in a team.
func (b *browser) connect(client app, in team.Team, changes ...string) string {
	b.Helper()
	page := b.authorize(client, append([]string{"prompt", "consent"}, changes...)...).wantConsent()
	return page.decide("authorize", in.ID).wantCode(client.redirectURI)
}

// tokenRequest is a good token request of a client, with changes as for parameters. A confidential client authenticates in the body.
func tokenRequest(client app, code string, changes ...string) url.Values {
	values := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {client.redirectURI}, "code_verifier": {verifier},
		"client_id": {string(client.ID)},
	}
	if client.secret != "" {
		values.Set("client_secret", client.secret)
	}
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			values.Del(changes[i])
		}
	}
	return values
}

// program is a client of the token endpoint: a browser without anybody at it.
func (h *house) program() *browser { return h.browser() }

// redeem sends a token request.
func (h *house) redeem(client app, code string, changes ...string) *answer {
	h.Helper()
	return h.program().post("/o/token/", tokenRequest(client, code, changes...))
}

// tokens is a successful answer of the token endpoint.
type tokens struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope"`
	Team        string `json:"team"`

	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
}

// wantTokens checks a successful answer of the token endpoint.
func (a *answer) wantTokens() tokens {
	a.Helper()
	return a.wantTokensOfType("Bearer")
}

func (a *answer) wantTokensOfType(kind string) tokens {
	a.Helper()
	a.wantStatus(http.StatusOK)
	var got tokens
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	a.ok(decoder.Decode(&got))
	if got.AccessToken == "" || got.TokenType != kind || got.ExpiresIn != 3600 {
		a.Errorf("the answer is %+v, want a %s token for an hour", got, kind)
	}
	if asked := slices.Contains(strings.Fields(got.Scope), "openid"); asked != (got.IDToken != "") {
		a.Errorf("the scope is %q, and id_token is %q", got.Scope, got.IDToken)
	}
	if cache := a.header.Get("Cache-Control"); cache != "no-store" {
		a.Errorf("Cache-Control %q, want no-store", cache)
	}
	return got
}
