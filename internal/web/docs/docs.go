// Package docs is the project's guide and documents as pages of this server, with its own addresses in the examples.
package docs

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	documents "github.com/gatehouse-auth/gatehouse/docs"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

//go:embed *.html
var files embed.FS

var documentPage = ui.NewPage[documentView](files, "document.html")

// documentView is a document, or with List the list of them.
type documentView struct {
	ui.Frame
	Body     template.HTML // from our own Markdown
	Contents []heading
	List     []listed
}

// Headed reports whether the body brings its own <h1>.
func (v documentView) Headed() bool { return strings.Contains(string(v.Body), "<h1") }

// heading is a heading of the second level.
type heading struct{ ID, Text string }

// listed is a document in the list.
type listed struct{ Path, Title string }

// document is a Markdown file of docs/ as a page.
type document struct {
	title    string
	body     template.HTML
	contents []heading
}

// Room is the pages.
type Room struct {
	*browser.Pages
	APIDocs   string // the URL of the API's documentation; may be ""
	documents func() map[string]document
}

// New makes the room; the documents are rendered at the first request for one.
func New(pages *browser.Pages, apiDocs string) *Room {
	room := &Room{Pages: pages, APIDocs: apiDocs}
	room.documents = sync.OnceValue(func() map[string]document {
		all, err := room.render(documents.Files)
		if err != nil {
			panic(err) // embedded files can be read
		}
		return all
	})
	return room
}

// Routes is the table of the room's pages.
func (room *Room) Routes() []route.Route {
	return []route.Route{
		{Path: "/docs/", Get: room.list},
		{Path: "/docs/{page}/", Get: room.document},
		{Path: "/docs/errors/{error}/", Get: room.document},
	}
}

// Hosts that the documents use as examples; here they become this server's own.
const (
	exampleIssuer = "https://auth.example.com"
	exampleAPI    = "https://api.example.com"
)

// errorPages is the folder of the pages that error_uri leads to.
const errorPages = "errors/"

// render makes a page of each Markdown file, by its name without the suffix.
func (room *Room) render(files fs.FS) (map[string]document, error) {
	names, err := fs.Glob(files, "*.md")
	if err != nil {
		return nil, err
	}
	errors, err := fs.Glob(files, errorPages+"*.md")
	if err != nil {
		return nil, err
	}
	fill := room.ownAddresses()
	all := map[string]document{}
	for _, name := range slices.Concat(names, errors) {
		source, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		d, err := renderDocument([]byte(fill.Replace(string(source))), names)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", name, err)
		}
		all[strings.TrimSuffix(name, ".md")] = d
	}
	return all, nil
}

// ownAddresses replaces the addresses of the examples by this server's. Without APIDocs, the API is taken to be at the server's address.
func (room *Room) ownAddresses() *strings.Replacer {
	docs, api := room.Issuer+"/api/docs/", room.Issuer
	if u, err := url.Parse(room.APIDocs); err == nil && u.Host != "" {
		docs, api = room.APIDocs, u.Scheme+"://"+u.Host
	}
	return strings.NewReplacer(
		exampleIssuer, room.Issuer, url.QueryEscape(exampleIssuer), url.QueryEscape(room.Issuer),
		exampleAPI+"/api/docs/", docs, exampleAPI, api)
}

// renderDocument makes a page of Markdown. Raw HTML in it is left out, and links to the other files become links to their pages.
func renderDocument(source []byte, names []string) (document, error) {
	tables := extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)) // the content security policy blocks style attributes
	markdown := goldmark.New(goldmark.WithExtensions(tables, extension.Linkify), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	root := markdown.Parser().Parse(text.NewReader(source))
	var d document
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			d.addHeading(n, source)
		case *ast.Link:
			n.Destination = pageLink(n.Destination, names)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return document{}, err
	}
	var body bytes.Buffer
	if err := markdown.Renderer().Render(&body, source, root); err != nil {
		return document{}, err
	}
	d.body = template.HTML(scrollable.Replace(body.String()))
	return d, nil
}

// scrollable lets the keyboard reach what scrolls on a narrow screen.
var scrollable = strings.NewReplacer("<pre>", `<pre tabindex="0">`, "<table>", `<table tabindex="0">`)

// addHeading takes the title from the first heading, and the contents from those of the second level.
func (d *document) addHeading(h *ast.Heading, source []byte) {
	title := headingText(h, source)
	switch id, ok := h.AttributeString("id"); {
	case h.Level == 1 && d.title == "":
		d.title = title
	case h.Level == 2 && ok:
		if id, ok := id.([]byte); ok {
			d.contents = append(d.contents, heading{ID: string(id), Text: title})
		}
	}
}

// headingText is the text of a heading without its markup.
func headingText(n ast.Node, source []byte) string {
	var b strings.Builder
	for child := n.FirstChild(); child != nil; child = child.NextSibling() {
		if t, ok := child.(*ast.Text); ok {
			b.Write(t.Segment.Value(source))
		} else {
			b.WriteString(headingText(child, source))
		}
	}
	return b.String()
}

// repository has the files without a page here, such as the changelog.
const repository = "https://github.com/gatehouse-auth/gatehouse/blob/main/"

// pageLink turns "security.md#csrf" into "/docs/security/#csrf", and a link to any other file into its address in the repository.
func pageLink(destination []byte, names []string) []byte {
	name, fragment, marked := strings.Cut(string(destination), "#")
	if !slices.Contains(names, name) {
		if u, err := url.Parse(name); err != nil || name == "" || u.IsAbs() || strings.HasPrefix(name, "/") {
			return destination
		}
		return []byte(repository + strings.TrimPrefix(path.Join("/docs", string(destination)), "/"))
	}
	link := "/docs/" + strings.TrimSuffix(name, ".md") + "/"
	if marked {
		link += "#" + fragment
	}
	return []byte(link)
}

func (room *Room) document(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("page")
	if e := r.PathValue("error"); e != "" {
		name = errorPages + e
	}
	d, ok := room.documents()[name]
	if !ok {
		return route.NotFound(w, r)
	}
	return room.show(w, r, ui.Text("docs.document_title", "title", ui.Name(d.title)), documentView{Body: d.body, Contents: d.contents})
}

func (room *Room) list(w http.ResponseWriter, r *http.Request) error {
	all := room.documents()
	var view documentView
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(name, errorPages) {
			continue // an application's error leads there
		}
		view.List = append(view.List, listed{"/docs/" + url.PathEscape(name) + "/", all[name].title})
	}
	return room.show(w, r, ui.Text("docs.title"), view)
}

func (room *Room) show(w http.ResponseWriter, r *http.Request, title ui.Words, view documentView) error {
	session, err := room.Session(r)
	if err != nil {
		return err
	}
	view.Frame = room.Frame(r, session, title)
	return room.ShowToAll(w, r, http.StatusOK, documentPage.With(view))
}
