package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// RFC 9728 §3.3: a client must refuse metadata whose resource is not the URL that it knows the API by.
func TestMetadataNamesThisAPI(t *testing.T) {
	for _, tt := range []struct {
		args     []string
		resource string
	}{
		{[]string{"--listen", "localhost:8002"}, "http://localhost:8002"},
		{[]string{"--listen", ":8002"}, "http://localhost:8002"},
		{[]string{"--public-url", "https://chats.example/"}, "https://chats.example"},
		{[]string{"--public-url", "https://chats.example", "--audience", "https://chats.example/v1"}, "https://chats.example/v1"},
	} {
		o, err := parse(append([]string{"--issuer", "https://id.example"}, tt.args...))
		if err != nil {
			t.Fatal(err)
		}
		handler, err := o.handler(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		refusal := httptest.NewRecorder()
		handler.ServeHTTP(refusal, httptest.NewRequest(http.MethodGet, "/api/me/", nil))
		_, at, _ := strings.Cut(refusal.Header().Get("WWW-Authenticate"), `resource_metadata="`)
		at, _, _ = strings.Cut(at, `"`)
		path := strings.TrimPrefix(strings.TrimPrefix(at, "http://localhost:8002"), "https://chats.example")
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, httptest.NewRequest(http.MethodGet, path, nil))
		var got struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
		}
		if err := json.Unmarshal(response.Body.Bytes(), &got); err != nil {
			t.Fatalf("%q: %d %v", at, response.Code, err)
		}
		if got.Resource != tt.resource || len(got.Servers) != 1 || got.Servers[0] != "https://id.example" {
			t.Errorf("%v: got %+v, want the resource %s", tt.args, got, tt.resource)
		}
	}
}
