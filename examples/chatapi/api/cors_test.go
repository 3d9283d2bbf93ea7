package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A page of any origin may send its token, and reads refusals too: that is how it finds the authorization server.
func TestPagesOfOtherOriginsCanCallTheAPI(t *testing.T) {
	f := newFixture(t)
	from := func(method, path string, headers ...string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(method, path, nil)
		request.Header.Set("Origin", "https://app.example")
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		recorder := httptest.NewRecorder()
		f.ServeHTTP(recorder, request)
		return recorder
	}
	preflight := from("OPTIONS", "/api/sessions/", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization, dpop")
	if h := preflight.Header(); preflight.Code != http.StatusNoContent || h.Get("Access-Control-Allow-Methods") != "GET, POST" ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "DPoP") {
		t.Errorf("the preflight: got %d %v", preflight.Code, h)
	}
	token := "Bearer " + f.token(t, "acme", everything...)
	for name, response := range map[string]*httptest.ResponseRecorder{
		"preflight": preflight,
		"answer":    from("GET", "/api/me/", "Authorization", token),
		"refusal":   from("GET", "/api/me/"),
		"no method": from("DELETE", "/api/me/", "Authorization", token),
		"schema":    from("GET", "/api/schema/"),
		"metadata":  from("GET", "/.well-known/oauth-protected-resource"),
	} {
		h := response.Header()
		if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: got %v, want any origin and no credentials", name, h)
		}
		if name == "refusal" && (response.Code != http.StatusUnauthorized || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "WWW-Authenticate")) {
			t.Errorf("got %d %v, want a challenge that the page may read", response.Code, h)
		}
	}
	if h := from("GET", "/api/docs/").Header(); h.Get("Access-Control-Allow-Origin") != "" {
		t.Error("other origins may read the documentation's pages")
	}
	if response := from("OPTIONS", "/api/me/"); response.Code != http.StatusMethodNotAllowed {
		t.Errorf("OPTIONS that is no preflight: got %d, want 405", response.Code)
	}
}
