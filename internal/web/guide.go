package web

import (
	"bytes"
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

	"github.com/gatehouse-auth/gatehouse/docs"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// guide is a document of docs/, as a page of this server.
type guide struct {
	title    string
	body     template.HTML
	contents []documentHeading
}

// Hosts that the documents use as examples; here they become this server's own.
const (
	exampleIssuer = "https://auth.example.com"
	exampleAPI    = "https://api.example.com"
)

// guidesOnce makes the pages at the first request for one.
func (s *server) guidesOnce() func() map[string]guide {
	return sync.OnceValue(func() map[string]guide {
		guides, err := s.renderGuides(docs.Files)
		if err != nil {
			panic(err) // embedded files can be read
		}
		return guides
	})
}

// renderGuides makes a page of each Markdown file, by its name without the suffix.
func (s *server) renderGuides(files fs.FS) (map[string]guide, error) {
	names, err := fs.Glob(files, "*.md")
	if err != nil {
		return nil, err
	}
	fill := s.ownAddresses()
	guides := map[string]guide{}
	for _, name := range names {
		source, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		g, err := renderGuide([]byte(fill.Replace(string(source))), names)
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", name, err)
		}
		guides[strings.TrimSuffix(name, ".md")] = g
	}
	return guides, nil
}

// ownAddresses puts this server's addresses in place of the examples'. An API that is not said to be elsewhere is taken to be beside the server.
func (s *server) ownAddresses() *strings.Replacer {
	docs, api := s.Issuer+"/api/docs/", s.Issuer
	if u, err := url.Parse(s.APIDocs); err == nil && u.Host != "" {
		docs, api = s.APIDocs, u.Scheme+"://"+u.Host
	}
	return strings.NewReplacer(
		exampleIssuer, s.Issuer, url.QueryEscape(exampleIssuer), url.QueryEscape(s.Issuer),
		exampleAPI+"/api/docs/", docs, exampleAPI, api)
}

// renderGuide makes a page of Markdown. Raw HTML in it is left out, and links to the other files become links to their pages.
func renderGuide(source []byte, names []string) (guide, error) {
	markdown := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	root := markdown.Parser().Parse(text.NewReader(source))
	var g guide
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			g.addHeading(n, source)
		case *ast.Link:
			n.Destination = pageLink(n.Destination, names)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return guide{}, err
	}
	var body bytes.Buffer
	if err := markdown.Renderer().Render(&body, source, root); err != nil {
		return guide{}, err
	}
	g.body = template.HTML(body.String())
	return g, nil
}

// addHeading takes the title from the first heading, and the contents from those of the second level.
func (g *guide) addHeading(h *ast.Heading, source []byte) {
	words := headingText(h, source)
	switch id, ok := h.AttributeString("id"); {
	case h.Level == 1 && g.title == "":
		g.title = words
	case h.Level == 2 && ok:
		if id, ok := id.([]byte); ok {
			g.contents = append(g.contents, documentHeading{ID: string(id), Text: words})
		}
	}
}

// headingText is a heading's words, whatever they are wrapped in.
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

// repository is where the files are that have no page here, such as the changelog.
const repository = "https://github.com/gatehouse-auth/gatehouse/blob/main/"

// pageLink turns "security.md#csrf" into "/docs/security/#csrf", and what leads to another file into its place in the repository.
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

// serveGuide is one document.
func (s *server) serveGuide(w http.ResponseWriter, r *http.Request) error {
	g, ok := s.guides()[r.PathValue("page")]
	if !ok {
		return notFound(w, r)
	}
	return s.showDocument(w, r, g)
}

// serveGuides is the list of documents.
func (s *server) serveGuides(w http.ResponseWriter, r *http.Request) error {
	guides := s.guides()
	var list strings.Builder
	list.WriteString("<h1>Documentation</h1>\n<ul>\n")
	for _, name := range slices.Sorted(maps.Keys(guides)) {
		fmt.Fprintf(&list, "<li><a href=\"/docs/%s/\">%s</a></li>\n", url.PathEscape(name), template.HTMLEscapeString(guides[name].title))
	}
	list.WriteString("</ul>\n")
	return s.showDocument(w, r, guide{title: "Documentation", body: template.HTML(list.String())})
}

func (s *server) showDocument(w http.ResponseWriter, r *http.Request, g guide) error {
	session, err := s.session(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, documentView{Chrome: s.chrome(r, g.title, session), Body: g.body, Contents: g.contents})
}
