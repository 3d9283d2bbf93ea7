package resourceserver_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/go-jose/go-jose/v4"
)

// issuer stands for a stranger's authorization server: metadata, keys, and tokens as each test wants them.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex
	at      time.Time
	names   []string // kids that are published
	keys    map[string]*ecdsa.PrivateKey
	others  []jose.JSONWebKey // that are published too
	down    bool
	claims  string // the issuer that the metadata names, when not its own
	jwksURI string // what the metadata names, when not its own
	fetches int    // of the keys

	endedURI  string // what the metadata names; "" when there is no list
	ended     map[string]any
	endedWith func(*token) // what else is odd about the list
	endedDown bool
	polls     []int // the status of each answer to a poll
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), keys: map[string]*ecdsa.PrivateKey{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", i.metadata)
	mux.HandleFunc("GET /jwks", i.jwks)
	mux.HandleFunc("GET /ended", i.endedList)
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	i.publish("k1")
	return i
}

func (i *issuer) metadata(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	name, uri := i.URL, i.URL+"/jwks"
	if i.claims != "" {
		name = i.claims
	}
	if i.jwksURI != "" {
		uri = i.jwksURI
	}
	metadata := map[string]string{"issuer": name, "jwks_uri": uri}
	if i.endedURI != "" {
		metadata["ended_tokens_uri"] = i.endedURI
	}
	json.NewEncoder(w).Encode(metadata)
}

func (i *issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fetches++
	set := []any{map[string]string{"kty": "future", "kid": "k1"}}
	for _, name := range i.names {
		set = append(set, jose.JSONWebKey{Key: i.keys[name].Public(), KeyID: name, Algorithm: "ES256", Use: "sig"})
	}
	for _, other := range i.others {
		set = append(set, other)
	}
	json.NewEncoder(w).Encode(map[string]any{"keys": set})
}

// publish replaces the published keys; those without a private key yet get one.
func (i *issuer) publish(names ...string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.names = names
	for _, name := range names {
		if i.keys[name] == nil {
			i.keys[name] = newKey()
		}
	}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.at
}

func (i *issuer) advance(d time.Duration) { i.set(func() { i.at = i.at.Add(d) }) }

func (i *issuer) keyFetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}

var quiet = slog.New(slog.DiscardHandler)

// guard is a Guard for the issuer's tokens on its clock, quiet, with what else the test wants.
func (i *issuer) guard(t testing.TB, change func(*resourceserver.Options)) *resourceserver.Guard {
	t.Helper()
	opts := resourceserver.Options{Now: i.now, HTTPClient: i.Client(), Log: quiet}
	if change != nil {
		change(&opts)
	}
	guard, err := resourceserver.New(t.Context(), i.URL, opts)
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

// token is an access token that passes, but for what the test changes. A nil value removes a claim or a header.
type token struct {
	kid    string
	alg    jose.SignatureAlgorithm
	key    any
	header map[string]any
	claims map[string]any
}

func (i *issuer) token(changes ...func(*token)) string {
	now := i.now().Unix()
	tok := token{
		kid: "k1", alg: jose.ES256, key: i.keys["k1"], header: map[string]any{"typ": "at+jwt"},
		claims: map[string]any{
			"iss": i.URL, "aud": i.URL, "sub": "u1", "client_id": "c1", "scope": "chatbot:read session:read", "iat": now, "exp": now + 3600,
			"jti": "j1", "auth_time": now - 60, "team": "acme", "team_id": "t1", "grant_id": "g1",
		},
	}
	for _, change := range changes {
		change(&tok)
	}
	return tok.sign()
}

func (tok token) sign() string {
	if tok.alg == "Ed25519" {
		return tok.signEd25519()
	}
	opts := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{}}
	for name, value := range tok.header {
		if value != nil {
			opts.ExtraHeaders[jose.HeaderKey(name)] = value
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: tok.alg, Key: jose.JSONWebKey{Key: tok.key, KeyID: tok.kid}}, opts)
	if err != nil {
		panic(err)
	}
	maps.DeleteFunc(tok.claims, func(_ string, value any) bool { return value == nil })
	payload, err := json.Marshal(tok.claims)
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

// signEd25519 is for the name of RFC 9864, which go-jose does not know.
func (tok token) signEd25519() string {
	part := func(v any) string {
		maps.DeleteFunc(v.(map[string]any), func(_ string, value any) bool { return value == nil })
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	tok.header["alg"] = "Ed25519"
	input := part(tok.header) + "." + part(tok.claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(tok.key.(ed25519.PrivateKey), []byte(input)))
}

func claim(name string, value any) func(*token) {
	return func(tok *token) { tok.claims[name] = value }
}

func header(name string, value any) func(*token) {
	return func(tok *token) { tok.header[name] = value }
}

func signedBy(kid string, alg jose.SignatureAlgorithm, key crypto.PrivateKey) func(*token) {
	return func(tok *token) { tok.kid, tok.alg, tok.key = kid, alg, key }
}

// call sends a request with the given Authorization headers through a guard.
func call(guard *resourceserver.Guard, scopes []string, target string, authorization ...string) *httptest.ResponseRecorder {
	handler := guard.Require(scopes...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(resourceserver.FromContext(r.Context()))
	}))
	request := httptest.NewRequest(http.MethodGet, target, nil)
	request.Header["Authorization"] = slices.Clone(authorization)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}
