// Package api is the example of a protected API: chatbots and their sessions, kept per team.
//
// What to copy from it: every operation stands in one table (operations.go) with the scopes that it needs. The routes, the
// checks and the OpenAPI document are all made from that table, so what is documented is what is enforced. Data is looked up
// under the token's team only, so another team's data cannot be reached, not even by its id.
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

// Config is what an API needs to know.
type Config struct {
	Issuer       string                // the authorization server's URL, without a trailing slash
	PublicURL    string                // where this API is reached, without /api/ and a trailing slash
	DocsClientID string                // the public client as which /api/docs/try/ signs in; may be empty
	Guard        *resourceserver.Guard // checks the tokens
	Now          func() time.Time      // time.Now when nil
}

// New is the API, its OpenAPI document and its documentation, all below /api/, and its metadata below /.well-known/.
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
		handle(mux, path, m)
	}
	// Applications that know only the API's URL find the authorization server and the scopes here (RFC 9728).
	handle(mux, cfg.Guard.MetadataPath(), methods{"GET": cfg.Guard.Metadata()})
	handle(mux, "/api/schema/", methods{"GET": schemaHandler(doc)})
	handleDocs(mux, cfg, doc)
	nothing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, problem{"not_found", "there is nothing at this address; " + cfg.PublicURL + "/api/docs/ lists what there is"})
	})
	mux.Handle("/api/", nothing)
	mux.Handle("/api", nothing)
	return http.MaxBytesHandler(mux, maxBody)
}

const maxBody = 64 << 10

// methods answers one path: 405 with Allow for what it does not have.
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
	answer(w, http.StatusMethodNotAllowed, problem{"method_not_allowed", "this address answers " + strings.Join(allowed, ", ")})
}

// handle routes a path with and without its trailing slash: a redirect would make a GET of a POST in many clients.
func handle(mux *http.ServeMux, path string, h http.Handler) {
	path = strings.TrimSuffix(path, "/")
	mux.Handle(path, h)
	mux.Handle(path+"/{$}", h)
}

// problem is an error answer, of the same shape as those of the resource server's checks.
type problem struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (p problem) Error() string { return p.Description }

// Errors of the operations. The same answer for what is not there and for what is another team's.
var (
	errNoChatbot = problem{"not_found", "this team has no such chatbot"}
	errNoSession = problem{"not_found", "this team has no such session"}
)

func invalid(description string) problem { return problem{"invalid_request", description} }

// handler reads the request's body, performs the operation for the token's team, and writes its answer.
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
			answer(w, http.StatusInternalServerError, problem{"server_error", "this is our mistake; try again later"})
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
