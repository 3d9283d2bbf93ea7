package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/examples/chatapi/api"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/google/go-cmp/cmp"
)

func (f fixture) serve(r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	f.ServeHTTP(recorder, r)
	return recorder
}

func newRequest(path, header, value string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set(header, value)
	return r
}

func unusedGuard(t *testing.T) *resourceserver.Guard {
	t.Helper()
	guard, err := resourceserver.New(t.Context(), "https://id.example", resourceserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

func TestApplicationsFindTheAuthorizationServer(t *testing.T) {
	f := newFixture(t)
	const at = "/.well-known/oauth-protected-resource"
	if challenge := f.call("GET", "/api/me/", "", "").Header().Get("WWW-Authenticate"); !strings.Contains(challenge, `resource_metadata="`+f.issuer+at+`"`) {
		t.Errorf("got %s, want it to say where the metadata is", challenge)
	}
	got := get[struct {
		Resource string
		Servers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported"`
	}](t, f, at, "")
	if got.Resource != f.issuer || !slices.Equal(got.Servers, []string{f.issuer}) || !slices.Equal(got.Scopes, slices.Sorted(slices.Values(everything))) {
		t.Errorf("got %+v, want this API, its authorization server and every scope", got)
	}
}

func TestMeSaysWhoAndWhichTeam(t *testing.T) {
	f := newFixture(t)
	got := get[api.Me](t, f, "/api/me/", f.token(t, "acme", "chatbot:read"))
	if diff := cmp.Diff(api.Me{Subject: "u1", ClientID: "c1", Team: "acme", TeamID: "acme-id", Scopes: []string{"chatbot:read"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTeamsSeeTheirOwnDataOnly(t *testing.T) {
	f := newFixture(t)
	acme, harbour := f.token(t, "acme", everything...), f.token(t, "harbour", everything...)
	ours, theirs := get[results[api.Chatbot]](t, f, "/api/chatbots/", acme).Results, get[results[api.Chatbot]](t, f, "/api/chatbots/", harbour).Results
	if len(ours) == 0 || len(theirs) == 0 {
		t.Fatal("a team starts without chatbots")
	}
	for _, a := range ours {
		for _, b := range theirs {
			if a.ID == b.ID || a.Name == b.Name {
				t.Errorf("both teams have %v", a)
			}
		}
	}
	for _, bot := range theirs {
		path := "/api/chatbots/" + bot.ID + "/"
		notFound(t, f, "GET", path, acme, "")
		notFound(t, f, "POST", path+"messages/", acme, `{"message":"Hello"}`)
		refusedBody(t, f, "/api/sessions/", acme, `{"chatbot":"`+bot.ID+`"}`, `"chatbot"`)
	}
	for _, s := range get[results[api.Session]](t, f, "/api/sessions/", harbour).Results {
		notFound(t, f, "GET", "/api/sessions/"+s.ID+"/", acme, "")
		refusedBody(t, f, "/api/chatbots/"+ours[0].ID+"/messages/", acme, `{"message":"Hello","session":"`+s.ID+`"}`, `"session"`)
	}
}

// Objects of other teams and missing objects get the same response.
func notFound(t *testing.T, f fixture, method, path, token, body string) {
	t.Helper()
	response := f.call(method, path, token, body)
	missing := f.call(method, strings.Replace(path, path[len("/api/chatbots/"):len("/api/chatbots/")+4], "none", 1), token, body)
	if response.Code != http.StatusNotFound || response.Body.String() != missing.Body.String() {
		t.Errorf("%s %s: got %d %s, want 404 as for what does not exist", method, path, response.Code, response.Body)
	}
}

func refusedBody(t *testing.T, f fixture, path, token, body, mentions string) {
	t.Helper()
	response := f.call("POST", path, token, body)
	problem := decode[struct {
		Error       string
		Description string `json:"error_description"`
	}](t, response, http.StatusBadRequest)
	if problem.Error != "invalid_request" || !strings.Contains(problem.Description, mentions) {
		t.Errorf("%s: got %+v, want invalid_request that mentions %s", body, problem, mentions)
	}
}

func TestSampleDataIsTheSameAfterARestart(t *testing.T) {
	one, two := newFixture(t), newFixture(t)
	first := get[results[api.Chatbot]](t, one, "/api/chatbots/", one.token(t, "acme", "chatbot:read"))
	second := get[results[api.Chatbot]](t, two, "/api/chatbots/", two.token(t, "acme", "chatbot:read"))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
	if !strings.HasPrefix(first.Results[0].Name, "Acme ") {
		t.Errorf("got %q, want a name that shows the team", first.Results[0].Name)
	}
}

func TestConversation(t *testing.T) {
	f := newFixture(t)
	all := f.token(t, "acme", everything...)
	bot := get[results[api.Chatbot]](t, f, "/api/chatbots/", all).Results[0]
	started := decode[api.Session](t, f.call("POST", "/api/sessions", all, `{"chatbot":"`+bot.ID+`","participant":" Ines "}`), http.StatusCreated)
	if started.Participant != "Ines" || started.Chatbot != (api.Reference{ID: bot.ID, Name: bot.Name}) {
		t.Errorf("got %+v, want Ines's session with %s", started, bot.Name)
	}
	said := decode[api.Exchange](t, f.call("POST", "/api/chatbots/"+bot.ID+"/messages", all, `{"message":"Hello","session":"`+started.ID+`"}`), http.StatusCreated)
	transcript := get[api.Transcript](t, f, "/api/sessions/"+started.ID, all)
	if diff := cmp.Diff([]api.Message{said.Message, said.Reply}, transcript.Messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if latest := get[results[api.Session]](t, f, "/api/sessions", all).Results[0].ID; latest != started.ID {
		t.Errorf("the first in the list is %s, want the latest, %s", latest, started.ID)
	}
	other := get[results[api.Chatbot]](t, f, "/api/chatbots/", all).Results[1]
	refusedBody(t, f, "/api/chatbots/"+other.ID+"/messages/", all, `{"message":"Hello","session":"`+started.ID+`"}`, `"session"`)
	alone := decode[api.Exchange](t, f.call("POST", "/api/chatbots/"+bot.ID+"/messages/", all, `{"message":"Hello"}`), http.StatusCreated)
	if alone.Session == "" || alone.Session == started.ID {
		t.Errorf("a message without a session is in %q, want a new one", alone.Session)
	}
}

func TestBodiesAreChecked(t *testing.T) {
	f := newFixture(t)
	all := f.token(t, "acme", everything...)
	bot := get[results[api.Chatbot]](t, f, "/api/chatbots/", all).Results[0].ID
	messages := "/api/chatbots/" + bot + "/messages/"
	for _, tt := range []struct{ path, body, mentions string }{
		{"/api/sessions/", `{}`, `"chatbot" is missing`},
		{"/api/sessions/", `{"chatbot":7}`, `"chatbot" must be a string`},
		{"/api/sessions/", `{"chatbot":"none"}`, `"chatbot" is not the id`},
		{"/api/sessions/", `{"chat":"` + bot + `"}`, `"chat" is not a known member`},
		{"/api/sessions/", `[]`, "not a JSON object"},
		{"/api/sessions/", `{"chatbot":"` + bot + `"} {}`, "after its JSON object"},
		{"/api/sessions/", `{"chatbot":"` + bot + `","participant":"` + strings.Repeat("x", 101) + `"}`, "at most 100"},
		{messages, `{`, "not a JSON object"},
		{messages, `{"message":" "}`, `"message" is missing`},
		{messages, `{"message":"` + strings.Repeat("é", 2001) + `"}`, "at most 2000"},
		{messages, `{"message":"x","session":"none"}`, `"session" is not the id`},
	} {
		refusedBody(t, f, tt.path, all, tt.body, tt.mentions)
	}
	refusedBody(t, f, messages, all, "", "Content-Type")
	if response := f.call("POST", messages, all, `{"message":"`+strings.Repeat("x", 70<<10)+`"}`); response.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: got %d, want 413", response.Code)
	}
}

func TestMethodsAndPathsThatAreNot(t *testing.T) {
	f := newFixture(t)
	all := f.token(t, "acme", everything...)
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"DELETE", "/api/chatbots/", 405, "GET, HEAD"},
		{"PUT", "/api/sessions", 405, "GET, HEAD, POST"},
		{"GET", "/api/chatbots/x/messages/", 405, "POST"},
		{"POST", "/api/docs/", 405, "GET, HEAD"},
		{"POST", "/api/schema/", 405, "GET, HEAD"},
		{"HEAD", "/api/chatbots/", 200, ""},
		{"GET", "/api/", 404, ""},
		{"POST", "/api", 404, ""},
		{"GET", "/api/chatbots/x/y/", 404, ""},
	} {
		response := f.call(tt.method, tt.path, all, "")
		if got := response.Header().Get("Allow"); response.Code != tt.status || got != tt.allow {
			t.Errorf("%s %s: got %d with Allow %q, want %d with %q", tt.method, tt.path, response.Code, got, tt.status, tt.allow)
		}
		if tt.status >= 400 && response.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: got %s, want JSON", tt.method, tt.path, response.Header().Get("Content-Type"))
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	f := newFixture(t)
	all := f.token(t, "acme", everything...)
	bot := get[results[api.Chatbot]](t, f, "/api/chatbots/", all).Results[0].ID
	var last string
	for n := range 220 {
		last = decode[api.Session](t, f.call("POST", "/api/sessions/", all, fmt.Sprintf(`{"chatbot":%q,"participant":"p%d"}`, bot, n)), http.StatusCreated).ID
	}
	sessions := get[results[api.Session]](t, f, "/api/sessions/", all).Results
	if len(sessions) != 200 || sessions[0].ID != last || sessions[199].Participant != "p20" {
		t.Errorf("got %d sessions, want the latest 200", len(sessions))
	}
	for range 60 {
		decode[api.Exchange](t, f.call("POST", "/api/chatbots/"+bot+"/messages/", all, `{"message":"Hello","session":"`+last+`"}`), http.StatusCreated)
	}
	if n := len(get[api.Transcript](t, f, "/api/sessions/"+last, all).Messages); n != 100 {
		t.Errorf("got %d messages, want the latest 100", n)
	}
}
