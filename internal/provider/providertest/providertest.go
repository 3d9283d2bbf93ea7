// Package providertest is an OpenID Connect provider for tests that does whatever a test says, right or wrong. Only tests import it.
package providertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The client that is registered at the provider.
const (
	ClientID     = "gatehouse"
	ClientSecret = "a-secret-of-the-provider"
)

// Claims is members of an ID token.
type Claims = map[string]any

// Provider is a provider. Its fields may be changed between requests, never during one.
type Provider struct {
	Issuer string
	Now    func() time.Time
	Person Claims // what the ID token says of who is signed in there; sub at least
	Iss    string // the iss of its answers; the issuer at first

	Metadata func(Claims)                                      // changes the discovery document
	Token    func(Claims)                                      // changes the claims of the ID token
	UserInfo Claims                                            // of UserInfo; what the ID token says of the person when nil
	Sign     func(p *Provider, claims Claims) string           // makes the ID token
	Answer   func(w http.ResponseWriter, r *http.Request) bool // answers a request in place of the provider when true
	Error    string                                            // the authorization endpoint answers this error

	key   *ecdsa.PrivateKey
	kid   string
	mu    sync.Mutex
	codes map[string]url.Values
	seen  map[string]int
}

// Start is a provider on this machine.
func Start(t testing.TB, now func() time.Time) *Provider {
	t.Helper()
	p := &Provider{Now: now, codes: map[string]url.Values{}, seen: map[string]int{}}
	p.Rotate("first")
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.Issuer, p.Iss = server.URL, server.URL
	return p
}

// Rotate gives the provider another key.
func (p *Provider) Rotate(kid string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	p.key, p.kid = key, kid
}

// Requests is how many requests a path got.
func (p *Provider) Requests(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[path]
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen[r.URL.Path]++
	p.mu.Unlock()
	if p.Answer != nil && p.Answer(w, r) {
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		document := Claims{
			"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token", "jwks_uri": p.Issuer + "/jwks",
			"userinfo_endpoint": p.Issuer + "/userinfo", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
			"authorization_response_iss_parameter_supported": true,
		}
		if p.Metadata != nil {
			p.Metadata(document)
		}
		write(w, document)
	case "/jwks":
		write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{p.PublicKey()}})
	case "/authorize":
		http.Redirect(w, r, p.Authorize(r.URL.Query()), http.StatusSeeOther)
	case "/token":
		p.token(w, r)
	case "/userinfo":
		claims := p.UserInfo
		if claims == nil {
			claims = p.Person
		}
		write(w, claims)
	default:
		http.NotFound(w, r)
	}
}

// PublicKey is the key that the provider publishes.
func (p *Provider) PublicKey() jose.JSONWebKey {
	return jose.JSONWebKey{Key: p.key.Public(), KeyID: p.kid, Algorithm: "ES256", Use: "sig"}
}

// Authorize is where the browser is sent for an authorization request: the person agrees at once.
func (p *Provider) Authorize(query url.Values) string {
	answer := url.Values{"state": {query.Get("state")}}
	if p.Iss != "" {
		answer.Set("iss", p.Iss)
	}
	if p.Error != "" {
		answer.Set("error", p.Error)
	} else {
		answer.Set("code", p.Code(query))
	}
	return query.Get("redirect_uri") + "?" + answer.Encode()
}

// Code is a code for an authorization request.
func (p *Provider) Code(query url.Values) string {
	code := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[code] = query
	return code
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	p.mu.Lock()
	query, known := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	switch {
	case id != ClientID || secret != ClientSecret:
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	case !known, r.PostFormValue("redirect_uri") != query.Get("redirect_uri"),
		query.Get("code_challenge_method") != "S256", base64.RawURLEncoding.EncodeToString(challenge[:]) != query.Get("code_challenge"):
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	now := p.Now()
	claims := Claims{"iss": p.Issuer, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "nonce": query.Get("nonce"), "auth_time": now.Unix()}
	maps.Copy(claims, p.Person)
	if p.Token != nil {
		p.Token(claims)
	}
	sign := SignES256
	if p.Sign != nil {
		sign = p.Sign
	}
	write(w, Claims{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": sign(p, claims)})
}

// SignES256 signs as a good provider does.
func SignES256(p *Provider, claims Claims) string {
	return p.SignWith(jose.ES256, p.key, p.kid, claims)
}

// SignWith signs claims with a key.
func (p *Provider) SignWith(alg jose.SignatureAlgorithm, key any, kid string, claims Claims) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return text
}

// Unsigned is a token with the algorithm none.
func Unsigned(_ *Provider, claims Claims) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(Claims{"error": code})
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
