package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
)

const (
	issuer        = "https://id.example"
	tokenEndpoint = "https://id.example/o/token/"
)

// verifyAssertion checks an assertion of the client c1.
func verifyAssertion(text string, keys jose.JSONWebKeySet, now time.Time) (token.Assertion, error) {
	return token.AssertionCheck{Client: "c1", Issuer: issuer, Keys: keys, Algorithms: oauth.ProfileNone.ClientAlgorithms(), Now: now}.Verify(text)
}

// assertionClaims are those of a good assertion, a minute before it expires.
func assertionClaims(now time.Time) map[string]any {
	return map[string]any{"iss": "c1", "sub": "c1", "aud": issuer, "exp": now.Unix() + 60, "iat": now.Unix(), "jti": "j1"}
}

// sign makes an assertion. kid may be empty.
func sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, kid string, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// keySet is public keys, through their JSON form as a client sends them.
func keySet(t testing.TB, keys ...jose.JSONWebKey) jose.JSONWebKeySet {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestClientAssertionOfEachAlgorithm(t *testing.T) {
	now := newClock().Now()
	r, e := rsaKey(t, 2048), ecKey(t, elliptic.P256())
	_, d, _ := ed25519.GenerateKey(rand.Reader)
	set := keySet(t, jose.JSONWebKey{Key: r.Public(), KeyID: "r"}, jose.JSONWebKey{Key: e.Public(), KeyID: "e"}, jose.JSONWebKey{Key: d.Public(), KeyID: "d"})
	for _, tt := range []struct {
		algorithm jose.SignatureAlgorithm
		key       crypto.Signer
		kid       string
	}{{jose.ES256, e, "e"}, {jose.RS256, r, "r"}, {jose.PS256, r, "r"}, {jose.EdDSA, d, "d"}} {
		for _, kid := range []string{tt.kid, ""} {
			got, err := verifyAssertion(sign(t, tt.algorithm, tt.key, kid, assertionClaims(now)), set, now)
			if err != nil || got.ID != "j1" || !got.Expires.Equal(now.Add(time.Minute)) {
				t.Errorf("%s with kid %q: got %+v, %v", tt.algorithm, kid, got, err)
			}
		}
		if _, err := verifyAssertion(sign(t, tt.algorithm, tt.key, "other", assertionClaims(now)), set, now); err == nil {
			t.Errorf("%s: the kid of no key is accepted", tt.algorithm)
		}
	}
	// RFC 9864's name, which go-jose does not know.
	text := signEd25519(t, d, assertionClaims(now))
	for _, key := range set.Keys {
		key.Algorithm = ""
		_, err := verifyAssertion(text, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}, now)
		if (err == nil) != (key.KeyID == "d") {
			t.Errorf("Ed25519 with the key %s: got %v", key.KeyID, err)
		}
	}
	encode := base64.RawURLEncoding.EncodeToString
	critical := encode([]byte(`{"alg":"Ed25519","crit":["x"],"x":1}`)) + "." + strings.Split(text, ".")[1]
	if _, err := verifyAssertion(critical+"."+encode(ed25519.Sign(d, []byte(critical))), set, now); err == nil {
		t.Error("Ed25519 with critical headers is accepted")
	}
	named := keySet(t, jose.JSONWebKey{Key: d.Public(), Algorithm: "EdDSA"})
	if _, err := verifyAssertion(text, named, now); err != nil {
		t.Errorf("Ed25519 with a key of EdDSA, which is the same: %v", err)
	}
	if _, err := verifyAssertion(text[:len(text)-4]+"AAAA", named, now); err == nil {
		t.Error("an altered signature of Ed25519 is accepted")
	}
}

