package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/examples/chatapi/api"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

const (
	authorizationErrors = "When authorization fails"
	exchangeErrors      = "When the exchange fails"
	callErrors          = "When a call of the API fails"
)

// errorRows returns the rows of a table of the guide: "error", or "status error", with "none" if there is no code.
func errorRows(guide document, heading string) []string {
	var rows []string
	for _, cells := range guide.table(heading) {
		if heading == authorizationErrors {
			rows = append(rows, codes(cells[0])...)
			continue
		}
		rows = append(rows, cells[0]+" "+strings.Trim(cells[1], "`"))
	}
	return rows
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636, Appendix B

// request returns a valid authorization request with changes: name, value. An empty value removes the parameter.
func request(client registered, changes ...string) url.Values {
	return changed(url.Values{
		"response_type": {"code"}, "client_id": {client.id}, "redirect_uri": {client.redirectURI}, "state": {"st"}, "scope": {"chatbot:read"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {oauth.MethodS256},
	}, changes)
}

// exchange returns a valid token request with changes.
func exchange(client registered, code string, changes ...string) url.Values {
	return changed(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {client.redirectURI}, "code_verifier": {verifier},
		"client_id": {client.id}, "client_secret": {client.secret},
	}, changes)
}

func changed(values url.Values, changes []string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			values.Del(changes[i])
		}
	}
	return values
}

func (h *house) authorizeURL(v url.Values) string { return h.url + "/o/authorize/?" + v.Encode() }

// machine returns a machine client, which may not use the authorization code grant. Registration gives such a client no redirect URI; this test adds one, so that
// there is an address for the error.
func (h *house) machine() registered {
	h.t.Helper()
	acme, err := h.Store.TeamBySlug(h.t.Context(), "acme")
	h.ok(err)
	machine, secret, err := h.Registry.AddClient(h.t.Context(), team.CommandLine, client.Registration{Name: "Machine", Machine: true, Team: acme})
	h.ok(err)
	_, err = h.Store.UpdateClient(h.t.Context(), machine.ID, func(c client.Client) (client.Client, error) {
		c.RedirectURIs = []string{callback}
		return c, nil
	})
	h.ok(err)
	return registered{string(machine.ID), secret.Reveal(), callback}
}

// answeredByRedirect provokes every error that a redirect URI can receive.
func answeredByRedirect(h *house) []string {
	client, ann := h.register(callback, false), h.person()
	var answered []string
	receive := func(p *person, v url.Values) {
		answer := p.connect(h.authorizeURL(v))
		if parameter(answer, "state") != "st" || parameter(answer, "iss") != h.url || parameter(answer, "error_description") == "" {
			h.t.Errorf("the answer lacks state, iss or error_description: %s", answer)
		}
		answered = append(answered, parameter(answer, "error"))
	}
	receive(ann, request(client, "prompt", "none"))
	ann.decision = "cancel"
	receive(ann, request(client))
	receive(ann, request(client, "prompt", "none"))
	receive(ann, request(client, "prompt", "none", "team", "acme"))
	receive(ann, request(client, "code_challenge", ""))
	receive(ann, request(client, "response_type", "token"))
	receive(ann, request(client, "scope", "chatbot:rule"))
	receive(ann, request(client, "request", "e30.e30."))
	receive(ann, request(client, "request_uri", "https://app.example/request"))
	receive(ann, request(client, "resource", "https://elsewhere.example"))
	receive(ann, request(h.machine()))
	receive(ann, url.Values{"client_id": {client.id}, "request_uri": {h.pushedLongAgo(client)}})
	receive(ann, request(client, "acr_values", "urn:gatehouse:phr")) // there are no passkeys for an IP address
	_, err := h.Team.RequireSecondFactor(h.t.Context(), team.CommandLine, "acme", true)
	h.ok(err)
	receive(ann, request(client, "prompt", "none", "team", "acme"))
	return answered
}

