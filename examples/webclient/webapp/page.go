package webapp

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"time"
)

//go:embed templates
var templateFiles embed.FS

var pages = map[string]*template.Template{}

func init() {
	layout := template.Must(template.ParseFS(templateFiles, "templates/layout.html"))
	for _, name := range []string{"home.html", "connection.html", "disconnected.html", "failure.html"} {
		pages[name] = template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+name))
	}
}

// layoutView is what every page has around its own view.
type layoutView struct {
	App, Title, Issuer string
	Page               any
}

// homeView is the first page.
type homeView struct {
	Connections []*connection
	Scopes      []scopeChoice
}

// scopeChoice is a permission that the person can have the application ask for.
type scopeChoice struct {
	Name, Why string
	Checked   bool
}

// connectionView is what one connection can see, and what was said for it.
type connectionView struct {
	Connection    *connection
	Me            me
	Chatbots      []chatbot
	Conversations []conversation
	Error         string
	Expires       time.Time // of the access token
	Renewable     bool
	Renewed       int // times
	Exchanges     []exchange
}

// disconnectedView says what has ended, and how.
type disconnectedView struct {
	Team      string
	Exchanges []exchange
}

// failureView says what went wrong.
type failureView struct{ Sentence, Detail string }

func (a *app) home(w http.ResponseWriter, r *http.Request) {
	a.show(w, http.StatusOK, "home.html", "Home", homeView{
		Connections: a.sessions.of(r).all(),
		Scopes: []scopeChoice{
			{"chatbot:read", "list your chatbots", true},
			{"session:read", "read your sessions", true},
			{"session:write", "start sessions", false},
			{"chatbot:interact", "talk to your chatbots", false},
		},
	})
}

func (a *app) show(w http.ResponseWriter, status int, name, title string, view any) {
	var body bytes.Buffer
	if err := pages[name].ExecuteTemplate(&body, "layout.html", layoutView{a.Name, title, a.Issuer, view}); err != nil {
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body.Bytes())
}

func (a *app) fail(w http.ResponseWriter, _ *http.Request, status int, sentence, detail string) {
	a.show(w, status, "failure.html", "Not done", failureView{sentence, detail})
}
