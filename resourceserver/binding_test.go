package resourceserver_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/go-jose/go-jose/v4"
)

// bound is an access token that is bound to a key.
func (i *issuer) bound(t testing.TB, public any) string {
	return i.token(claim("cnf", map[string]string{"jkt": thumbprint(t, public)}))
}

// proofFor is a proof for a GET of a path of this API with an access token.
func (i *issuer) proofFor(path, raw string, changes ...func(*proof)) string {
	hash := sha256.Sum256([]byte(raw))
	all := []func(*proof){
		proves("htu", i.URL+path), proves("iat", i.now().Unix()), proves("ath", base64.RawURLEncoding.EncodeToString(hash[:])),
	}
	return newProof(append(all, changes...)...)
}

// present sends a request with an Authorization header and proofs.
func present(guard *resourceserver.Guard, target, authorization string, proofs ...string) *httptest.ResponseRecorder {
	handler := guard.Require()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	request := httptest.NewRequest(http.MethodGet, target, nil)
	request.Header.Set("Authorization", authorization)
	for _, p := range proofs {
		request.Header.Add("DPoP", p)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func TestBoundTokenPassesWithItsProof(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	raw := i.bound(t, clientKey.Public())
	for _, target := range []string{"/data", "/data?q=1", "/a%2Fb/"} {
		path, _, _ := strings.Cut(target, "?")
		for _, scheme := range []string{"DPoP ", "dpop "} {
			if response := present(guard, target, scheme+raw, i.proofFor(path, raw)); response.Code != http.StatusOK {
				t.Errorf("%s: got %d %s, want 200", target, response.Code, response.Body)
			}
		}
	}
}

// Each way to use a bound token without its key, or a proof for something else, is refused with a challenge that says what to do.
func TestBoundTokenIsRefusedWithoutItsProof(t *testing.T) {
	i := newIssuer(t)
	raw, other := i.bound(t, clientKey.Public()), i.bound(t, newKey().Public())
	for name, tt := range map[string]struct {
		authorization string
		proofs        []string
		code          string
	}{
		"as a bearer token":            {"Bearer " + raw, nil, "invalid_token"},
		"as a bearer token, proved":    {"Bearer " + raw, []string{i.proofFor("/data", raw)}, "invalid_token"},
		"without a proof":              {"DPoP " + raw, nil, "invalid_dpop_proof"},
		"two proofs":                   {"DPoP " + raw, []string{i.proofFor("/data", raw), i.proofFor("/data", raw)}, "invalid_dpop_proof"},
		"proof of another key":         {"DPoP " + raw, []string{i.proofFor("/data", raw, provenBy(jose.ES256, newKey()))}, "invalid_dpop_proof"},
		"proof for another token":      {"DPoP " + raw, []string{i.proofFor("/data", other)}, "invalid_dpop_proof"},
		"proof for the token endpoint": {"DPoP " + raw, []string{i.proofFor("/data", raw, proves("ath", nil))}, "invalid_dpop_proof"},
		"proof for another path":       {"DPoP " + raw, []string{i.proofFor("/other", raw)}, "invalid_dpop_proof"},
		"proof for another host":       {"DPoP " + raw, []string{i.proofFor("/data", raw, proves("htu", "http://evil.example/data"))}, "invalid_dpop_proof"},
		"proof of an hour ago":         {"DPoP " + raw, []string{i.proofFor("/data", raw, proves("iat", i.now().Unix()-3600))}, "invalid_dpop_proof"},
		"another's token":              {"DPoP " + other, []string{i.proofFor("/data", other)}, "invalid_dpop_proof"},
		"a bearer token as DPoP":       {"DPoP " + i.token(), []string{i.proofFor("/data", raw)}, "invalid_token"},
		"bound in an unknown way":      {"Bearer " + i.token(claim("cnf", map[string]string{"x5t#S256": "x"})), nil, "invalid_token"},
		"malformed":                    {"DPoP x", []string{i.proofFor("/data", raw)}, "invalid_token"},
	} {
		guard := i.guard(t, nil)
		response := present(guard, "/data", tt.authorization, tt.proofs...)
		challenges := strings.Join(response.Header()["Www-Authenticate"], "\n")
		if response.Code != http.StatusUnauthorized || !strings.Contains(challenges, `error="`+tt.code+`"`) || !strings.Contains(challenges, `algs="ES256 Ed25519 EdDSA PS256 RS256"`) {
			t.Errorf("%s: got %d %s, want 401 %s and the algorithms", name, response.Code, challenges, tt.code)
		}
	}
}

func TestProofAtTheAPIWorksOnce(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	raw := i.bound(t, clientKey.Public())
	p := i.proofFor("/data", raw)
	for _, want := range []int{200, 401, 401} {
		if response := present(guard, "/data", "DPoP "+raw, p); response.Code != want {
			t.Errorf("got %d %s, want %d", response.Code, response.Body, want)
		}
	}
}

// Another person's connection, or another application, has valid proofs of its own. They take only their share of the memory.
func TestAttackProofsOfAnotherConnectionDoNotFreeMineForReplay(t *testing.T) {
	i := newIssuer(t)
	for name, stranger := range map[string]func(*token){"another person": claim("grant_id", "g2"), "another application": claim("client_id", "c2")} {
		guard := i.guard(t, nil)
		guard.RememberProofs(64)
		raw := i.bound(t, clientKey.Public())
		mine := i.proofFor("/data", raw)
		if response := present(guard, "/data", "DPoP "+raw, mine); response.Code != http.StatusOK {
			t.Fatalf("got %d %s", response.Code, response.Body)
		}
		i.advance(time.Second)
		theirKey := newKey()
		theirs := i.token(claim("cnf", map[string]string{"jkt": thumbprint(t, theirKey.Public())}), stranger)
		for range 200 {
			if response := present(guard, "/data", "DPoP "+theirs, i.proofFor("/data", theirs, provenBy(jose.ES256, theirKey))); response.Code != http.StatusOK {
				t.Fatalf("%s: got %d %s", name, response.Code, response.Body)
			}
		}
		if response := present(guard, "/data", "DPoP "+raw, mine); response.Code != http.StatusUnauthorized {
			t.Errorf("%s: after a flood, my proof works again: %d", name, response.Code)
		}
	}
}

// The client chooses the Host header, so a proof for another API must not pass because of it.
func TestHostHeaderDoesNotChooseTheURL(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	raw := i.bound(t, clientKey.Public())
	if response := present(guard, "http://evil.example/data", "DPoP "+raw, i.proofFor("", raw, proves("htu", "http://evil.example/data"))); response.Code != http.StatusUnauthorized {
		t.Errorf("got %d, want 401", response.Code)
	}
}

func TestURLBehindAProxy(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.PublicURL = "https://www.example/api/" })
	raw := i.bound(t, clientKey.Public())
	if response := present(guard, "/data", "DPoP "+raw, i.proofFor("", raw, proves("htu", "https://www.example/api/data"))); response.Code != http.StatusOK {
		t.Errorf("got %d %s, want 200", response.Code, response.Body)
	}
	// A prefix that a handler around this one takes away is part of the URL all the same.
	stripped := http.StripPrefix("/v1", guard.Require()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	request := httptest.NewRequest(http.MethodGet, "/v1/data", nil)
	request.Header.Set("Authorization", "DPoP "+raw)
	request.Header.Set("DPoP", i.proofFor("", raw, proves("htu", "https://www.example/api/v1/data")))
	recorder := httptest.NewRecorder()
	if stripped.ServeHTTP(recorder, request); recorder.Code != http.StatusOK {
		t.Errorf("got %d %s, want 200", recorder.Code, recorder.Body)
	}
}

func TestAPIWithoutURLTakesNoBoundTokens(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.Audience = "chats" })
	raw := i.token(claim("aud", "chats"), claim("cnf", map[string]string{"jkt": thumbprint(t, clientKey.Public())}))
	response := present(guard, "/data", "DPoP "+raw, i.proofFor("/data", raw))
	if challenges := response.Header()["Www-Authenticate"]; response.Code != http.StatusUnauthorized || len(challenges) != 1 || strings.Contains(challenges[0], "DPoP") {
		t.Errorf("got %d %v, want 401 and no offer of DPoP", response.Code, challenges)
	}
}

