package resourceserver_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/google/go-cmp/cmp"
)

func TestMetadataSaysWhatTheAPINeeds(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) {
		o.Audience, o.Name, o.Documentation = "https://api.example/v1", "Chats", "https://api.example/docs"
	})
	guard.Require("session:read")
	handler := guard.Metadata()
	guard.Require("chatbot:read", "session:read")
	if got, want := guard.MetadataPath(), "/.well-known/oauth-protected-resource/v1"; got != want {
		t.Errorf("got the path %s, want %s", got, want)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, guard.MetadataPath(), nil))
	var got map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"resource": "https://api.example/v1", "authorization_servers": []any{i.URL}, "scopes_supported": []any{"chatbot:read", "session:read"},
		"bearer_methods_supported": []any{"header"}, "resource_name": "Chats", "resource_documentation": "https://api.example/docs",
		"dpop_signing_alg_values_supported": []any{"ES256", "Ed25519", "EdDSA", "PS256", "RS256"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if h := recorder.Header(); h.Get("Content-Type") != "application/json" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("got the headers %v, want JSON for everybody", h)
	}
}

func TestMetadataPath(t *testing.T) {
	i := newIssuer(t)
	for audience, want := range map[string]string{
		"https://api.example":        "/.well-known/oauth-protected-resource",
		"https://api.example/":       "/.well-known/oauth-protected-resource",
		"https://api.example/a%20b/": "/.well-known/oauth-protected-resource/a%20b/",
		"chats":                      "/.well-known/oauth-protected-resource",
	} {
		guard := i.guard(t, func(o *resourceserver.Options) { o.Audience = audience })
		if got := guard.MetadataPath(); got != want {
			t.Errorf("%s: got %s, want %s", audience, got, want)
		}
	}
}

// An application that knows nothing but the API's URL learns the rest from the refusal (RFC 9728 §5).
func TestRefusalsNameTheMetadataOnceItIsServed(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.Audience = "https://api.example/v1" })
	challenge := func(authorization ...string) string {
		return strings.Join(call(guard, []string{"x"}, "/", authorization...).Header()["Www-Authenticate"], "\n")
	}
	if got := challenge(); strings.Contains(got, "resource_metadata") {
		t.Errorf("before: got %s", got)
	}
	guard.Metadata()
	for name, authorization := range map[string][]string{
		"no token": nil, "bad token": {"Bearer x.y.z"}, "missing scope": {"Bearer " + i.token(claim("aud", "https://api.example/v1"))},
	} {
		want := `resource_metadata="https://api.example/.well-known/oauth-protected-resource/v1"`
		if got := challenge(authorization...); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
