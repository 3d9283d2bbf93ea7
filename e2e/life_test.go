package e2e_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/go-jose/go-jose/v4"
)

// life is the output of a program that takes a connection from sign-in to revocation.
type life struct {
	Tokens struct {
		TokenType    string `json:"token_type"`
		RefreshToken string `json:"refresh_token"`
		Scope        string `json:"scope"`
		Team         string `json:"team"`
	}
	Me, Narrowed            me
	Claims, RefreshedClaims map[string]any
	UserInfo                map[string]any
	Rotated                 int // number of different refresh tokens
	Alive, Dead             map[string]any
	Refusal                 string // of the revoked refresh token
	Stolen                  string // the result of using a bound token without its key
	SignOut                 string // the URL for the browser
}

// registerAs registers an application.
func (h *house) registerAs(r client.Registration) registered {
	h.t.Helper()
	r.Name, r.Owner = "Stranger", "Strangers Ltd"
	if r.RedirectURIs == nil && !r.Machine && r.ResourceServer == "" {
		r.RedirectURIs = []string{callback}
	}
	client, secret, err := h.Registry.AddClient(h.t.Context(), team.CommandLine, r)
	h.ok(err)
	return registered{id: string(client.ID), secret: secret.Reveal(), redirectURI: callback}
}

// newClientKey makes a key for client authentication: the private half for the client, the public half to register.
func newClientKey(t *testing.T, algorithm string) (private, set string) {
	t.Helper()
	var key crypto.Signer
	var err error
	if algorithm == "RS256" {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	own := jose.JSONWebKey{Key: key, KeyID: "own-key", Algorithm: algorithm}
	return encode(own), encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{own.Public()}})
}

