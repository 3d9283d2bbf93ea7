package resourceserver_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/go-jose/go-jose/v4"
)

func TestTokensOfOtherAlgorithms(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for alg, private := range map[jose.SignatureAlgorithm]crypto.Signer{jose.RS256: rsaKey, jose.PS256: rsaKey, jose.ES384: p384, jose.EdDSA: ed} {
		i := newIssuer(t)
		i.others = []jose.JSONWebKey{{Key: private.Public(), KeyID: "other", Algorithm: string(alg), Use: "sig"}}
		guard := i.guard(t, func(o *resourceserver.Options) { o.Algorithms = []string{string(alg)} })
		raw := i.token(signedBy("other", alg, private))
		wantStatus(t, guard, raw, http.StatusOK)
		wantStatus(t, i.guard(t, nil), raw, http.StatusUnauthorized) // by default, ES256 alone is accepted
		for _, at := range []int{len(raw) / 2, len(raw) - 10} {      // in the claims, in the signature
			altered := []byte(raw)
			altered[at] ^= 1
			wantStatus(t, guard, string(altered), http.StatusUnauthorized)
		}
		wantStatus(t, guard, i.token(signedBy("k1", alg, private)), http.StatusUnauthorized) // the key is another
	}
}

// TestAlgorithmIsTheKeys: a key that is published for another algorithm verifies no ES256 token, although it could.
func TestAlgorithmIsTheKeys(t *testing.T) {
	i := newIssuer(t)
	i.others = []jose.JSONWebKey{{Key: i.keys["k1"].Public(), KeyID: "k384", Algorithm: "ES384", Use: "sig"}}
	wantStatus(t, i.guard(t, nil), i.token(signedBy("k384", jose.ES256, i.keys["k1"])), http.StatusUnauthorized)
}

// seen is a handler, and a request with a token that it has seen.
func seen(t testing.TB, i *issuer, handle http.HandlerFunc) (http.Handler, *http.Request) {
	handler := i.guard(t, nil).Require("chatbot:read")(handle)
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+i.token())
	handler.ServeHTTP(discard{http.Header{}}, request)
	return handler, request
}

func TestSeenTokenCostsOneAllocation(t *testing.T) {
	passed := 0
	handler, request := seen(t, newEndingIssuer(t), func(http.ResponseWriter, *http.Request) { passed++ })
	w := discard{http.Header{}}
	if allocs := testing.AllocsPerRun(100, func() { handler.ServeHTTP(w, request) }); allocs > 1 || passed != 102 {
		t.Errorf("%v allocations, and %d of 102 requests passed", allocs, passed)
	}
}

type contextKey struct{}

// TestTokenIsAddedToTheContext: what else is in it, and its end, stay.
func TestTokenIsAddedToTheContext(t *testing.T) {
	var got *http.Request
	handler, request := seen(t, newIssuer(t), func(_ http.ResponseWriter, r *http.Request) { got = r })
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), contextKey{}, "value"), time.Hour)
	request.SetPathValue("id", "7")
	handler.ServeHTTP(discard{http.Header{}}, request.WithContext(ctx))
	below, stop := context.WithCancel(got.Context())
	defer stop()
	if token := resourceserver.FromContext(below); token == nil || token.TeamID != "t1" || below.Value(contextKey{}) != "value" || got.PathValue("id") != "7" {
		t.Errorf("got the token %v, the value %v and the path value %q", token, below.Value(contextKey{}), got.PathValue("id"))
	}
	if _, limited := below.Deadline(); !limited || below.Err() != nil {
		t.Errorf("limited: %v, ended: %v", limited, below.Err())
	}
	cancel()
	<-below.Done()
	if resourceserver.FromContext(ctx) != nil || resourceserver.FromContext(request.Context()) != nil {
		t.Error("the request that came in was changed")
	}
}
