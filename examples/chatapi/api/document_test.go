package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/examples/chatapi/api"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

func servedDocument(t *testing.T, f fixture) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(f.call("GET", "/api/schema/", "", "").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("the document is not valid OpenAPI: %v", err)
	}
	return doc
}

// The document matches what is enforced. Every operation is tried without a token, without each of its scopes, and with exactly its scopes.
func TestDocumentedScopesAreEnforced(t *testing.T) {
	f := newFixture(t)
	doc := servedDocument(t, f)
	var tried []string
	for _, path := range doc.Paths.Keys() {
		for method, op := range doc.Paths.Value(path).Operations() {
			t.Run(op.OperationID, func(t *testing.T) { tryOperation(t, f, method, path, op) })
			tried = append(tried, method+" "+path)
		}
	}
	slices.Sort(tried)
	want := []string{
		"GET /api/chatbots/", "GET /api/chatbots/{id}/", "GET /api/me/", "GET /api/sessions/", "GET /api/sessions/{id}/",
		"POST /api/chatbots/{id}/messages/", "POST /api/sessions/",
	}
	if diff := cmp.Diff(want, tried); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func tryOperation(t *testing.T, f fixture, method, path string, op *openapi3.Operation) {
	all := f.token(t, "acme", everything...)
	bot := get[results[api.Chatbot]](t, f, "/api/chatbots/", all).Results[0].ID
	session := get[results[api.Session]](t, f, "/api/sessions/", all).Results[0].ID
	target := strings.NewReplacer("/chatbots/{id}", "/chatbots/"+bot, "/sessions/{id}", "/sessions/"+session).Replace(path)
	body := ""
	if op.RequestBody != nil {
		values := map[string]string{"chatbot": bot, "participant": "Ines", "message": "Hello"}
		maps.DeleteFunc(values, func(name, _ string) bool {
			return op.RequestBody.Value.Content["application/json"].Schema.Value.Properties[name] == nil
		})
		encoded, _ := json.Marshal(values)
		body = string(encoded)
	}
	scopes := (*op.Security)[0]["gatehouse"]
	for _, target := range []string{target, strings.TrimSuffix(target, "/")} {
		response := f.call(method, target, "", body)
		if got := response.Header().Get("WWW-Authenticate"); response.Code != 401 || strings.Contains(got, "error") || !strings.HasPrefix(got, "Bearer ") {
			t.Errorf("%s without a token: got %d %s, want 401 without an error code", target, response.Code, got)
		}
		for _, missing := range scopes {
			others := slices.DeleteFunc(slices.Clone(everything), func(s string) bool { return s == missing })
			response := f.call(method, target, f.token(t, "acme", others...), body)
			if got := response.Header().Get("WWW-Authenticate"); response.Code != 403 || !strings.Contains(got, `scope="`+missing+`"`) {
				t.Errorf("%s without %s: got %d %s, want 403 that names it", target, missing, response.Code, got)
			}
		}
		response = f.call(method, target, f.token(t, "acme", scopes...), body)
		checkAnswer(t, op, response.Code, response.Body.Bytes())
	}
}

// checkAnswer compares a response with the document.
func checkAnswer(t *testing.T, op *openapi3.Operation, status int, body []byte) {
	t.Helper()
	documented := op.Responses.Status(status)
	if status/100 != 2 || documented == nil {
		t.Errorf("with just its scopes: got %d %s, want the documented success", status, body)
		return
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatal(err)
	}
	content := documented.Value.Content["application/json"]
	if err := content.Schema.Value.VisitJSON(value); err != nil {
		t.Errorf("the answer is not as documented: %v", err)
	}
	if err := content.Schema.Value.VisitJSON(content.Example); err != nil {
		t.Errorf("the example is not as documented: %v", err)
	}
}

func TestDocumentSaysHowToGetAToken(t *testing.T) {
	f := newFixture(t)
	doc := servedDocument(t, f)
	flow := doc.Components.SecuritySchemes["gatehouse"].Value.Flows.AuthorizationCode
	if flow.AuthorizationURL != f.issuer+"/o/authorize/" || flow.TokenURL != f.issuer+"/o/token/" || doc.Servers[0].URL != publicURL {
		t.Errorf("got %+v at %v, want the issuer's endpoints and the public URL", flow, doc.Servers[0])
	}
	used := map[string]bool{}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, scope := range (*op.Security)[0]["gatehouse"] {
				used[scope] = true
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(flow.Scopes))); diff != "" {
		t.Errorf("scopes (-used +described):\n%s", diff)
	}
}

