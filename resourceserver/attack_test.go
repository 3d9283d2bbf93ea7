package resourceserver_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/go-jose/go-jose/v4"
)

// refused checks that a request gets 401 invalid_token, twice: what was refused must not be remembered as good.
func refused(t *testing.T, i *issuer, target string, authorization ...string) {
	t.Helper()
	guard := i.guard(t, nil)
	for range 2 {
		response := call(guard, nil, target, authorization...)
		if challenge := response.Header().Get("WWW-Authenticate"); response.Code != http.StatusUnauthorized || !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("got %d %s %s, want 401 invalid_token", response.Code, challenge, response.Body)
		}
	}
}

func TestIDTokenIsNoAccessToken(t *testing.T) {
	i := newIssuer(t)
	for _, typ := range []any{nil, "JWT", "jwt", "at", "at+jwt2", "logout+jwt", 7, []string{"at+jwt"}} {
		refused(t, i, "/", "Bearer "+i.token(header("typ", typ)))
	}
}

func TestUnsignedToken(t *testing.T) {
	i := newIssuer(t)
	parts := strings.Split(i.token(), ".")
	for _, alg := range []string{"none", "None", "NONE", ""} {
		none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `","kid":"k1","typ":"at+jwt"}`))
		refused(t, i, "/", "Bearer "+none+"."+parts[1]+".")
		refused(t, i, "/", "Bearer "+none+"."+parts[1]+"."+parts[2])
	}
	refused(t, i, "/", "Bearer "+parts[0]+"."+parts[1]+".")
}

// The public key is known to everybody: as an HMAC key it would let everybody sign.
func TestHMACWithThePublicKey(t *testing.T) {
	i := newIssuer(t)
	public := &i.keys["k1"].PublicKey
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	point, err := public.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: public, KeyID: "k1", Algorithm: "ES256", Use: "sig"})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), point, jwk} {
		refused(t, i, "/", "Bearer "+i.token(signedBy("k1", jose.HS256, secret)))
	}
}

func TestForeignKeyUnderAKnownName(t *testing.T) {
	i := newIssuer(t)
	refused(t, i, "/", "Bearer "+i.token(signedBy("k1", jose.ES256, newKey())))
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, i, "/", "Bearer "+i.token(signedBy("k1", jose.RS256, private)))
	refused(t, i, "/", "Bearer "+i.token(signedBy("", jose.ES256, i.keys["k1"])))
}

// A key that comes with the token proves nothing.
func TestKeyInTheToken(t *testing.T) {
	i := newIssuer(t)
	own := newKey()
	refused(t, i, "/", "Bearer "+i.token(signedBy("k1", jose.ES256, own), header("jwk", jose.JSONWebKey{Key: own.Public(), KeyID: "k1"})))
	refused(t, i, "/", "Bearer "+i.token(signedBy("k1", jose.ES256, own), header("jku", i.URL+"/jwks")))
	refused(t, i, "/", "Bearer "+i.token(signedBy("other", jose.ES256, own), header("jku", i.URL+"/jwks")))
}

func TestCriticalHeaders(t *testing.T) {
	i := newIssuer(t)
	refused(t, i, "/", "Bearer "+i.token(header("crit", []string{"exp"}), header("exp", 1)))
	refused(t, i, "/", "Bearer "+i.token(header("crit", []string{"b64"}), header("b64", true)))
	refused(t, i, "/", "Bearer "+i.token(header("b64", true)))
}

func TestTokenForSomebodyElse(t *testing.T) {
	i := newIssuer(t)
	for name, changed := range map[string][]any{
		"iss": {nil, "", "https://other.example", i.URL + "/", strings.ToUpper(i.URL), []string{i.URL}},
		"aud": {nil, "", "https://other.example", i.URL + "/x", i.URL + "1", []string{}, []string{"https://other.example"}, 7},
	} {
		for _, value := range changed {
			t.Run(name, func(t *testing.T) { refused(t, i, "/", "Bearer "+i.token(claim(name, value))) })
		}
	}
}

func TestAudienceIsThisAPI(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.Audience = "https://api.example" })
	if response := call(guard, nil, "/", "Bearer "+i.token()); response.Code != http.StatusUnauthorized {
		t.Errorf("a token for the issuer: got %d, want 401", response.Code)
	}
	if response := call(guard, nil, "/", "Bearer "+i.token(claim("aud", "https://api.example"))); response.Code != http.StatusOK {
		t.Errorf("a token for this API: got %d, want 200", response.Code)
	}
}

// Clients ask for a token for the URL at which they know the API (RFC 8707), which need not be what its operator calls the audience.
func TestTokenForTheResourceThatClientsKnow(t *testing.T) {
	i := newIssuer(t)
	behind := i.guard(t, func(o *resourceserver.Options) { o.PublicURL = "https://api.example/v1/" })
	named := i.guard(t, func(o *resourceserver.Options) { o.Resource = "https://mcp.example/mcp" })
	for _, tt := range []struct {
		guard *resourceserver.Guard
		aud   string
		want  int
	}{
		{behind, "https://api.example/v1", 200},
		{behind, i.URL, 200},
		{behind, "https://api.example", 401},
		{named, "https://mcp.example/mcp", 200},
		{named, i.URL, 200},
		{named, "https://mcp.example/mcp/", 401},
	} {
		if response := call(tt.guard, nil, "/", "Bearer "+i.token(claim("aud", tt.aud))); response.Code != tt.want {
			t.Errorf("aud %s: got %d, want %d", tt.aud, response.Code, tt.want)
		}
	}
	if _, err := resourceserver.New(t.Context(), i.URL, resourceserver.Options{Resource: "https://api.example/#a"}); err == nil {
		t.Error("a resource with a fragment is accepted (RFC 9728 §1.2)")
	}
}

