package browser

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Page is one page of a room: a row of the room's table.
type Page struct {
	Path  string // with its trailing slash; may have wildcards as http.ServeMux has them
	Title string // the key of its title
	Tab   string // the key of its name among the room's pages, or ""
	// OneFactor says that the page is also for people without the second factor that the operator requires: they set one up there.
	OneFactor bool
	Fresh     bool // it wants a sign-in of the last ten minutes: it ends something, or changes how the person signs in
	// OfLink says that the page is shown by ShowOfLink.
	OfLink bool
	Get    Handler
	Post   Handler
	// MaxBody is how many bytes a form may have; 0 is what ordinary forms may.
	MaxBody int64
}

// Handler answers a request of a person who is signed in.
type Handler func(w http.ResponseWriter, r *Request) error

// Request is a request for a page, of a person who is signed in. What the person does in its context is recorded as theirs.
type Request struct {
	*http.Request
	Session *authn.Session
	pages   *Pages
	profile team.Profile
	page    Page
	tabs    ui.Tabs
}

// Room makes routes of a room's pages. label is the key of what they are about. A person who is not signed in is asked to, and then
// brought to the page.
func (p *Pages) Room(label string, pages []Page) []route.Route {
	var routes []route.Route
	for _, page := range pages {
		rt := route.Route{Path: page.Path, MaxBody: page.MaxBody}
		if page.Get != nil {
			rt.Get = p.personal(page, label, pages, page.Get)
		}
		if page.Post != nil {
			guard := p.SameOrigin
			if page.OfLink {
				guard = p.FromLink
			}
			rt.Post = guard(p.personal(page, label, pages, page.Post))
		}
		routes = append(routes, rt)
	}
	return routes
}

func (p *Pages) personal(page Page, label string, room []Page, h Handler) route.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		session, err := p.Session(r)
		if err != nil {
			return err
		}
		if session == nil {
			askToSignIn(w, r)
			return nil
		}
		if !page.OneFactor && p.FactorFirst(w, r, session) {
			return nil
		}
		if page.Fresh && !p.Fresh(session) {
			AskAgain(w, r.URL.RequestURI()) // what was sent with a form is not done after it
			return nil
		}
		profile, err := p.Profile(r, session)
		if err != nil {
			return err
		}
		return h(w, &Request{
			Request: r.WithContext(As(r, session)), Session: session, pages: p, profile: profile, page: page, tabs: tabs(r, page, label, room),
		})
	}
}

// tabs are the links to a room's pages, with the wildcards of the request in place.
func tabs(r *http.Request, current Page, label string, room []Page) ui.Tabs {
	t := ui.Tabs{Label: ui.Text(label)}
	for _, page := range room {
		if page.Tab == "" {
			continue
		}
		t.Items = append(t.Items, ui.Tab{
			Href: fill(r, page.Path), Text: ui.Text(page.Tab), Current: page.Path == current.Path, Below: current.Tab == "" && below(page.Path, current.Path, room),
		})
	}
	return t
}

// below reports whether a page without a tab is one below a tab's page. The first page of a room, which every other one is below, does not count.
func below(tab, path string, room []Page) bool {
	if !strings.HasPrefix(path, tab) {
		return false
	}
	return !slices.ContainsFunc(room, func(p Page) bool { return p.Tab != "" && p.Path != tab && strings.HasPrefix(p.Path, tab) })
}

// fill puts the request's values in place of the wildcards of a path.
func fill(r *http.Request, path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, wildcard := strings.CutPrefix(part, "{"); wildcard {
			parts[i] = r.PathValue(strings.TrimSuffix(name, "}"))
		}
	}
	return strings.Join(parts, "/")
}

// Address is the address of the page.
func (r *Request) Address() string { return fill(r.Request, r.page.Path) }

// Clock is the time as the person sees it.
func (r *Request) Clock() ui.Clock { return ui.ClockAt(r.pages.Now(), r.profile.Location()) }

// Profile is how the person wants pages.
func (r *Request) Profile() team.Profile { return r.profile }

// Language is the language of the page.
func (r *Request) Language() *words.Catalogue { return r.pages.Language(r.Request) }

// Frame is what the page has around its content. The arguments are those of its title.
func (r *Request) Frame(arguments ...any) ui.Frame {
	f := r.pages.Frame(r.Request, r.Session, ui.Text(r.page.Title, arguments...))
	f.Tabs = r.tabs
	return f
}
