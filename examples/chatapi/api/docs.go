package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

var (
	//go:embed templates
	templateFiles embed.FS
	//go:embed static
	staticFiles embed.FS

	pages = template.Must(template.ParseFS(templateFiles, "templates/*.html"))
)

const docsPath = "/api/docs/"

// docsView is the page with every endpoint.
type docsView struct {
	Title, Description, PublicURL, Issuer, Guide string
	AuthorizationURL, TokenURL                   string
	Scopes                                       []scopeView
	Endpoints                                    []endpointView
}

type scopeView struct {
	Name, Description string
	Endpoints         []endpointView
}

type endpointView struct {
	ID, Method, Path, Summary string
	Scopes                    []string
	Body, Result              string // examples, as JSON
	Status                    string
	Failures                  []failureView
}

type failureView struct{ Status, Why string }

// tryView is the page with Swagger UI.
type tryView struct {
	Title, ClientID, RedirectURL, Issuer string
	Scopes                               string
}

// handleDocs adds the pages and files of the documentation.
func handleDocs(mux *http.ServeMux, cfg Config, doc *openapi3.T) {
	redirectURL := cfg.PublicURL + docsPath + "oauth2-redirect.html"
	var names []string
	for _, s := range scopes {
		names = append(names, s.name)
	}
	show := func(path, template, policy string, view any) {
		handle(mux, path, methods{"GET": page(template, policy, view)})
	}
	const plain = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
	show(docsPath, "docs.html", plain, newDocsView(cfg, doc))
	// Swagger UI has icons as data: URLs, and calls the token endpoint from the browser.
	scripted := strings.Replace(plain, "img-src 'self'", "img-src 'self' data:; script-src 'self'; connect-src 'self' "+origin(cfg.Issuer), 1)
	show(docsPath+"try/", "try.html", scripted, tryView{doc.Info.Title, cfg.DocsClientID, redirectURL, cfg.Issuer, strings.Join(names, " ")})
	show(docsPath+"oauth2-redirect.html/", "redirect.html", scripted, nil)
	handle(mux, docsPath+"static/{file}/", methods{"GET": http.HandlerFunc(static)})
}

// page renders a view once, because it does not change while the server runs.
func page(name, policy string, view any) http.Handler {
	var body bytes.Buffer
	if err := pages.ExecuteTemplate(&body, name, view); err != nil {
		panic("render " + name + ": " + err.Error()) // a mistake in the template, which the tests find
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Length", strconv.Itoa(body.Len()))
		header.Set("Content-Security-Policy", policy)
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store") // the URL of the redirect page contains a code
		w.Write(body.Bytes())
	})
}

// static serves the pages' files, with an ETag.
func static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	content, err := staticFiles.ReadFile("static/" + name)
	if err != nil {
		content, err = swaggerFile(name)
	}
	if err != nil {
		answer(w, http.StatusNotFound, problem{"not_found", "this file does not exist"})
		return
	}
	sum := sha256.Sum256(content)
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if compressed(content) {
		content = encoded(w, r, content)
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// newDocsView makes the view from the document, so that page and document cannot differ.
func newDocsView(cfg Config, doc *openapi3.T) docsView {
	flow := doc.Components.SecuritySchemes[securityScheme].Value.Flows.AuthorizationCode
	v := docsView{
		Title: doc.Info.Title, Description: doc.Info.Description, PublicURL: cfg.PublicURL, Issuer: cfg.Issuer, Guide: cfg.Issuer + "/docs/guide/",
		AuthorizationURL: flow.AuthorizationURL, TokenURL: flow.TokenURL,
	}
	for _, op := range operations { // only for the order
		v.Endpoints = append(v.Endpoints, newEndpointView(op.method, op.path, doc.Paths.Value(op.path).GetOperation(op.method)))
	}
	for _, s := range scopes {
		view := scopeView{Name: s.name, Description: flow.Scopes[s.name]}
		for _, e := range v.Endpoints {
			if slices.Contains(e.Scopes, s.name) {
				view.Endpoints = append(view.Endpoints, e)
			}
		}
		v.Scopes = append(v.Scopes, view)
	}
	return v
}

func newEndpointView(method, path string, op *openapi3.Operation) endpointView {
	e := endpointView{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Scopes: (*op.Security)[0][securityScheme]}
	if op.RequestBody != nil {
		e.Body = exampleOf(op.RequestBody.Value.Content)
	}
	responses := op.Responses.Map()
	for status := range responses {
		if strings.HasPrefix(status, "2") {
			e.Status, e.Result = status, exampleOf(responses[status].Value.Content)
			continue
		}
		e.Failures = append(e.Failures, failureView{status, *responses[status].Value.Description})
	}
	slices.SortFunc(e.Failures, func(a, b failureView) int { return strings.Compare(a.Status, b.Status) })
	return e
}

func exampleOf(content openapi3.Content) string {
	text, err := json.MarshalIndent(content["application/json"].Example, "", "  ")
	if err != nil {
		panic(err) // examples are values of this package
	}
	return string(text)
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
