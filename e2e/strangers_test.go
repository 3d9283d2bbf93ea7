package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const callback = "https://app.example/callback/"

// authMethods are the client authentication methods that are tested with every program.
var authMethods = []string{"client_secret_basic", "client_secret_post", "none"}

// program is an application in another language. It prints an authorization URL, reads the redirect, and prints the result as JSON.
type program []string

// programs are the applications in other languages.
var programs = map[string]program{
	"openid-client": {"node", "node/connect.mjs"},
	// Debian's Python, even if another one is first in the path.
	"authlib": {"/usr/bin/python3", "python/connect.py"},
}

// outcome is the output of a program.
type outcome struct {
	Error       string
	Description string
	Me          me
	Claims      map[string]any
	Tokens      struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		Scope       string `json:"scope"`
		Team        string `json:"team"`
	}
}

// run runs the whole flow, with a person in the middle.
func (p program) run(h *house, client registered, method string, connect func(authorizationURL string) *url.URL) outcome {
	h.t.Helper()
	var got outcome
	p.talk(h, client, connect, &got, "AUTH_METHOD="+method)
	return got
}

// talk runs a program as a client, with additional environment variables, and decodes its final output. In between, the program prints an authorization URL
// and reads the redirect. For a program that needs no person, connect is nil.
func (p program) talk(h *house, client registered, connect func(authorizationURL string) *url.URL, result any, vars ...string) {
	h.t.Helper()
	h.ok(watch(filepath.Dir(p[1])))
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p[0], p[1:]...)
	cmd.Env = append(append(os.Environ(), "ISSUER="+h.url, "API="+h.url,
		"CLIENT_ID="+client.id, "CLIENT_SECRET="+client.secret, "REDIRECT_URI="+client.redirectURI, "NO_PROXY=127.0.0.1"), vars...)
	cmd.Stderr = h.t.Output()
	stdin, err := cmd.StdinPipe()
	h.ok(err)
	stdout, err := cmd.StdoutPipe()
	h.ok(err)
	h.ok(cmd.Start())
	output := bufio.NewReader(stdout)
	if connect != nil {
		line, err := output.ReadString('\n')
		if err != nil {
			h.t.Fatalf("%s printed no authorization URL: %v; if it lacks something, run scripts/setup", p, errors.Join(err, cmd.Wait()))
		}
		_, err = io.WriteString(stdin, connect(strings.TrimSpace(line)).String()+"\n")
		h.ok(err)
	}
	h.ok(stdin.Close())
	rest, err := io.ReadAll(output)
	h.ok(errors.Join(err, cmd.Wait()))
	if err := json.Unmarshal(rest, result); err != nil {
		h.t.Fatalf("%s printed %q: %v", p, rest, err)
	}
}

func TestStrangersGetToken(t *testing.T) {
	house := newHouse(t)
	for name, p := range programs {
		for _, method := range authMethods {
			t.Run(name+"/"+method, func(t *testing.T) {
				h := house.in(t)
				client := h.register(callback, method == "none")
				got := p.run(h, client, method, h.person().connect)
				if got.Error != "" {
					t.Fatalf("%s: %s", got.Error, got.Description)
				}
				if got.Tokens.Team != "acme" || got.Tokens.Scope != "chatbot:read session:read" || got.Tokens.AccessToken == "" {
					t.Errorf("got the tokens %+v", got.Tokens)
				}
				if want := (me{Team: "acme", ClientID: client.id, Scopes: []string{"chatbot:read", "session:read"}}); !reflect.DeepEqual(got.Me, want) {
					t.Errorf("/api/me/ says %+v, want %+v", got.Me, want)
				}
				if name == "authlib" && (got.Claims["team"] != "acme" || got.Claims["client_id"] != client.id) {
					t.Errorf("verified the claims %v", got.Claims)
				}
			})
		}
	}
}

// With Authlib, the application itself must check for an error before it requests a token.
func TestOpenIDClientUnderstandsCancel(t *testing.T) {
	h := newHouse(t)
	ann := h.person()
	ann.decision = "cancel"
	got := programs["openid-client"].run(h, h.register(callback, false), "client_secret_basic", ann.connect)
	if got.Error != "access_denied" || got.Description == "" {
		t.Errorf("got %+v, want access_denied with a description", got)
	}
}

func TestStrangersUnderstandWrongSecret(t *testing.T) {
	house := newHouse(t)
	for name, p := range programs {
		t.Run(name, func(t *testing.T) {
			h := house.in(t)
			client := h.register(callback, false)
			client.secret = "wrong"
			got := p.run(h, client, "client_secret_post", h.person().connect)
			if got.Error != "invalid_client" || got.Description == "" {
				t.Errorf("got %+v, want invalid_client with a description", got)
			}
		})
	}
}

