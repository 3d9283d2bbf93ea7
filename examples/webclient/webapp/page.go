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

// layoutView is the layout of every page, with the page's own view.
type layoutView struct {
	App, Title, Issuer string
	Page               any
}

// homeView is the first page.
type homeView struct {
	Connections []*connection
	Scopes      []scopeChoice
}

// scopeChoice is a scope that the person can choose.
type scopeChoice struct {
	Name, Why string
	Checked   bool
}

// connectionView is the data of one connection, and its requests.
type connectionView struct {
	Connection    *connection
	Me            me
	Chatbots      []chatbot
	Conversations []conversation
	Error         string
	Expires       time.Time // of the access token
	Renewable     bool
	Renewed       int // how often
	Exchanges     []exchange
}

// disconnectedView is the page after disconnecting.
type disconnectedView struct {
	Team      string
	Exchanges []exchange
}

// failureView is the error page.
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
		http.Error(w, "The page could not be rendered.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body.Bytes())
}

func (a *app) fail(w http.ResponseWriter, _ *http.Request, status int, sentence, detail string) {
	a.show(w, status, "failure.html", "Error", failureView{sentence, detail})
}