// signEd25519 makes an assertion whose alg is Ed25519 (RFC 9864).
func signEd25519(t testing.TB, key ed25519.PrivateKey, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"Ed25519"}`)) + "." + encode(payload)
	return input + "." + encode(ed25519.Sign(key, []byte(input)))
}

// The caller's list decides, whatever alg the client's key names.
func TestClientAssertionOfTheAllowedAlgorithms(t *testing.T) {
	now := newClock().Now()
	r, e := rsaKey(t, 2048), ecKey(t, elliptic.P256())
	set := keySet(t, jose.JSONWebKey{Key: r.Public(), KeyID: "rs", Algorithm: "RS256"}, jose.JSONWebKey{Key: r.Public(), KeyID: "any"}, jose.JSONWebKey{Key: e.Public(), KeyID: "e"})
	for _, tt := range []struct {
		algorithm jose.SignatureAlgorithm
		key       crypto.Signer
		kid       string
		fapi2     bool
	}{{jose.RS256, r, "rs", false}, {jose.RS256, r, "any", false}, {jose.PS256, r, "any", true}, {jose.ES256, e, "e", true}} {
		text := sign(t, tt.algorithm, tt.key, tt.kid, assertionClaims(now))
		check := token.AssertionCheck{Client: "c1", Issuer: issuer, Keys: set, Now: now}
		for _, profile := range []oauth.Profile{oauth.ProfileNone, oauth.ProfileFAPI2} {
			check.Algorithms = profile.ClientAlgorithms()
			if _, err := check.Verify(text); (err == nil) != (!profile.FAPI2() || tt.fapi2) {
				t.Errorf("%s with key %s, profile %s: got %v", tt.algorithm, tt.kid, profile, err)
			}
		}
	}
}

// RFC 7523bis, FAPI 2.0: an assertion for anything but the issuer may have been made for a malicious server, which sends it here.
func TestAudienceOfClientAssertions(t *testing.T) {
	now := newClock().Now()
	key := ecKey(t, elliptic.P256())
	set := keySet(t, jose.JSONWebKey{Key: key.Public()})
	for _, tt := range []struct {
		name             string
		aud              any
		strict, excepted bool
	}{
		{"the issuer", issuer, true, true},
		{"the token endpoint", tokenEndpoint, false, true},
		{"an array of the issuer", []string{issuer}, false, true},
		{"an array of the token endpoint", []string{tokenEndpoint}, false, true},
		{"an array of both", []string{tokenEndpoint, issuer}, false, false},
		{"an array of the issuer twice", []string{issuer, issuer}, false, false},
		{"the issuer and another", []string{issuer, "https://evil.example"}, false, false},
		{"another", "https://evil.example", false, false},
		{"another endpoint of ours", issuer + "/o/par/", false, false},
		{"almost the issuer", issuer + "/", false, false},
		{"in capitals", strings.ToUpper(issuer), false, false},
		{"empty", "", false, false},
		{"an empty array", []string{}, false, false},
		{"an array of nothing", []string{""}, false, false},
		{"missing", nil, false, false},
		{"a number", 1, false, false},
		{"an object", map[string]any{"x": issuer}, false, false},
	} {
		claims := assertionClaims(now)
		if claims["aud"] = tt.aud; tt.aud == nil {
			delete(claims, "aud")
		}
		text := sign(t, jose.ES256, key, "", claims)
		check := token.AssertionCheck{Client: "c1", Issuer: issuer, Keys: set, Algorithms: oauth.ProfileNone.ClientAlgorithms(), Now: now}
		if _, err := check.Verify(text); (err == nil) != tt.strict {
			t.Errorf("%s: got %v, want acceptance: %v", tt.name, err, tt.strict)
		}
		check.InsecureAudiences = []string{tokenEndpoint}
		if _, err := check.Verify(text); (err == nil) != tt.excepted {
			t.Errorf("%s, from a client with the exception: got %v, want acceptance: %v", tt.name, err, tt.excepted)
		}
	}
}

func TestClaimsOfClientAssertions(t *testing.T) {
	now := newClock().Now()
	key := ecKey(t, elliptic.P256())
	set := keySet(t, jose.JSONWebKey{Key: key.Public()})
	at := now.Unix()
	for _, tt := range []struct {
		name     string
		change   map[string]any // nil removes a claim
		mentions string         // "" when it is accepted
	}{
		{"as it is", nil, ""},
		{"aud is another server", map[string]any{"aud": "https://evil.example"}, "insecure_assertion_audience"},
		{"iss is another client", map[string]any{"iss": "c2"}, "iss"},
		{"iss is missing", map[string]any{"iss": nil}, "iss"},
		{"sub is another client", map[string]any{"sub": "c2"}, "sub"},
		{"sub is missing", map[string]any{"sub": nil}, "sub"},
		{"both are another client", map[string]any{"iss": "c2", "sub": "c2"}, "iss"},
		{"exp is missing", map[string]any{"exp": nil}, "no exp"},
		{"exp is a text", map[string]any{"exp": "soon"}, "cannot be read"},
		{"exp has a fraction", map[string]any{"exp": float64(at) + 0.5}, ""},
		{"exp is a second ahead", map[string]any{"exp": at + 1}, ""},
		{"exp is now", map[string]any{"exp": at}, "expired"},
		{"exp was before 1970", map[string]any{"exp": -1}, "expired"},
		{"exp is an hour and a minute ahead", map[string]any{"exp": at + 3660}, ""},
		{"exp is more ahead", map[string]any{"exp": at + 3661}, "more than 1h1m0s ahead"},
		{"exp is very far ahead", map[string]any{"exp": 1e300}, "ahead"},
		{"nbf and iat are missing", map[string]any{"iat": nil}, ""},
		{"nbf is now", map[string]any{"nbf": at}, ""},
		{"nbf is a minute ahead", map[string]any{"nbf": at + 60}, ""},
		{"nbf is more ahead", map[string]any{"nbf": at + 61}, "nbf"},
		{"iat is a minute ahead", map[string]any{"iat": at + 60}, ""},
		{"iat is more ahead", map[string]any{"iat": at + 61}, "iat"},
		{"jti is missing", map[string]any{"jti": nil}, "jti"},
		{"jti is empty", map[string]any{"jti": ""}, "jti"},
		{"jti is long", map[string]any{"jti": strings.Repeat("j", 256)}, "jti"},
		{"jti has a NUL", map[string]any{"jti": "a\x00"}, "jti"},
	} {
		claims := assertionClaims(now)
		maps.Copy(claims, tt.change)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		got, err := verifyAssertion(sign(t, jose.ES256, key, "", claims), set, now)
		switch {
		case tt.mentions == "" && err != nil:
			t.Errorf("%s: got %v, want acceptance", tt.name, err)
		case tt.mentions != "" && (err == nil || !strings.Contains(err.Error(), tt.mentions) || got != token.Assertion{}):
			t.Errorf("%s: got %+v, %v, want an error about %s", tt.name, got, err, tt.mentions)
		}
	}
	text := sign(t, jose.ES256, key, "", map[string]any{"iss": "", "sub": "", "aud": issuer, "exp": at + 60, "jti": "j"})
	if _, err := (token.AssertionCheck{Issuer: issuer, Keys: set, Algorithms: oauth.ProfileNone.ClientAlgorithms(), Now: now}).Verify(text); err == nil {
		t.Error("the client without an id is authenticated")
	}
}

// RFC 8725 §3.1: which keys may have signed is not the assertion's to say.
func TestKeysOfClientAssertions(t *testing.T) {
	now := newClock().Now()
	e, p384, weak := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), weakRSAKey(t)
	good := sign(t, jose.ES256, e, "k", assertionClaims(now))
	public, _ := e.PublicKey.Bytes()
	encode := base64.RawURLEncoding.EncodeToString
	payload := strings.Split(good, ".")[1]
	hmacKey := []byte("0123456789abcdef0123456789abcdef")
	for _, tt := range []struct {
		name, text string
		keys       []jose.JSONWebKey
		accepted   bool
	}{
		{"the right one", good, []jose.JSONWebKey{{Key: e.Public(), KeyID: "k"}}, true},
		{"the right one among others", good, []jose.JSONWebKey{{Key: p384.Public()}, {Key: ecKey(t, elliptic.P256()).Public(), KeyID: "k"}, {Key: e.Public(), KeyID: "k", Use: "sig", Algorithm: "ES256"}}, true},
		{"a private key, registered by mistake", good, []jose.JSONWebKey{{Key: e, KeyID: "k"}}, true},
		{"none", good, nil, false},
		{"another", good, []jose.JSONWebKey{{Key: ecKey(t, elliptic.P256()).Public(), KeyID: "k"}}, false},
		{"under another kid", good, []jose.JSONWebKey{{Key: e.Public(), KeyID: "x"}}, false},
		{"for encryption", good, []jose.JSONWebKey{{Key: e.Public(), KeyID: "k", Use: "enc"}}, false},
		{"for another algorithm", good, []jose.JSONWebKey{{Key: e.Public(), KeyID: "k", Algorithm: "ES384"}}, false},
		{"ES384", sign(t, jose.ES384, p384, "k", assertionClaims(now)), []jose.JSONWebKey{{Key: p384.Public(), KeyID: "k"}}, false},
		{"RSA of 1024 bits", sign(t, jose.RS256, weak, "k", assertionClaims(now)), []jose.JSONWebKey{{Key: weak.Public(), KeyID: "k"}}, false},
		{"a shared secret", sign(t, jose.HS256, hmacKey, "k", assertionClaims(now)), []jose.JSONWebKey{{Key: hmacKey, KeyID: "k"}}, false},
		{"the public key as a shared secret", sign(t, jose.HS256, public, "k", assertionClaims(now)), []jose.JSONWebKey{{Key: e.Public(), KeyID: "k"}}, false},
		{"none of them: alg none", encode([]byte(`{"alg":"none"}`)) + "." + payload + ".", []jose.JSONWebKey{{Key: e.Public()}}, false},
		{"critical headers", encode([]byte(`{"alg":"ES256","crit":["x"],"x":1}`)) + "." + payload + "." + strings.Split(good, ".")[2], []jose.JSONWebKey{{Key: e.Public()}}, false},
		{"the key that the assertion brings", withOwnKey(t, e, now), []jose.JSONWebKey{{Key: p384.Public()}}, false},
	} {
		_, err := verifyAssertion(tt.text, jose.JSONWebKeySet{Keys: tt.keys}, now)
		if (err == nil) != tt.accepted {
			t.Errorf("%s: got %v, want acceptance: %v", tt.name, err, tt.accepted)
		}
	}
}

// weakRSAKey is a key that nobody should use.
func weakRSAKey(t *testing.T) *rsa.PrivateKey {
	t.Setenv("GODEBUG", "rsa1024min=0")
	return rsaKey(t, 1024)
}

// withOwnKey is an assertion with the public key in its header (RFC 7515 §4.1.3).
func withOwnKey(t *testing.T, key *ecdsa.PrivateKey, now time.Time) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	payload, _ := json.Marshal(assertionClaims(now))
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := signed.CompactSerialize()
	return text
}

func TestClientAssertionCannotBeAltered(t *testing.T) {
	now := newClock().Now()
	key := ecKey(t, elliptic.P256())
	set := keySet(t, jose.JSONWebKey{Key: key.Public()})
	good := sign(t, jose.ES256, key, "", assertionClaims(now))
	refused := func(altered string) {
		t.Helper()
		if _, err := verifyAssertion(altered, set, now); err == nil {
			t.Errorf("%q is accepted", altered)
		} else if strings.Contains(err.Error(), good[len(good)-20:]) {
			t.Errorf("the error quotes the assertion: %v", err)
		}
	}
	for i := range len(good) {
		refused(good[:i] + string([]byte{good[i] ^ 1}) + good[i+1:])
		refused(good[:i] + string([]byte{good[i] ^ 2}) + good[i+1:])
		refused(good[:i] + "\n" + good[i:])
	}
	for _, text := range []string{"", ".", "a.b.c", good + "." + good, strings.Repeat(good, 40), `{"payload":"","signatures":[]}`} {
		refused(text)
	}
	_, err := verifyAssertion(sign(t, jose.ES256, key, "", map[string]any{"pad": strings.Repeat("a", 8192)}), set, now)
	if err == nil || !strings.Contains(err.Error(), "longer than 8192") {
		t.Errorf("a long assertion: got %v", err)
	}
}

func FuzzVerifyClientAssertion(f *testing.F) {
	now := newClock().Now()
	key := ecKey(f, elliptic.P256())
	set := keySet(f, jose.JSONWebKey{Key: key.Public(), KeyID: "k"})
	good := sign(f, jose.ES256, key, "k", assertionClaims(now))
	input := good[:strings.LastIndex(good, ".")]
	for _, seed := range []string{good, "", input + ".", "eyJhbGciOiJub25lIn0.e30.", strings.Replace(good, ".", "..", 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// Nobody else has the key, so only what it signed is accepted, whatever the spelling of the signature.
		if _, err := verifyAssertion(text, set, now); err == nil && !strings.HasPrefix(text, input) {
			t.Errorf("%q is accepted and was never signed", text)
		}
	})
}

func TestAssertionKeyID(t *testing.T) {
	now := newClock().Now()
	key := ecKey(t, elliptic.P256())
	good := sign(t, jose.ES256, key, "k", assertionClaims(now))
	for text, want := range map[string]string{
		good: "k", sign(t, jose.ES256, key, "", assertionClaims(now)): "", "": "", "a.b.c": "", good + "\n": "",
		sign(t, jose.HS256, []byte("0123456789abcdef0123456789abcdef"), "k", assertionClaims(now)): "",
	} {
		if got := token.AssertionKeyID(text, oauth.ProfileNone.ClientAlgorithms()); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