func TestBothSchemesAreOffered(t *testing.T) {
	i := newIssuer(t)
	got := call(i.guard(t, nil), nil, "/").Header()["Www-Authenticate"]
	want := []string{`Bearer realm="` + i.URL + `"`, `DPoP realm="` + i.URL + `", algs="ES256 Ed25519 EdDSA PS256 RS256"`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FAPI 2.0: a bearer token is refused, and so are a proof by RS256 and one that is far ahead; challenges and metadata name DPoP alone.
func TestFAPI2TakesOnlyBoundTokens(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.FAPI2, o.NonceKey = true, make([]byte, 32) })
	raw := i.bound(t, clientKey.Public())
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	byRSA := i.bound(t, rsaKey.Public())
	nonce := present(guard, "/data", "DPoP "+raw, i.proofFor("/data", raw)).Header().Get("DPoP-Nonce")
	for name, tt := range map[string]struct {
		authorization string
		proofs        []string
		code          string // "" for none
	}{
		"none":      {"", nil, ""},
		"bearer":    {"Bearer " + i.token(), nil, "invalid_token"},
		"not bound": {"DPoP " + i.token(), []string{i.proofFor("/data", raw, proves("nonce", nonce))}, "invalid_token"},
		"by RS256":  {"DPoP " + byRSA, []string{i.proofFor("/data", byRSA, proves("nonce", nonce), provenBy(jose.RS256, rsaKey))}, "invalid_dpop_proof"},
		"far ahead": {"DPoP " + raw, []string{i.proofFor("/data", raw, proves("nonce", nonce), proves("iat", i.now().Unix()+61))}, "invalid_dpop_proof"},
	} {
		response := present(guard, "/data", tt.authorization, tt.proofs...)
		challenges := response.Header()["Www-Authenticate"]
		if response.Code != http.StatusUnauthorized || len(challenges) != 1 || !strings.HasPrefix(challenges[0], "DPoP ") ||
			strings.Contains(challenges[0], "RS256") || strings.Contains(challenges[0], "error=") != (tt.code != "") || !strings.Contains(challenges[0], tt.code) ||
			strings.Contains(response.Body.String(), "Bearer") {
			t.Errorf("%s: got %d %q %s", name, response.Code, challenges, response.Body)
		}
	}
	for _, changes := range [][]func(*proof){{}, {proves("iat", i.now().Unix()-3600)}, {proves("iat", i.now().Unix()+10)}} {
		p := i.proofFor("/data", raw, append(changes, proves("nonce", nonce))...)
		if response := present(guard, "/data", "DPoP "+raw, p); response.Code != http.StatusOK {
			t.Errorf("a good proof: got %d %s", response.Code, response.Body)
		}
	}
	recorder := httptest.NewRecorder()
	guard.Metadata().ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	if body := recorder.Body.String(); strings.Contains(body, "RS256") || !strings.Contains(body, `"dpop_bound_access_tokens_required":true`) {
		t.Errorf("the metadata is %s", body)
	}
	for name, options := range map[string]resourceserver.Options{"RS256": {FAPI2: true, Algorithms: []string{"RS256"}}, "no URL": {FAPI2: true, Audience: "chats"}} {
		if _, err := resourceserver.New(t.Context(), "https://id.example", options); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestProofNeedsTheNonceOfThisAPI(t *testing.T) {
	i := newIssuer(t)
	withKey := func(key string) *resourceserver.Guard {
		return i.guard(t, func(o *resourceserver.Options) { o.NonceKey = []byte(strings.Repeat(key, 32)) })
	}
	guard, replica, stranger := withKey("k"), withKey("k"), withKey("x")
	raw := i.bound(t, clientKey.Public())
	send := func(to *resourceserver.Guard, nonce any) *httptest.ResponseRecorder {
		return present(to, "/data", "DPoP "+raw, i.proofFor("/data", raw, proves("nonce", nonce)))
	}
	asked := func(what string, response *httptest.ResponseRecorder) string {
		t.Helper()
		nonce := response.Header().Get("DPoP-Nonce")
		if challenge := response.Header().Get("WWW-Authenticate"); response.Code != http.StatusUnauthorized || nonce == "" || !strings.Contains(challenge, `DPoP realm="`+i.URL+`", error="use_dpop_nonce"`) {
			t.Errorf("%s: got %d %s with the nonce %q, want 401 use_dpop_nonce with one", what, response.Code, challenge, nonce)
		}
		return nonce
	}
	nonce := asked("none", send(guard, nil))
	for name, to := range map[string]*resourceserver.Guard{"the API": guard, "its replica": replica} {
		if response := send(to, nonce); response.Code != http.StatusOK || response.Header().Get("DPoP-Nonce") != "" {
			t.Errorf("%s: got %d %s with another nonce %q, want 200 without", name, response.Code, response.Body, response.Header().Get("DPoP-Nonce"))
		}
	}
	asked("of another API", send(stranger, nonce))
	asked("made up", send(guard, "AAAA"))
	asked("altered", send(guard, "B"+nonce[1:]))
	i.advance(3 * time.Minute)
	response := send(guard, nonce)
	if next := response.Header().Get("DPoP-Nonce"); response.Code != http.StatusOK || next == "" || next == nonce {
		t.Errorf("half its time over: got %d with the nonce %q, want 200 with another", response.Code, next)
	}
	i.advance(2 * time.Minute)
	asked("too old", send(guard, nonce))
}

func BenchmarkBoundToken(b *testing.B) {
	i := newIssuer(b)
	guard := i.guard(b, nil)
	raw := i.bound(b, clientKey.Public())
	handler := guard.Require()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	request := httptest.NewRequest(http.MethodGet, "/data", nil)
	request.Header.Set("Authorization", "DPoP "+raw)
	w := discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		request.Header.Set("DPoP", i.proofFor("/data", raw))
		b.StartTimer()
		handler.ServeHTTP(w, request)
	}
}
