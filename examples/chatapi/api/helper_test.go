package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/examples/chatapi/api"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

const publicURL = "https://api.example"

// fixture is the API with the issuer's keys, so that a test can make any token.
type fixture struct {
	http.Handler
	issuer string
	keys   *token.Keyring
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	keys, err := token.OpenKeyring(t.Context(), db, storetest.Keyed(t, db), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	issuer := httptest.NewServer(mux)
	t.Cleanup(issuer.Close)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/jwks"})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, _ *http.Request) {
		body, _ := keys.JWKS()
		w.Write(body)
	})
	guard, err := resourceserver.New(t.Context(), issuer.URL, resourceserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return fixture{api.New(api.Config{Issuer: issuer.URL, PublicURL: publicURL, DocsClientID: "docs-client", Guard: guard}), issuer.URL, keys}
}

// token returns an access token for a team. The team's id is its slug and "-id".
func (f fixture) token(t *testing.T, team string, scopes ...string) string {
	t.Helper()
	now := time.Now()
	signed, err := f.keys.SignAccessToken(token.AccessClaims{
		Issuer: f.issuer, Subject: "u1", Audience: []string{f.issuer}, ClientID: "c1", Scope: strings.Join(scopes, " "),
		IssuedAt: now.Unix(), Expires: now.Unix() + 60, ID: token.NewID(), Team: team, TeamID: team + "-id", GrantID: "g1",
	})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// call sends a request; body is sent as JSON unless it is empty.
func (f fixture) call(method, path, accessToken, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if accessToken != "" {
		request.Header.Set("Authorization", "Bearer "+accessToken)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	recorder := httptest.NewRecorder()
	f.ServeHTTP(recorder, request)
	return recorder
}

// get decodes the response of a successful GET.
func get[T any](t *testing.T, f fixture, path, accessToken string) T {
	t.Helper()
	return decode[T](t, f.call("GET", path, accessToken, ""), http.StatusOK)
}

func decode[T any](t *testing.T, response *httptest.ResponseRecorder, status int) T {
	t.Helper()
	var v T
	if response.Code != status {
		t.Fatalf("got %d %s, want %d", response.Code, response.Body, status)
	}
	if err := json.Unmarshal(response.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v in %s", err, response.Body)
	}
	return v
}

type results[T any] struct{ Results []T }

var everything = []string{"chatbot:read", "chatbot:interact", "session:read", "session:write"}
