package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// signer signs JWTs with a key of its own.
type signer struct {
	t   *testing.T
	key jose.JSONWebKey
}

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{t, jose.JSONWebKey{Key: key, KeyID: "k1", Algorithm: "ES256"}}
}

func (s signer) sign(options *jose.SignerOptions, key any, claims map[string]any) string {
	s.t.Helper()
	signing, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, options)
	if err != nil {
		s.t.Fatal(err)
	}
	payload, _ := json.Marshal(claims)
	signed, err := signing.Sign(payload)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// An application whose clock is wrong can use DPoP all the same: it makes its proof again with our nonce, and the nonce's time counts.
func TestClockOfTheApplicationDoesNotMatter(t *testing.T) {
	issuerKey, clientKey := newSigner(t), newSigner(t)
	mux := http.NewServeMux()
	issuer := httptest.NewServer(mux)
	t.Cleanup(issuer.Close)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/jwks"})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{issuerKey.key.Public()}})
	})
	o, err := parse([]string{"--issuer", issuer.URL, "--public-url", "https://chats.example"})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := o.handler(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	public := clientKey.key.Public()
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Unix()
	token := issuerKey.sign((&jose.SignerOptions{}).WithType("at+jwt"), issuerKey.key, map[string]any{
		"iss": issuer.URL, "sub": "u1", "aud": issuer.URL, "client_id": "c1", "scope": "chatbot:read", "iat": now, "exp": now + 60, "jti": "t1",
		"team": "acme", "team_id": "acme-id", "grant_id": "g1", "cnf": map[string]any{"jkt": base64.RawURLEncoding.EncodeToString(thumbprint)},
	})
	hash := sha256.Sum256([]byte(token))
	call := func(jti, nonce string) *httptest.ResponseRecorder {
		claims := map[string]any{
			"jti": jti, "htm": "GET", "htu": "https://chats.example/api/me/", "ath": base64.RawURLEncoding.EncodeToString(hash[:]),
			"iat": now + 600, // ten minutes ahead
		}
		if nonce != "" {
			claims["nonce"] = nonce
		}
		options := &jose.SignerOptions{EmbedJWK: true}
		request := httptest.NewRequest(http.MethodGet, "/api/me/", nil)
		request.Header.Set("Authorization", "DPoP "+token)
		request.Header.Set("DPoP", clientKey.sign(options.WithType("dpop+jwt"), jose.JSONWebKey{Key: clientKey.key.Key}, claims))
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		return recorder
	}
	first := call("p1", "")
	nonce := first.Header().Get("DPoP-Nonce")
	if first.Code != http.StatusUnauthorized || nonce == "" {
		t.Fatalf("without a nonce: got %d %v %s, want 401 and a nonce", first.Code, first.Header(), first.Body)
	}
	if again := call("p2", nonce); again.Code != http.StatusOK {
		t.Errorf("with the nonce: got %d %s, want 200", again.Code, again.Body)
	}
}