// pushedLongAgo returns an expired request_uri. A server on the same database, whose clock is two minutes behind, made it.
func (h *house) pushedLongAgo(client registered) string {
	h.t.Helper()
	behind, err := app.Open(h.t.Context(), h.Config, app.Deps{Now: func() time.Time { return time.Now().Add(-2 * time.Minute) }})
	h.ok(err)
	defer behind.Close()
	form := request(client, "client_secret", client.secret)
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodPost, "/o/par/", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	behind.Handler().ServeHTTP(w, r)
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	h.ok(json.NewDecoder(w.Body).Decode(&pushed))
	return pushed.RequestURI
}

// post sends a token request and returns its status and error in the form of errorRows.
func (h *house) post(form string, more ...func(*http.Request)) string {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.url+"/o/token/", strings.NewReader(form))
	h.ok(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, change := range more {
		change(r)
	}
	response, err := h.server.Client().Do(r)
	h.ok(err)
	defer response.Body.Close()
	var body struct {
		Error       string
		Description string `json:"error_description"`
	}
	h.ok(json.NewDecoder(response.Body).Decode(&body))
	if body.Description == "" {
		h.t.Errorf("%d %s has no description", response.StatusCode, body.Error)
	}
	if body.Error == "temporarily_unavailable" && response.Header.Get("Retry-After") == "" {
		h.t.Errorf("%d has no Retry-After", response.StatusCode)
	}
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("X-Request-Id") == "" {
		h.t.Error("503 has no X-Request-Id")
	}
	return fmt.Sprint(response.StatusCode, " ", body.Error)
}

// answeredToExchange provokes every error of the token endpoint. The house allows one wrong secret. At the end its database is closed.
func answeredToExchange(h *house) []string {
	client := h.register(callback, false)
	wrong := exchange(client, "c", "client_secret", "wrong").Encode()
	answered := []string{
		h.post(exchange(client, "c", "code_verifier", "too short").Encode()),
		h.post(exchange(client, "c").Encode()),
		h.post(exchange(client, "c", "grant_type", "password").Encode()),
		h.post(exchange(h.machine(), "c").Encode()),
		h.post(h.byMachine("scope", "chatbot:rule")),
		h.post(h.byMachine("resource", "https://elsewhere.example")),
		h.post(exchange(client, "c").Encode(), func(r *http.Request) { r.Header.Set("DPoP", "x") }),
		h.post(exchange(client, "c").Encode(), h.proofWithoutNonce),
		h.post("", func(r *http.Request) { r.Method = http.MethodGet }),
		h.post("code=" + strings.Repeat("c", 64<<10)),
		h.post(wrong),
		h.post(wrong),
	}
	h.ok(h.Store.Close())
	return append(answered, h.post(exchange(client, "c").Encode()))
}

// accessToken returns a token for a team.
func (h *house) accessToken(team, scope string) string {
	h.t.Helper()
	client, ann := h.register(callback, false), h.person()
	ann.team = team
	answer := ann.connect(h.authorizeURL(request(client, "scope", scope)))
	response, err := h.server.Client().PostForm(h.url+"/o/token/", exchange(client, parameter(answer, "code")))
	h.ok(err)
	defer response.Body.Close()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	h.ok(json.NewDecoder(response.Body).Decode(&body))
	return body.AccessToken
}

var bearerError = regexp.MustCompile(`^Bearer realm="[^"]*"(?:.*, error="([^"]*)".*)?`)

// answeredToCalls provokes every error of the API.
func answeredToCalls(h *house) []string {
	var answered []string
	receive := func(url, accessToken string) {
		r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, url, nil)
		h.ok(err)
		if accessToken != "" {
			r.Header.Set("Authorization", "Bearer "+accessToken)
		}
		response, err := h.server.Client().Do(r)
		h.ok(err)
		defer response.Body.Close()
		challenge, code := response.Header.Get("WWW-Authenticate"), ""
		if challenge != "" {
			code = "none"
			if m := bearerError.FindStringSubmatch(challenge); m[1] != "" {
				code = m[1]
			}
		}
		answered = append(answered, fmt.Sprint(response.StatusCode, " ", code))
	}
	acme, harbour := h.accessToken("acme", "chatbot:read"), h.accessToken("harbour", "chatbot:read")
	var chatbots struct{ Results []struct{ ID string } }
	if h.call("/api/chatbots/", acme, &chatbots); len(chatbots.Results) == 0 {
		h.t.Fatal("acme has no chatbots")
	}
	receive(h.url+"/api/chatbots/", "")
	receive(h.url+"/api/chatbots/", acme+"x")
	receive(h.url+"/api/chatbots/?access_token="+acme, "")
	receive(h.url+"/api/sessions/", acme)
	receive(h.url+"/api/chatbots/"+chatbots.Results[0].ID+"/", harbour)
	receive(h.orphan()+"/api/chatbots/", acme)
	receive(h.strict()+"/api/chatbots/", acme)
	return answered
}

