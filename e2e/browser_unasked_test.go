package e2e_test

import (
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// trap is an application whose page makes the browser ask for its authorization request in every way that needs no person.
var trap = template.Must(template.New("").Parse(`<!doctype html><title>Trap</title>
<link rel="prefetch" href="{{.Address "link"}}">
<script type="speculationrules">{"prefetch": [{"urls": ["{{.Script "rules"}}"], "eagerness": "immediate"}],
	"prerender": [{"urls": ["{{.Script "prerender"}}"], "eagerness": "immediate"}]}</script>
<img src="{{.Address "image"}}" alt="">
<embed src="{{.Address "embed"}}">
<script>fetch({{.Address "fetch"}}, {mode: "no-cors", credentials: "include"}).catch(() => {})</script>
<a id="person" href="{{.Address "person"}}">Connect</a>`))

// ways are the requests of the page; the state of each names its way.
type ways struct {
	house *house
	app   registered
}

func (w ways) Address(way string) string {
	return w.house.authorizeURL(request(w.app, "team", "acme", "state", way))
}

// Script is the address within a string of JSON.
func (w ways) Script(way string) template.HTML {
	return template.HTML(strings.ReplaceAll(w.Address(way), "&", `\u0026`)) //nolint:gosec // our own
}

// answered is what the server said to each way of asking.
type answered struct {
	mu   sync.Mutex
	ways map[string]string
	more chan struct{}
}

func (a *answered) say(way string, r *http.Request, w *httptest.ResponseRecorder) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ways[way] = fmt.Sprintf("%d with a cookie: %t, Location: %t", w.Code, len(r.Cookies()) > 0, w.Header().Get("Location") != "")
	select {
	case a.more <- struct{}{}:
	default:
	}
}

// until waits until the server has answered every way.
func (a *answered) until(t *testing.T, wanted ...string) map[string]string {
	t.Helper()
	late := time.After(patience)
	for {
		a.mu.Lock()
		got := map[string]string{}
		for _, way := range wanted {
			if said, ok := a.ways[way]; ok {
				got[way] = said
			}
		}
		a.mu.Unlock()
		if len(got) == len(wanted) {
			return got
		}
		select {
		case <-a.more:
		case <-late:
			t.Fatalf("the browser has asked only in these ways: %v", got)
		}
	}
}

// TestBrowserConnectsNothingInAdvance: where a person's consent is remembered, a page of the application, or of anybody, can make the
// browser ask for the authorization request before the person does. No code may come of that.
func TestBrowserConnectsNothingInAdvance(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	page := http.NewServeMux()
	server := httptest.NewServer(page)
	t.Cleanup(server.Close)
	callback := server.URL + "/callback"
	app := h.registerAs(client.Registration{RedirectURIs: []string{callback}})
	app.redirectURI = callback
	page.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, "<!doctype html><title>Back</title><h1>Back as %s</h1>", template.HTMLEscapeString(r.FormValue("state")))
	})
	page.HandleFunc("/trap", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		h.ok(trap.Execute(w, ways{h, app}))
	})
	answers := &answered{ways: map[string]string{}, more: make(chan struct{}, 1)}
	inner := h.server.Config.Handler
	h.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/o/authorize/" {
			inner.ServeHTTP(w, r)
			return
		}
		recorded := httptest.NewRecorder()
		inner.ServeHTTP(recorded, r)
		answers.say(r.FormValue("state"), r, recorded)
		for name, values := range recorded.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(recorded.Code)
		w.Write(recorded.Body.Bytes())
	})

	b := h.open()
	b.visit(h.authorizeURL(request(app, "team", "acme")))
	b.signIn(annEmail, annPassword)
	b.press(authorizeButton)
	b.visit(server.URL + "/trap")
	for way, said := range answers.until(t, "link", "rules", "prerender", "image", "embed", "fetch") {
		if want := "503 with a cookie: true, Location: false"; said != want {
			t.Errorf("%s: %s, want %s", way, said, want)
		}
	}
	b.press("#person")
	if said := answers.until(t, "person")["person"]; said != "303 with a cookie: true, Location: true" {
		t.Errorf("the person: %s, want a code", said)
	}
	b.forget()
}

// forget drops what the browser reported so far: the requests of a trap fail, as they should.
func (b *browser) forget() {
	b.notes.mu.Lock()
	defer b.notes.mu.Unlock()
	b.notes.problems = nil
}
