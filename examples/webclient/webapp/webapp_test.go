package webapp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/examples/webclient/webapp"
	"golang.org/x/oauth2"
)

const (
	issuer       = "https://id.example"
	clientSecret = "gh_cs_0123456789012345678901234567890123456789abc"
	code         = "gh_ac_KEYKEYKE.cccccccccccccccccccccccccccccccccccccc"
	accessToken  = "eyJhbGciOiJFUzI1NiJ9.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbb"
)

// browser is one browser, and the network behind the application.
type browser struct {
	app     http.Handler
	at      time.Time
	cookies []*http.Cookie

	mu     sync.Mutex
	sent   []*http.Request // to the authorization server and the API
	bodies []string
	answer func(*http.Request) (status int, body string)
}

func newBrowser(t *testing.T, change func(*webapp.Config)) *browser {
	t.Helper()
	b := &browser{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), answer: answers}
	cfg := webapp.Config{
		Name: "Fieldnotes", Issuer: issuer, ClientID: "c1", ClientSecret: clientSecret, RedirectURI: "https://app.example/callback",
		HTTPClient: &http.Client{Transport: b}, Now: func() time.Time { return b.at },
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if b.app, err = webapp.New(cfg); err != nil {
		t.Fatal(err)
	}
	return b
}

// answers returns the responses of a network in which everything works.
func answers(r *http.Request) (int, string) {
	switch r.URL.Path {
	case "/o/token/":
		return 200, fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":3600,"scope":"chatbot:read","team":"acme"}`, accessToken)
	case "/o/revoke_token/":
		return 200, ""
	case "/api/me/":
		return 200, `{"sub":"u1","team":"acme"}`
	case "/api/chatbots/":
		return 200, `{"results":[{"name":"<b>Front Desk</b>","description":"Answers."}]}`
	}
	return 404, `{"error":"not_found"}`
}

func (b *browser) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body := ""
	if r.Body != nil {
		raw, _ := io.ReadAll(r.Body)
		body = string(raw)
	}
	b.sent, b.bodies = append(b.sent, r), append(b.bodies, body)
	recorder := httptest.NewRecorder()
	status, text := b.answer(r)
	if status == 0 {
		return nil, io.ErrUnexpectedEOF // the response is lost
	}
	recorder.Header().Set("Content-Type", "application/json")
	recorder.WriteHeader(status)
	recorder.WriteString(text)
	return recorder.Result(), nil
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	recorder := httptest.NewRecorder()
	b.app.ServeHTTP(recorder, r)
	b.cookies = append(b.cookies, recorder.Result().Cookies()...)
	return recorder
}

func (b *browser) get(target string) *httptest.ResponseRecorder {
	return b.do(httptest.NewRequest(http.MethodGet, target, nil))
}

func (b *browser) post(target string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// connect starts a connection, and returns the parameters of the authorization request.
func (b *browser) connect(t *testing.T, form url.Values) url.Values {
	t.Helper()
	response := b.post("/connect", form)
	location, err := response.Result().Location()
	if err != nil || response.Code != http.StatusSeeOther || !strings.HasPrefix(location.String(), issuer+"/o/authorize/?") {
		t.Fatalf("got %d to %v, want 303 to the authorization endpoint", response.Code, location)
	}
	return location.Query()
}

func callback(parameters ...string) string {
	q := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		q.Add(parameters[i], parameters[i+1])
	}
	return "/callback?" + q.Encode()
}

func TestConnectAsksWithStateAndChallenge(t *testing.T) {
	b := newBrowser(t, nil)
	asked := b.connect(t, url.Values{"scope": {"chatbot:read", "session:read"}, "team": {" acme "}})
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "c1", "redirect_uri": "https://app.example/callback", "scope": "chatbot:read session:read", "team": "acme", "code_challenge_method": "S256",
	} {
		if got := asked.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	again := b.connect(t, url.Values{"scope": {"chatbot:read"}})
	if again.Has("team") || again.Get("state") == asked.Get("state") || again.Get("code_challenge") == asked.Get("code_challenge") || len(asked.Get("state")) < 22 {
		t.Errorf("got %v after %v, want another state and challenge, and no team", again, asked)
	}
	if c := b.cookies[0]; !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || len(b.cookies) != 1 || c.Name != "__Host-webclient_session" || c.Path != "/" || c.Domain != "" {
		t.Errorf("got the cookies %v, want one: __Host-, HttpOnly, Secure, Lax", b.cookies)
	}
}