// byMachine returns a token request of a machine client.
func (h *house) byMachine(changes ...string) string {
	machine := h.machine()
	return changed(url.Values{"grant_type": {"client_credentials"}, "client_id": {machine.id}, "client_secret": {machine.secret}}, changes).Encode()
}

// proofWithoutNonce adds a DPoP proof that is valid except for the missing nonce.
func (h *house) proofWithoutNonce(r *http.Request) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.ok(err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
	h.ok(err)
	proof, err := jwt.Signed(signer).Claims(map[string]any{
		"jti": rand.Text(), "htm": r.Method, "htu": r.URL.String(), "iat": time.Now().Unix(),
	}).Serialize()
	h.ok(err)
	r.Header.Set("DPoP", proof)
}

// strict returns the URL of an API that requires a sign-in at this very moment.
func (h *house) strict() string {
	h.t.Helper()
	guard, err := resourceserver.New(h.t.Context(), h.url, resourceserver.Options{Now: func() time.Time { return time.Now().Add(time.Minute) }})
	h.ok(err)
	fresh := guard.RequireFresh(resourceserver.SignIn{MaxAge: time.Second}, "chatbot:read")
	server := httptest.NewServer(fresh(http.NotFoundHandler()))
	h.t.Cleanup(server.Close)
	return server.URL
}

// orphan returns the URL of an API whose authorization server does not respond.
func (h *house) orphan() string {
	h.t.Helper()
	const nobody = "http://127.0.0.1:1"
	guard, err := resourceserver.New(h.t.Context(), nobody, resourceserver.Options{Log: slog.New(slog.DiscardHandler)})
	h.ok(err)
	server := httptest.NewServer(api.New(api.Config{Issuer: nobody, PublicURL: nobody, Guard: guard}))
	h.t.Cleanup(server.Close)
	return server.URL
}

func TestGuideListsEveryErrorThatIsAnswered(t *testing.T) {
	guide := readGuide(t)
	for heading, answers := range map[string]func(*house) []string{
		authorizationErrors: answeredByRedirect, exchangeErrors: answeredToExchange, callErrors: answeredToCalls,
	} {
		t.Run(heading, func(t *testing.T) {
			h := newHouse(t, func(cfg *config.Config) { cfg.ClientFailures = 1 })
			listed, answered := errorRows(guide, heading), answers(h)
			for _, e := range listed {
				if !slices.Contains(answered, e) {
					t.Errorf("the guide lists %q, which was not answered", e)
				}
			}
			for _, e := range answered {
				if !slices.Contains(listed, e) {
					t.Errorf("%q was answered, and the guide does not list it", e)
				}
			}
		})
	}
}

