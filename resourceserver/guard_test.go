package resourceserver_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/google/go-cmp/cmp"
)

func TestTokenReachesTheHandler(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	raw := i.token(claim("jti", "f1.j1"), claim("acr", "pwd"))
	for _, how := range []string{"first", "seen before"} {
		response := call(guard, []string{"chatbot:read"}, "/", "Bearer "+raw)
		if response.Code != http.StatusOK {
			t.Fatalf("%s: got %d %s, want 200", how, response.Code, response.Body)
		}
		var got resourceserver.Token
		if err := json.Unmarshal(response.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		want := resourceserver.Token{
			Subject: "u1", ClientID: "c1", Team: "acme", TeamID: "t1", GrantID: "g1", Scopes: []string{"chatbot:read", "session:read"},
			Issuer: i.URL, Audience: []string{i.URL}, ID: "f1.j1", Family: "f1",
			IssuedAt: i.now(), Expires: i.now().Add(time.Hour), AuthTime: i.now().Add(-time.Minute), ACR: "pwd",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", how, diff)
		}
	}
}

func TestMachineToken(t *testing.T) {
	i := newIssuer(t)
	raw := i.token(claim("jti", "m.j1"), claim("grant_id", nil), claim("sub", "c1"))
	var got resourceserver.Token
	if err := json.Unmarshal(call(i.guard(t, nil), nil, "/", "Bearer "+raw).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Machine() || got.Family != "" || got.TeamID != "t1" {
		t.Errorf("got %+v, want a machine of the team t1", got)
	}
}

func TestFromContextOutsideRequire(t *testing.T) {
	if got := resourceserver.FromContext(t.Context()); got != nil {
		t.Errorf("got %v, want nil", got)
	}
}

func TestAcceptedTokens(t *testing.T) {
	i := newIssuer(t)
	for name, raw := range map[string]string{
		"typ in full":               i.token(header("typ", "application/at+jwt")),
		"typ in other letters":      i.token(header("typ", "AT+JWT")),
		"one of several audiences":  i.token(claim("aud", []string{"https://other.example", i.URL})),
		"expired within the leeway": i.token(claim("exp", i.now().Unix()-9)),
		"issued within the leeway":  i.token(claim("iat", i.now().Unix()+10)),
		"times with fractions":      i.token(claim("exp", float64(i.now().Unix())+0.5)),
		"no auth_time":              i.token(claim("auth_time", nil)),
		"no scope":                  i.token(claim("scope", nil)),
	} {
		for _, scheme := range []string{"Bearer ", "bearer ", "BEARER  "} {
			if response := call(i.guard(t, nil), nil, "/", scheme+raw); response.Code != http.StatusOK {
				t.Errorf("%s, %q: got %d %s, want 200", name, scheme, response.Code, response.Body)
			}
		}
	}
}

func TestNoToken(t *testing.T) {
	i := newIssuer(t)
	for name, authorization := range map[string][]string{"none": nil, "another scheme": {"Basic YTpi"}, "empty": {""}, "not even a scheme": {"x"}} {
		response := call(i.guard(t, nil), []string{"chatbot:read"}, "/", authorization...)
		if got, want := response.Header().Get("WWW-Authenticate"), `Bearer realm="`+i.URL+`"`; response.Code != http.StatusUnauthorized || got != want {
			t.Errorf("%s: got %d %s, want 401 %s", name, response.Code, got, want)
		}
	}
}

func TestMissingScope(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	for _, tt := range []struct {
		has    any
		needs  []string
		status int
	}{
		{"chatbot:read", []string{"chatbot:read"}, 200},
		{"session:write chatbot:read", []string{"chatbot:read", "session:write"}, 200},
		{"chatbot:read", []string{"session:read"}, 403},
		{"chatbot:read", []string{"chatbot:read", "session:write"}, 403},
		{"chatbot:readx chatbot", []string{"chatbot:read"}, 403},
		{"CHATBOT:READ", []string{"chatbot:read"}, 403},
		{nil, []string{"chatbot:read"}, 403},
	} {
		response := call(guard, tt.needs, "/", "Bearer "+i.token(claim("scope", tt.has)))
		if response.Code != tt.status {
			t.Errorf("has %v, needs %v: got %d, want %d", tt.has, tt.needs, response.Code, tt.status)
		}
		challenge, scope := response.Header().Get("WWW-Authenticate"), `scope="`+strings.Join(tt.needs, " ")+`"`
		if tt.status == 403 && (!strings.Contains(challenge, `error="insufficient_scope"`) || !strings.Contains(challenge, scope)) {
			t.Errorf("got %s, want insufficient_scope and %s", challenge, scope)
		}
	}
}

func TestRefusalsAreJSONThatNobodyCaches(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	for name, response := range map[string]*httptest.ResponseRecorder{
		"unauthorized":       call(guard, nil, "/"),
		"invalid_token":      call(guard, nil, "/", "Bearer x.y.z"),
		"insufficient_scope": call(guard, []string{"other"}, "/", "Bearer "+i.token()),
	} {
		var body struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		if err := json.Unmarshal(response.Body.Bytes(), &body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if body.Error != name || body.Description == "" {
			t.Errorf("got %+v, want the error %s with a description", body, name)
		}
		if h := response.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json" {
			t.Errorf("%s: got the headers %v, want no-store and application/json", name, h)
		}
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	for name, tt := range map[string]struct {
		issuer string
		opts   resourceserver.Options
	}{
		"no issuer":             {"", resourceserver.Options{}},
		"relative issuer":       {"/id", resourceserver.Options{}},
		"plain http":            {"http://id.example", resourceserver.Options{}},
		"looks like loopback":   {"http://127.0.0.1.example", resourceserver.Options{}},
		"ends like loopback":    {"http://evillocalhost", resourceserver.Options{}},
		"loopback as user":      {"http://localhost@id.example", resourceserver.Options{}},
		"credentials":           {"https://user:password@id.example", resourceserver.Options{}},
		"query":                 {"https://id.example?x=1", resourceserver.Options{}},
		"metadata over http":    {"https://id.example", resourceserver.Options{MetadataURL: "http://id.example/m"}},
		"metadata with a user":  {"https://id.example", resourceserver.Options{MetadataURL: "https://user@id.example/m"}},
		"alg none":              {"https://id.example", resourceserver.Options{Algorithms: []string{"none"}}},
		"an HMAC":               {"https://id.example", resourceserver.Options{Algorithms: []string{"ES256", "HS256"}}},
		"realm breaks a header": {"https://id.example", resourceserver.Options{Realm: `a", error="`}},
		"bound too short":       {"https://id.example", resourceserver.Options{RevocationBound: time.Second}},
		"bound in the past":     {"https://id.example", resourceserver.Options{RevocationBound: -time.Second}},
		"public path":           {"https://id.example", resourceserver.Options{PublicURL: "/api"}},
		"public file":           {"https://id.example", resourceserver.Options{PublicURL: "file://host/api"}},
		"URL breaks a header":   {"https://id.example", resourceserver.Options{PublicURL: `https://api.example/"`}},
		"short nonce key":       {"https://id.example", resourceserver.Options{NonceKey: []byte("short")}},
	} {
		if _, err := resourceserver.New(t.Context(), tt.issuer, tt.opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, issuer := range []string{"https://id.example", "http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000/tenant"} {
		if _, err := resourceserver.New(t.Context(), issuer, resourceserver.Options{}); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

// A guard keeps its own copy of what it was given: a caller may use its slice again.
func TestCallersMayUseTheirSlicesAgain(t *testing.T) {
	i := newIssuer(t)
	key, scopes := bytes.Repeat([]byte("k"), 32), []string{"chatbot:read"}
	guard := i.guard(t, func(o *resourceserver.Options) { o.NonceKey = key })
	protect := guard.Require(scopes...)
	raw := i.bound(t, clientKey.Public())
	nonce := present(guard, "/", "DPoP "+raw, i.proofFor("/", raw)).Header().Get("DPoP-Nonce")
	clear(key)
	scopes[0] = "session:read"
	if response := present(guard, "/", "DPoP "+raw, i.proofFor("/", raw, proves("nonce", nonce))); response.Code != http.StatusOK {
		t.Errorf("got %d %s after the caller cleared its key, want 200", response.Code, response.Body)
	}
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+i.token(claim("scope", "session:read")))
	recorder := httptest.NewRecorder()
	protect(http.NotFoundHandler()).ServeHTTP(recorder, request)
	if recorder.Code != http.StatusForbidden {
		t.Errorf("got %d after the caller changed its scopes, want 403", recorder.Code)
	}
}

func BenchmarkSeenToken(b *testing.B) {
	i := newIssuer(b)
	benchmark(b, i, i.guard(b, nil))
}

func BenchmarkNewToken(b *testing.B) {
	i := newIssuer(b)
	benchmark(b, i, i.guard(b, func(o *resourceserver.Options) { o.CachedTokens = -1 }))
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header       { return d.header }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func benchmark(b *testing.B, i *issuer, guard *resourceserver.Guard) {
	passed := 0
	handler := guard.Require("chatbot:read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed++ }))
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+i.token())
	w := discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		handler.ServeHTTP(w, request)
	}
	if passed < b.N {
		b.Errorf("%d of %d requests passed", passed, b.N)
	}
}