// The authorization server compares resources in the same way, so a token has one spelling and the API another.
func TestAudienceIsComparedAsAURL(t *testing.T) {
	i := newIssuer(t)
	for _, tt := range []struct {
		audience, aud string
		same          bool
	}{
		{"https://api.example", "https://api.example/", true},
		{"https://api.example/", "HTTPS://API.Example:443", true},
		{"http://127.0.0.1:80", "http://127.0.0.1/", true},
		{"https://api.example?a=b", "https://api.example/?a=b", true},
		{"URN:api", "urn:api", true},
		{"https://api.example/mcp", "https://api.example/mcp/", false},
		{"https://api.example/a", "https://api.example/A", false},
		{"https://api.example", "http://api.example", false},
		{"https://api.example", "https://api.example:80", false},
		{"https://api.example", "https://api.example.evil", false},
		{"https://u@api.example", "https://U@api.example", false},
		{"urn:api", "urn:API", false},
		{"chats", "CHATS", false},
	} {
		guard := i.guard(t, func(o *resourceserver.Options) { o.Audience = tt.audience })
		response := call(guard, nil, "/", "Bearer "+i.token(claim("aud", []string{"https://other.example", tt.aud})))
		if got := response.Code == http.StatusOK; got != tt.same {
			t.Errorf("%s and %s: got %d, want the same: %v", tt.audience, tt.aud, response.Code, tt.same)
		}
	}
}

func TestTokenOutOfTime(t *testing.T) {
	i := newIssuer(t)
	now := i.now().Unix()
	for name, changed := range map[string][]any{
		"exp": {nil, now - 10, now - 3600, 0, -1, "soon", 1e300},
		"iat": {nil, now + 11, "now"},
		"nbf": {now + 11},
	} {
		for _, value := range changed {
			t.Run(name, func(t *testing.T) { refused(t, i, "/", "Bearer "+i.token(claim(name, value))) })
		}
	}
}

func TestSeenTokenStillExpires(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	raw := i.token()
	for _, step := range []struct {
		wait   time.Duration
		status int
	}{{0, 200}, {time.Hour, 200}, {10*time.Second - time.Millisecond, 200}, {time.Millisecond, 401}} {
		i.advance(step.wait)
		if response := call(guard, nil, "/", "Bearer "+raw); response.Code != step.status {
			t.Errorf("%v later: got %d, want %d", step.wait, response.Code, step.status)
		}
	}
}

func TestMissingClaims(t *testing.T) {
	i := newIssuer(t)
	for _, name := range []string{"sub", "client_id", "jti", "team_id"} {
		t.Run(name, func(t *testing.T) {
			refused(t, i, "/", "Bearer "+i.token(claim(name, nil)))
			refused(t, i, "/", "Bearer "+i.token(claim(name, "")))
		})
	}
}

func TestAlteredToken(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	raw := i.token()
	if response := call(guard, nil, "/", "Bearer "+raw); response.Code != http.StatusOK {
		t.Fatalf("the token itself: got %d, want 200", response.Code)
	}
	for at := range len(raw) { // characters with bits that mean nothing in base64 included
		altered := []byte(raw)
		altered[at] ^= 1
		if response := call(guard, nil, "/", "Bearer "+string(altered)); response.Code != http.StatusUnauthorized {
			t.Errorf("byte %d altered: got %d, want 401", at, response.Code)
		}
	}
}

func TestMalformedTokens(t *testing.T) {
	i := newIssuer(t)
	raw := i.token()
	for _, authorization := range []string{
		"Bearer", "Bearer ", "Bearer x", "Bearer a.b", "Bearer ..", "Bearer a.b.c", "Bearer a.b.c.d", "Bearer " + raw + ".", "Bearer " + raw + " x",
		"Bearer " + raw + ", Bearer " + raw, "Bearer {}", "Bearer " + strings.Repeat("a.", 3) + "\xff", "Bearer " + strings.Repeat("A", 9000) + ".a.a",
	} {
		refused(t, i, "/", authorization)
	}
	for _, at := range []int{10, len(raw) - 10} { // in the header, and in the signature, which the signature does not cover
		refused(t, i, "/", "Bearer "+raw[:at]+"\n"+raw[at:])
	}
}

func TestTwoTokens(t *testing.T) {
	i := newIssuer(t)
	raw := i.token()
	refused(t, i, "/", "Bearer "+raw, "Bearer "+raw)
	refused(t, i, "/", "Basic YTpi", "Bearer "+raw)
}

func TestTokenInTheQuery(t *testing.T) {
	i := newIssuer(t)
	raw := i.token()
	refused(t, i, "/?access_token="+raw)
	refused(t, i, "/?a=b&access_token="+raw, "Bearer "+raw)
	refused(t, i, "/?access_token=")
	if response := call(i.guard(t, nil), nil, "/?q="+url.QueryEscape("?access_token=x"), "Bearer "+raw); response.Code != http.StatusOK {
		t.Errorf("a search for the word: got %d, want 200", response.Code)
	}
}

func TestOnlyConfiguredAlgorithms(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.Algorithms = []string{"RS256"} })
	if response := call(guard, nil, "/", "Bearer "+i.token()); response.Code != http.StatusUnauthorized {
		t.Errorf("ES256 where only RS256 is accepted: got %d, want 401", response.Code)
	}
}