func TestGuideListsEveryErrorCodeThereIs(t *testing.T) {
	guide := readGuide(t)
	listed := codes(guide.section(authorizationErrors)) // the text above the table names the errors that are shown on a page
	for _, heading := range []string{authorizationErrors, exchangeErrors, callErrors} {
		for _, row := range errorRows(guide, heading) {
			listed = append(listed, row[strings.LastIndex(row, " ")+1:])
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "../internal/oauth/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			count++
			if code := strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`); !slices.Contains(listed, code) {
				t.Errorf("the guide does not list %s", code)
			}
		}
		return true
	})
	if count < 10 {
		t.Errorf("only %d codes were found: the test looks in the wrong place", count)
	}
}

func TestGuideListsAuthorizationParameters(t *testing.T) {
	guide, h := readGuide(t), newHouse(t)
	client, ann := h.register(callback, false), h.person()
	ann.connect(h.authorizeURL(request(client))) // signs in
	// A bad value for each parameter, and the expected error. Bad values of client_id and redirect_uri get a page.
	spoiled := map[string]struct{ value, want string }{
		"response_type":         {"token", "unsupported_response_type"},
		"client_id":             {"nobody", "page"},
		"redirect_uri":          {callback + "x", "page"},
		"code_challenge":        {"short", "invalid_request"},
		"code_challenge_method": {"plain", "invalid_request"},
		"state":                 {strings.Repeat("s", 4097), "invalid_request"},
		"scope":                 {"chatbot:rule", "invalid_scope"},
		"team":                  {"elsewhere", "access_denied"},
		"prompt":                {"maybe", "invalid_request"},
		"max_age":               {"young", "invalid_request"},
		"nonce":                 {strings.Repeat("n", 1025), "invalid_request"},
		"login_hint":            {strings.Repeat("h", 256), "invalid_request"},
		"id_token_hint":         {"e30.e30.", "invalid_request"},
		"acr_values":            {strings.Repeat("a", 1025), "invalid_request"},
		"resource":              {"https://elsewhere.example", "invalid_target"},
		"response_mode":         {"fragment", "invalid_request"},
		"dpop_jkt":              {"short", "invalid_request"},
	}
	var listed []string
	for _, cells := range guide.table("Step 2: Send the person to us") {
		name := strings.Trim(cells[0], "`")
		listed = append(listed, name)
		bad, known := spoiled[name]
		if !known {
			t.Errorf("the guide names %s, which this test does not know", name)
			continue
		}
		v := request(client, "prompt", "none")
		v.Set(name, bad.value)
		if got := outcomeOf(ann.send(http.MethodGet, h.authorizeURL(v), nil)); got != bad.want {
			t.Errorf("%s=%.20s: got %s, want %s", name, bad.value, got, bad.want)
		}
		if required := cells[1] == "yes"; required {
			v.Del(name)
			if got := outcomeOf(ann.send(http.MethodGet, h.authorizeURL(v), nil)); got != "page" && got != "invalid_request" {
				t.Errorf("without %s: got %s, want a refusal", name, got)
			}
		}
	}
	if len(listed) != len(spoiled) {
		t.Errorf("the guide lists %v, want all of %v", listed, slices.Sorted(maps.Keys(spoiled)))
	}
	longest := strings.Repeat("s", 4096)
	if answer := ann.connect(h.authorizeURL(request(client, "state", longest))); parameter(answer, "code") == "" || parameter(answer, "state") != longest {
		t.Errorf("a state of 4096 bytes led to %s", answer)
	}
}

// outcomeOf returns the error of a redirect, or "page".
func outcomeOf(response *http.Response) string {
	target, err := response.Location()
	if err != nil && response.StatusCode == http.StatusBadRequest {
		return "page"
	}
	if err != nil {
		return response.Status
	}
	return parameter(target, "error")
}

func TestGuideListsExchangeParameters(t *testing.T) {
	guide, h := readGuide(t), newHouse(t)
	client, ann := h.register(callback, false), h.person()
	code := parameter(ann.connect(h.authorizeURL(request(client))), "code")
	var listed []string
	for _, cells := range guide.table("Step 4: Exchange the code") {
		name := strings.Trim(cells[0], "`")
		listed = append(listed, name)
		want := "400 invalid_request"
		switch name {
		case "client_secret":
			want = "401 invalid_client"
		case "code_verifier":
			want = "400 invalid_grant"
		}
		if got := h.post(exchange(client, code, name, "").Encode()); got != want {
			t.Errorf("without %s: got %s, want %s", name, got, want)
		}
	}
	slices.Sort(listed)
	if all := slices.Sorted(maps.Keys(exchange(client, code))); !slices.Equal(listed, all) {
		t.Errorf("the guide lists %v, want %v", listed, all)
	}
	response, err := h.server.Client().PostForm(h.url+"/o/token/", exchange(client, code))
	h.ok(err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("with all of them: got %s, want 200: each refusal is to name its parameter and leave the code alone", response.Status)
	}
}