// openid-client compares iss because our metadata says that it is sent (RFC 9207 §2.4), so it notices a mix-up.
func TestOpenIDClientNoticesAnotherIssuer(t *testing.T) {
	house := newHouse(t)
	for name, alter := range map[string]func(url.Values){
		"other":   func(q url.Values) { q.Set("iss", "https://attacker.example") },
		"missing": func(q url.Values) { q.Del("iss") },
	} {
		t.Run(name, func(t *testing.T) {
			h := house.in(t)
			got := programs["openid-client"].run(h, h.register(callback, false), "client_secret_basic", func(authorizationURL string) *url.URL {
				answer := h.person().connect(authorizationURL)
				query := answer.Query()
				alter(query)
				answer.RawQuery = query.Encode()
				return answer
			})
			if !strings.Contains(got.Description, "iss") || got.Tokens.AccessToken != "" {
				t.Errorf("got %+v, want a complaint about iss", got)
			}
		})
	}
}

// oauth2Config is the configuration from golang.org/x/oauth2's documentation.
func (h *house) oauth2Config(client registered, style oauth2.AuthStyle) *oauth2.Config {
	return &oauth2.Config{
		ClientID: client.id, ClientSecret: client.secret, RedirectURL: client.redirectURI, Scopes: []string{"chatbot:read"},
		Endpoint: oauth2.Endpoint{AuthURL: h.url + "/o/authorize/", TokenURL: h.url + "/o/token/", AuthStyle: style},
	}
}

func TestOAuth2PackageGetsToken(t *testing.T) {
	house := newHouse(t)
	for name, tt := range map[string]struct {
		style  oauth2.AuthStyle
		public bool
	}{
		"header":     {oauth2.AuthStyleInHeader, false},
		"params":     {oauth2.AuthStyleInParams, false},
		"autodetect": {oauth2.AuthStyleAutoDetect, false},
		"public":     {oauth2.AuthStyleInParams, true},
		// The library uses Basic with an empty secret.
		"public autodetect": {oauth2.AuthStyleAutoDetect, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := house.in(t)
			config := h.oauth2Config(h.register(callback, tt.public), tt.style)
			verifier := oauth2.GenerateVerifier()
			answer := h.person().connect(config.AuthCodeURL("st&te", oauth2.S256ChallengeOption(verifier)))
			if state := parameter(answer, "state"); state != "st&te" {
				t.Errorf("state %q, want %q", state, "st&te")
			}
			token, err := config.Exchange(t.Context(), parameter(answer, "code"), oauth2.VerifierOption(verifier))
			h.ok(err)
			if !token.Valid() || token.Type() != "Bearer" || token.Extra("team") != "acme" || token.Extra("scope") != "chatbot:read" || token.RefreshToken == "" {
				t.Errorf("got %s for %v in %v until %v", token.Type(), token.Extra("scope"), token.Extra("team"), token.Expiry)
			}
			response, err := config.Client(t.Context(), token).Get(h.url + "/api/chatbots/")
			h.ok(err)
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("/api/chatbots/ answers %s", response.Status)
			}
		})
	}
}

func TestOAuth2PackageUnderstandsRefusal(t *testing.T) {
	h := newHouse(t)
	config := h.oauth2Config(h.register(callback, false), oauth2.AuthStyleInHeader)
	answer := h.person().connect(config.AuthCodeURL("s", oauth2.S256ChallengeOption(oauth2.GenerateVerifier())))
	_, err := config.Exchange(t.Context(), parameter(answer, "code"), oauth2.VerifierOption(oauth2.GenerateVerifier()))
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || refused.ErrorCode != "invalid_grant" || refused.ErrorDescription == "" {
		t.Errorf("got %v, want invalid_grant with a description", err)
	}
}

// An API needs only the published keys and the claims to check a token.
func TestRemoteKeySetVerifiesAccessToken(t *testing.T) {
	h := newHouse(t)
	client := h.register(callback, false)
	config := h.oauth2Config(client, oauth2.AuthStyleInHeader)
	verifier := oauth2.GenerateVerifier()
	answer := h.person().connect(config.AuthCodeURL("s", oauth2.S256ChallengeOption(verifier)))
	issued, err := config.Exchange(t.Context(), parameter(answer, "code"), oauth2.VerifierOption(verifier))
	h.ok(err)

	keys := oidc.NewRemoteKeySet(t.Context(), h.url+"/.well-known/jwks.json")
	verify := oidc.NewVerifier(h.url, keys, &oidc.Config{ClientID: h.url, SupportedSigningAlgs: []string{oidc.ES256}}).Verify
	verified, err := verify(t.Context(), issued.AccessToken)
	h.ok(err)
	var claims struct {
		ClientID string `json:"client_id"`
		Scope    string `json:"scope"`
		Team     string `json:"team"`
	}
	h.ok(verified.Claims(&claims))
	if claims.ClientID != client.id || claims.Scope != "chatbot:read" || claims.Team != "acme" || verified.Subject == "" {
		t.Errorf("verified %+v of %q", claims, verified.Subject)
	}
	parts := strings.Split(issued.AccessToken, ".")
	parts[1] = strings.ToLower(parts[1])
	if _, err := keys.VerifySignature(t.Context(), strings.Join(parts, ".")); err == nil {
		t.Error("an altered token is verified")
	}
}