func TestReferenceShowsEveryEndpointWithItsScopes(t *testing.T) {
	f := newFixture(t)
	doc := servedDocument(t, f)
	page := f.call("GET", "/api/docs", "", "").Body.String()
	rows := strings.Split(page, "<tr role=\"row\">")
	for _, path := range doc.Paths.Keys() {
		for method, op := range doc.Paths.Value(path).Operations() {
			i := slices.IndexFunc(rows, func(row string) bool {
				return strings.Contains(row, ">"+method+"<") && strings.Contains(row, "<code>"+path+"</code>")
			})
			if i < 0 {
				t.Errorf("%s %s has no row", method, path)
				continue
			}
			for _, scope := range (*op.Security)[0]["gatehouse"] {
				if !strings.Contains(rows[i], ">"+scope+"<") {
					t.Errorf("the row of %s %s lacks %s", method, path, scope)
				}
			}
			if !strings.Contains(page, `id="`+op.OperationID+`"`) {
				t.Errorf("%s has no details", op.OperationID)
			}
		}
	}
}

func TestDocumentationPages(t *testing.T) {
	f := newFixture(t)
	for path, wants := range map[string][]string{
		"/api/docs/":                      {"<table", "/api/schema/", f.issuer + "/docs/guide/"},
		"/api/docs":                       {"<table"},
		"/api/docs/try/":                  {`data-client-id="docs-client"`, `data-redirect-url="https://api.example/api/docs/oauth2-redirect.html"`},
		"/api/docs/oauth2-redirect.html":  {"oauth2-redirect.js"},
		"/api/docs/oauth2-redirect.html/": {"oauth2-redirect.js"},
	} {
		response := f.call("GET", path, "", "")
		for _, want := range wants {
			if response.Code != http.StatusOK || !strings.Contains(response.Body.String(), want) {
				t.Errorf("%s: got %d without %q", path, response.Code, want)
			}
		}
		policy := response.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: got the policy %q", path, policy)
		}
		for _, inline := range []string{"<style", "style=", "onclick=", "<script>"} {
			if strings.Contains(response.Body.String(), inline) {
				t.Errorf("%s has %q, which the policy forbids", path, inline)
			}
		}
	}
}

func TestTryPageWithoutAClientSaysHowToGetOne(t *testing.T) {
	f := newFixture(t)
	without := fixture{Handler: api.New(api.Config{Issuer: f.issuer, PublicURL: publicURL, Guard: unusedGuard(t)})}
	if page := without.call("GET", "/api/docs/try/", "", "").Body.String(); !strings.Contains(page, "gatehouse client add") || !strings.Contains(page, publicURL+"/api/docs/oauth2-redirect.html") {
		t.Errorf("the page does not say how to register a client:\n%s", page)
	}
}

func TestStaticFiles(t *testing.T) {
	f := newFixture(t)
	for name, want := range map[string]string{
		"docs.css": "prefers-color-scheme", "try.js": "SwaggerUIBundle", "swagger-ui.css": ".swagger-ui", "swagger-ui-bundle.js": "SwaggerUIBundle",
		"oauth2-redirect.js": "swaggerUIRedirectOauth2", "LICENSE": "Apache License",
	} {
		response := f.call("GET", "/api/docs/static/"+name, "", "")
		if response.Code != http.StatusOK || response.Header().Get("Content-Encoding") != "" || !strings.Contains(response.Body.String(), want) {
			t.Errorf("%s: got %d without %q", name, response.Code, want)
		}
		etag := response.Header().Get("ETag")
		request := newRequest("/api/docs/static/"+name, "If-None-Match", etag)
		if again := f.serve(request); again.Code != http.StatusNotModified {
			t.Errorf("%s with its ETag %s: got %d, want 304", name, etag, again.Code)
		}
	}
	if packed := f.serve(newRequest("/api/docs/static/swagger-ui-bundle.js", "Accept-Encoding", "gzip")); packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() > 600<<10 {
		t.Errorf("got %d bytes with the encoding %q, want gzip", packed.Body.Len(), packed.Header().Get("Content-Encoding"))
	}
	for _, name := range []string{"", "nothing.js", "..%2fapi.go", "%2e%2e%2ftemplates%2fdocs.html"} {
		if response := f.call("GET", "/api/docs/static/"+name, "", ""); response.Code != http.StatusNotFound {
			t.Errorf("%q: got %d, want 404", name, response.Code)
		}
	}
}