func TestCodeIsExchangedWithItsVerifier(t *testing.T) {
	b := newBrowser(t, nil)
	asked := b.connect(t, url.Values{"scope": {"chatbot:read"}})
	response := b.get(callback("code", code, "state", asked.Get("state"), "iss", issuer))
	if response.Code != http.StatusSeeOther || !strings.HasPrefix(response.Header().Get("Location"), "/connections/") {
		t.Fatalf("got %d %s, want 303 to the connection", response.Code, response.Body)
	}
	form, _ := url.ParseQuery(b.bodies[0])
	if form.Get("grant_type") != "authorization_code" || form.Get("code") != code || form.Get("redirect_uri") != "https://app.example/callback" ||
		oauth2.S256ChallengeFromVerifier(form.Get("code_verifier")) != asked.Get("code_challenge") {
		t.Errorf("got %v, want the code with the verifier of its challenge", form)
	}
	if id, secret, _ := b.sent[0].BasicAuth(); id != "c1" || secret != clientSecret || form.Has("client_secret") {
		t.Errorf("got %q and %q, want the client's credentials in the header alone", id, secret)
	}
	page := b.get(response.Header().Get("Location")).Body.String()
	for _, want := range []string{"<strong>acme</strong>", "&lt;b&gt;Front Desk", "may not read sessions", issuer + "/o/token/", "grant_type=authorization_code"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for name, secret := range map[string]string{"client secret": clientSecret, "token": accessToken, "code": code, "verifier": form.Get("code_verifier"), "credentials": b.sent[0].Header.Get("Authorization")[6:]} {
		if strings.Contains(page, secret) || strings.Contains(page, url.QueryEscape(secret)) || strings.Contains(page, secret[len(secret)-12:]) {
			t.Errorf("the page shows the %s", name)
		}
	}
	if got := b.sent[len(b.sent)-1].Header.Get("Authorization"); got != "Bearer "+accessToken {
		t.Errorf("the API got %q, want the token", got)
	}
}

func TestPublicClientSendsNoSecret(t *testing.T) {
	b := newBrowser(t, func(c *webapp.Config) { c.ClientSecret = "" })
	asked := b.connect(t, nil)
	b.get(callback("code", code, "state", asked.Get("state"), "iss", issuer))
	form, _ := url.ParseQuery(b.bodies[0])
	if form.Get("client_id") != "c1" || form.Has("client_secret") || b.sent[0].Header.Get("Authorization") != "" {
		t.Errorf("got %v and %q, want the client id alone", form, b.sent[0].Header.Get("Authorization"))
	}
}

// A response that this browser does not expect is refused before any request is sent.
func TestAnswersThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(state string) string
		wants  string
	}{
		"another state":        {func(string) string { return callback("code", code, "state", "x", "iss", issuer) }, "no request of this browser"},
		"no state":             {func(string) string { return callback("code", code, "iss", issuer) }, "no request of this browser"},
		"another issuer":       {func(s string) string { return callback("code", code, "state", s, "iss", "https://evil.example") }, "not from"},
		"no issuer":            {func(s string) string { return callback("code", code, "state", s) }, "not from"},
		"issuer with a slash":  {func(s string) string { return callback("code", code, "state", s, "iss", issuer+"/") }, "not from"},
		"no code":              {func(s string) string { return callback("state", s, "iss", issuer) }, "no code"},
		"two codes":            {func(s string) string { return callback("code", code, "code", "x", "state", s, "iss", issuer) }, "twice"},
		"two issuers":          {func(s string) string { return callback("code", code, "state", s, "iss", issuer, "iss", "x") }, "twice"},
		"an error":             {func(s string) string { return callback("error", "access_denied", "state", s, "iss", issuer) }, "access_denied"},
		"an error with a code": {func(s string) string { return callback("error", "x", "code", code, "state", s, "iss", issuer) }, "x"},
		"a described error": {func(s string) string {
			return callback("error", "invalid_scope", "error_description", "<script>", "state", s, "iss", issuer)
		}, "invalid_scope: &lt;script&gt;"},
		"an error of another issuer": {func(s string) string {
			return callback("error", "access_denied", "state", s, "iss", "https://evil.example")
		}, "not from"},
	} {
		b := newBrowser(t, nil)
		state := b.connect(t, nil).Get("state")
		response := b.get(tt.answer(state))
		if response.Code != http.StatusBadRequest || !strings.Contains(response.Body.String(), tt.wants) {
			t.Errorf("%s: got %d %s, want 400 with %q", name, response.Code, response.Body, tt.wants)
		}
		if len(b.sent) != 0 {
			t.Errorf("%s: %v was asked", name, b.sent[0].URL)
		}
	}
}

