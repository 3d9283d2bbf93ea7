// Package api is an example of a protected API: chatbots and their sessions, separate for each team.
//
// Two things are worth copying. One table (operations.go) lists every operation with the scopes that it needs, and the routes, the
// checks and the OpenAPI document are made from it, so the document cannot differ from what is enforced. And data is looked up
// only under the token's team, so a token cannot reach another team's data, even if it knows an id.
package api

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// Config is the configuration of the API.
type Config struct {
	Issuer       string                // the authorization server's URL, without a trailing slash
	PublicURL    string                // where this API is reached, without /api/ and a trailing slash
	DocsClientID string                // the public client that /api/docs/try/ uses; may be empty
	Guard        *resourceserver.Guard // checks the tokens
	Now          func() time.Time      // time.Now when nil
}

// New returns the API with its OpenAPI document and its documentation below /api/, and its metadata below /.well-known/.
func New(cfg Config) http.Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	doc := document(cfg)
	mux := http.NewServeMux()
	teams := newTeams(cfg.Now)
	byPath := map[string]methods{}
	for _, op := range operations {
		if byPath[op.path] == nil {
			byPath[op.path] = methods{}
		}
		byPath[op.path][op.method] = cfg.Guard.Require(op.scopes...)(op.handler(teams))
	}
	for path, m := range byPath {
		handle(mux, path, crossOrigin(m))
	}
	// Here an application that knows only the API's URL finds the authorization server and the scopes (RFC 9728).
	handle(mux, cfg.Guard.MetadataPath(), crossOrigin(methods{"GET": cfg.Guard.Metadata()}))
	handle(mux, "/api/schema/", crossOrigin(methods{"GET": schemaHandler(doc)}))
	handleDocs(mux, cfg, doc)
	nothing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, problem{"not_found", "this endpoint does not exist; " + cfg.PublicURL + "/api/docs/ lists all endpoints"})
	})
	mux.Handle("/api/", nothing)
	mux.Handle("/api", nothing)
	return http.MaxBytesHandler(mux, maxBody)
}

const maxBody = 64 << 10

// methods serves one path. It answers other methods with 405 and Allow.
type methods map[string]http.Handler

func (m methods) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if h := m[method]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	allowed := slices.Collect(maps.Keys(m))
	if m[http.MethodGet] != nil {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	answer(w, http.StatusMethodNotAllowed, problem{"method_not_allowed", "this endpoint accepts " + strings.Join(allowed, ", ")})
}

// handle routes a path with and without its trailing slash. It does not redirect, because many clients turn a redirected POST into a GET.
func handle(mux *http.ServeMux, path string, h http.Handler) {
	path = strings.TrimSuffix(path, "/")
	mux.Handle(path, h)
	mux.Handle(path+"/{$}", h)
}

// problem is an error response, in the same form as those of the resourceserver package.
type problem struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (p problem) Error() string { return p.Description }

// Errors of the operations. Missing objects and objects of other teams get the same response.
var (
	errNoChatbot = problem{"not_found", "this team has no such chatbot"}
	errNoSession = problem{"not_found", "this team has no such session"}
)

func invalid(description string) problem { return problem{"invalid_request", description} }

// handler performs the operation for the token's team, and writes the response.
func (op operation) handler(teams *teams) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := resourceserver.FromContext(r.Context())
		result, err := op.perform(call{Request: r, token: token, teams: teams})
		p, refused := errors.AsType[problem](err)
		tooLarge, large := errors.AsType[*http.MaxBytesError](err)
		switch {
		case err == nil:
			answer(w, op.status, result)
		case large:
			answer(w, http.StatusRequestEntityTooLarge, invalid("the body is larger than "+byteCount(tooLarge.Limit)))
		case refused && p.Code == "not_found":
			answer(w, http.StatusNotFound, p)
		case refused:
			answer(w, http.StatusBadRequest, p)
		default:
			answer(w, http.StatusInternalServerError, problem{"server_error", "something went wrong in the API; try again later"})
		}
	})
}

func answer(w http.ResponseWriter, status int, body any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.Encode(body)
}