// lived checks what every OpenID Connect client must have got.
func (l life) lived(h *house, client registered) {
	h.t.Helper()
	if want := (me{Team: "acme", ClientID: client.id}); l.Me.Team != want.Team || l.Me.ClientID != want.ClientID {
		h.t.Errorf("/api/me/ says %+v, want %+v", l.Me, want)
	}
	for name, want := range map[string]any{"iss": h.url, "aud": client.id, "team": "acme", "acr": "urn:gatehouse:aal1", "amr": []any{"pwd"}} {
		if got := l.Claims[name]; !reflect.DeepEqual(got, want) {
			h.t.Errorf("the ID token says %s %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"sub", "auth_time", "sid", "team_id"} {
		if l.Claims[name] == nil || !reflect.DeepEqual(l.Claims[name], l.RefreshedClaims[name]) {
			h.t.Errorf("%s: the first ID token says %v, the refreshed one %v", name, l.Claims[name], l.RefreshedClaims[name])
		}
	}
	for name, want := range map[string]any{"sub": l.Claims["sub"], "name": "Ann Lee", "email": annEmail, "team": "acme"} {
		if got := l.UserInfo[name]; got != want {
			h.t.Errorf("userinfo says %s %v, want %v", name, got, want)
		}
	}
	if l.Alive["active"] != true || l.Alive["client_id"] != client.id || l.Alive["team"] != "acme" || l.Alive["sub"] != l.Claims["sub"] {
		h.t.Errorf("introspection of a live token says %v", l.Alive)
	}
	if want := map[string]any{"active": false}; !reflect.DeepEqual(l.Dead, want) {
		h.t.Errorf("introspection of a revoked token says %v, want %v", l.Dead, want)
	}
	if l.Refusal != "invalid_grant" {
		h.t.Errorf("the revoked refresh token is answered %q, want invalid_grant", l.Refusal)
	}
}

func TestOpenIDClientLivesAWholeLife(t *testing.T) {
	house := newHouse(t)
	for name, tt := range map[string]struct {
		key  string // the algorithm of private_key_jwt; "" means a client secret
		reg  client.Registration
		vars []string
	}{
		"secret":                     {"", client.Registration{}, nil},
		"ID tokens by ES256":         {"", client.Registration{IDTokenAlgorithm: "ES256"}, nil},
		"pushed":                     {"", client.Registration{RequirePAR: true}, []string{"PAR=1"}},
		"bound by ES256":             {"", client.Registration{RequireDPoP: true}, []string{"DPOP=ES256"}},
		"bound by Ed25519":           {"", client.Registration{RequireDPoP: true}, []string{"DPOP=Ed25519"}},
		"key ES256":                  {"ES256", client.Registration{}, nil},
		"key RS256, pushed, bound":   {"RS256", client.Registration{RequirePAR: true, RequireDPoP: true}, []string{"PAR=1", "DPOP=ES256"}},
		"key ES256, pushed, by RSA ": {"ES256", client.Registration{RequirePAR: true, RequireDPoP: true}, []string{"PAR=1", "DPOP=RS256"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := house.in(t)
			tt.reg.PostLogoutRedirectURIs = []string{"https://app.example/goodbye"}
			vars := tt.vars
			if tt.key != "" {
				private, set := newClientKey(t, tt.key)
				tt.reg.JWKS, vars = set, append(vars, "KEY="+private)
			}
			client, ann := h.registerAs(tt.reg), h.person()
			var got life
			program{"node", "node/life.mjs"}.talk(h, client, ann.connect, &got, vars...)
			got.lived(h, client)
			wantType := "bearer" // openid-client returns it in lower case
			if tt.reg.RequireDPoP {
				wantType = "dpop"
			}
			wantTokens := 3
			if tt.key != "" {
				wantTokens = 1 // not rotated: nobody can use it without the key
			}
			if got.Tokens.TokenType != wantType || got.Rotated != wantTokens {
				t.Errorf("got %s tokens, and %d refresh tokens; want %s and %d", got.Tokens.TokenType, got.Rotated, wantType, wantTokens)
			}
			if want := []string{"chatbot:read", "openid"}; !sameScopes(got.Narrowed.Scopes, want) {
				t.Errorf("the narrowed token has %v, want %v", got.Narrowed.Scopes, want)
			}
			goodbye := ann.goOn(ann.send(http.MethodGet, got.SignOut, nil))
			if goodbye.String() != "https://app.example/goodbye?state=so+long" && goodbye.String() != "https://app.example/goodbye?state=so%20long" {
				t.Errorf("signing out leads to %s", goodbye)
			}
			if page := ann.send(http.MethodGet, h.url+"/account/", nil); page.StatusCode == http.StatusOK {
				t.Error("Ann is signed in still")
			}
		})
	}
}

func sameScopes(a, b []string) bool {
	set := map[string]bool{}
	for _, s := range a {
		set[s] = true
	}
	for _, s := range b {
		if !set[s] {
			return false
		}
	}
	return len(a) == len(b)
}

func TestAuthlibLivesAWholeLife(t *testing.T) {
	house := newHouse(t)
	for _, algorithm := range []string{"", "ES256", "RS256"} {
		t.Run("key "+algorithm, func(t *testing.T) {
			h := house.in(t)
			var reg client.Registration
			var vars []string
			if algorithm != "" {
				private, set := newClientKey(t, algorithm)
				reg.JWKS, vars = set, append(vars, "KEY="+private)
				reg.InsecureAssertionAudience = true // Authlib names the token endpoint, as OpenID Connect Core §9 has it
			}
			client := h.registerAs(reg)
			var got life
			program{"/usr/bin/python3", "python/life.py"}.talk(h, client, h.person().connect, &got, vars...)
			got.lived(h, client)
			want := 2
			if algorithm != "" {
				want = 1 // not rotated: nobody can use it without the key
			}
			if got.Rotated != want {
				t.Errorf("got %d refresh tokens, want %d", got.Rotated, want)
			}
		})
	}
}

func TestRequestsOAuthlibRefreshesByItself(t *testing.T) {
	h := newHouse(t)
	client := h.registerAs(client.Registration{})
	var got struct {
		life
		Saved int
	}
	program{"/usr/bin/python3", "python/refresh.py"}.talk(h, client, h.person().connect, &got)
	if got.Saved != 3 || got.Rotated != 4 || got.Me.Team != "acme" || got.Refusal != "invalid_grant" {
		t.Errorf("got %d refreshes, %d refresh tokens, the team %q and the refusal %q; want 3, 4, acme, invalid_grant", got.Saved, got.Rotated, got.Me.Team, got.Refusal)
	}
}

// An application that knows only the URL of the API and its own client id.
func TestOAuth4WebAPIStartsFromTheAPI(t *testing.T) {
	house := newHouse(t)
	for _, key := range []string{"", "ES256", "Ed25519"} {
		t.Run("bound by "+key, func(t *testing.T) {
			h := house.in(t)
			client := h.registerAs(client.Registration{Public: true, RequireDPoP: key != ""})
			var got life
			program{"node", "node/browser.mjs"}.talk(h, client, h.person().connect, &got, "DPOP="+key)
			wantType, wantStolen, wantTokens := "bearer", "accepted", 2
			if key != "" {
				wantType, wantStolen, wantTokens = "dpop", "dpop invalid_token", 1 // bound, so not rotated
			}
			if got.Tokens.TokenType != wantType || got.Me.Team != "acme" || got.Rotated != wantTokens || got.Refusal != "invalid_grant" || !strings.HasPrefix(got.Stolen, wantStolen) {
				t.Errorf("got %+v, want a token of type %s for acme that without its key is %s", got, wantType, wantStolen)
			}
		})
	}
}

func TestMachineOnOAuth4WebAPI(t *testing.T) {
	h := newHouse(t)
	acme, err := h.Team.TeamBySlug(t.Context(), team.CommandLine, "acme")
	h.ok(err)
	client := h.registerAs(client.Registration{Machine: true, Team: acme})
	var got life
	program{"node", "node/machine.mjs"}.talk(h, client, nil, &got)
	if got.Me.Team != "acme" || got.Me.ClientID != client.id || got.Tokens.RefreshToken != "" || got.Tokens.Scope != "chatbot:read" {
		t.Errorf("got %+v for %+v", got.Tokens, got.Me)
	}
	if got.Alive["active"] != true || got.Alive["sub"] != client.id || got.Alive["username"] != nil {
		t.Errorf("introspection of a live token says %v", got.Alive)
	}
	if want := map[string]any{"active": false}; !reflect.DeepEqual(got.Dead, want) {
		t.Errorf("introspection of a revoked token says %v, want %v", got.Dead, want)
	}
}

// The Model Context Protocol SDK finds the authorization server through the 401 of the API.
func TestMCPClientStartsFromARefusal(t *testing.T) {
	house := newHouse(t)
	for name, public := range map[string]bool{"confidential": false, "public": true} {
		t.Run(name, func(t *testing.T) {
			h := house.in(t)
			client := h.registerAs(client.Registration{Public: public})
			var got struct {
				life
				Began               string
				Status              int
				ResourceMetadataURL string
			}
			program{"node", "node/mcp.mjs"}.talk(h, client, h.person().connect, &got)
			if got.Began != "REDIRECT" || got.Status != http.StatusUnauthorized || got.ResourceMetadataURL != h.url+"/.well-known/oauth-protected-resource" {
				t.Errorf("it began with %s, %d, %s", got.Began, got.Status, got.ResourceMetadataURL)
			}
			if got.Me.Team != "acme" || got.Me.ClientID != client.id || got.Rotated != 2 {
				t.Errorf("got %+v with %d refresh tokens, want acme with 2", got.Me, got.Rotated)
			}
		})
	}
}