func TestAnswerIsForOneBrowserOnceAndNotForEver(t *testing.T) {
	b := newBrowser(t, nil)
	answer := func() string { return callback("code", code, "state", b.connect(t, nil).Get("state"), "iss", issuer) }
	wantStatus := func(what string, response *httptest.ResponseRecorder, want int) {
		t.Helper()
		if response.Code != want {
			t.Errorf("%s: got %d, want %d", what, response.Code, want)
		}
	}
	first := answer()
	stranger := &browser{app: b.app}
	wantStatus("without the cookie", stranger.get(first), http.StatusBadRequest)
	stranger.connect(t, nil)
	wantStatus("in another browser", stranger.get(first), http.StatusBadRequest)
	wantStatus("in its own", b.get(first), http.StatusSeeOther)
	wantStatus("again", b.get(first), http.StatusBadRequest)
	late := answer()
	b.at = b.at.Add(time.Hour)
	wantStatus("an hour later", b.get(late), http.StatusBadRequest)
	oldest := answer()
	for range 5 {
		b.at = b.at.Add(time.Second)
		answer()
	}
	wantStatus("after five more began", b.get(oldest), http.StatusBadRequest)
}

func TestRefusedExchangeIsExplained(t *testing.T) {
	b := newBrowser(t, nil)
	b.answer = func(*http.Request) (int, string) {
		return 400, `{"error":"invalid_grant","error_description":"the code has expired"}`
	}
	response := b.get(callback("code", code, "state", b.connect(t, nil).Get("state"), "iss", issuer))
	if page := response.Body.String(); response.Code != http.StatusBadGateway || !strings.Contains(page, "invalid_grant: the code has expired") || strings.Contains(page, clientSecret) {
		t.Errorf("got %d %s, want 502 with what the server said", response.Code, page)
	}
}

func TestDeadTokenIsExplained(t *testing.T) {
	b := newBrowser(t, nil)
	response := b.get(callback("code", code, "state", b.connect(t, nil).Get("state"), "iss", issuer))
	b.answer = func(*http.Request) (int, string) {
		return 401, `{"error":"invalid_token","error_description":"the access token has expired"}`
	}
	if page := b.get(response.Header().Get("Location")).Body.String(); !strings.Contains(page, "connect the team again") {
		t.Errorf("the page does not say what to do:\n%s", page)
	}
}

func TestConnectionIsItsBrowsersAlone(t *testing.T) {
	b := newBrowser(t, nil)
	path := b.get(callback("code", code, "state", b.connect(t, nil).Get("state"), "iss", issuer)).Header().Get("Location")
	stranger := &browser{app: b.app}
	if response := stranger.get(path); response.Code != http.StatusNotFound {
		t.Errorf("another browser: got %d, want 404", response.Code)
	}
	stranger.post(path+"/disconnect", nil)
	if response := b.get(path); response.Code != http.StatusOK {
		t.Errorf("after another browser disconnected it: got %d, want 200", response.Code)
	}
	if home := b.get("/").Body.String(); !strings.Contains(home, path) {
		t.Error("the first page does not show the connection")
	}
	b.post(path+"/disconnect", nil)
	if response := b.get(path); response.Code != http.StatusNotFound {
		t.Errorf("disconnected: got %d, want 404", response.Code)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	b := newBrowser(t, nil)
	r := httptest.NewRequest(http.MethodPost, "/connect", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if response := b.do(r); response.Code != http.StatusForbidden {
		t.Errorf("got %d, want 403", response.Code)
	}
}

func TestPagesAreStrict(t *testing.T) {
	b := newBrowser(t, nil)
	for _, path := range []string{"/", "/callback", "/connections/x"} {
		response := b.get(path)
		policy := response.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "form-action") {
			t.Errorf("%s: got the policy %q", path, policy)
		}
		if response.Header().Get("Cache-Control") != "no-store" || strings.Contains(response.Body.String(), "style=") || strings.Contains(response.Body.String(), "<script") {
			t.Errorf("%s may be cached, or has something inline", path)
		}
	}
	if response := b.get("/static/app.css"); response.Code != http.StatusOK {
		t.Errorf("the style: got %d, want 200", response.Code)
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	for _, cfg := range []webapp.Config{
		{ClientID: "c1", RedirectURI: "https://app.example/callback"},
		{Issuer: issuer, RedirectURI: "https://app.example/callback"},
		{Issuer: issuer, ClientID: "c1"},
		{Issuer: issuer, ClientID: "c1", RedirectURI: "/callback"},
		{Issuer: issuer, ClientID: "c1", RedirectURI: "https://app.example/"},
	} {
		if _, err := webapp.New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}
