package web

import (
	"net/http"
	"path"
	"strings"
)

// maxBody is how many bytes of a request's body are read; more is 413.
const maxBody = 64 << 10

// handler answers a request, or returns the error to answer with. An adapter (page, endpoint) writes that error.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one path with what answers it.
type route struct {
	path    string // with its trailing slash; answered without it too, and never by redirect
	adapter func(handler) http.Handler
	get     handler // HEAD too
	post    handler
	options handler // CORS preflights
}

// routes is the table of contents.
func (s *server) routes() []route {
	return []route{
		// The protocol.
		{path: "/o/authorize/", adapter: s.page, get: s.authorize, post: s.authorizePosted},
		{path: "/o/consent/", adapter: s.page, get: s.showStep, post: s.sameOrigin(s.decide)},
		{path: "/o/select-account/", adapter: s.page, post: s.sameOrigin(s.selectAccount)},
		{path: "/o/token/", adapter: s.endpoint, post: s.clientCORS(s.token), options: s.clientPreflight("POST")},
		{path: "/o/revoke_token/", adapter: s.endpoint, post: s.clientCORS(s.revoke), options: s.clientPreflight("POST")},
		{path: "/o/introspect/", adapter: s.endpoint, post: s.introspect},
		{path: "/o/par/", adapter: s.endpoint, post: s.push},
		{path: "/o/userinfo/", adapter: s.protected, get: s.clientCORS(s.userInfo), post: s.clientCORS(s.userInfo), options: s.clientPreflight("GET, POST")},
		{path: "/o/logout/", adapter: s.page, get: s.endSession, post: s.endSessionPosted},
		{path: "/.well-known/oauth-authorization-server/", adapter: s.endpoint, get: s.serveMetadata, options: openPreflight},
		{path: "/.well-known/openid-configuration/", adapter: s.endpoint, get: s.serveOpenIDConfiguration, options: openPreflight},
		{path: "/.well-known/ended-tokens.jwt/", adapter: s.endpoint, get: s.serveEnded, options: openPreflight},
		{path: "/.well-known/jwks.json/", adapter: s.endpoint, get: s.serveJWKS, options: openPreflight},

		// The pages.
		{path: "/", adapter: s.page, get: s.home},
		{path: "/login/", adapter: s.page, get: s.askSignIn, post: s.sameOrigin(s.signIn)},
		{path: "/logout/", adapter: s.page, get: s.askSignOut, post: s.sameOrigin(s.signOut)},
		{path: "/account/", adapter: s.page, get: s.signedIn(s.account)},
		{path: "/account/applications/", adapter: s.page, get: s.signedIn(s.accountApplications), post: s.sameOrigin(s.signedIn(s.endOwnGrant))},
		{path: "/account/password/", adapter: s.page, get: s.signedIn(s.askPassword), post: s.sameOrigin(s.signedIn(s.changePassword))},
		{path: "/teams/{slug}/applications/", adapter: s.page, get: s.forAdmins(s.teamApplications), post: s.sameOrigin(s.forAdmins(s.governApplication))},
		{path: "/teams/{slug}/audit/", adapter: s.page, get: s.forAdmins(s.teamAudit)},
		{path: "/docs/", adapter: s.page, get: s.serveGuides},
		{path: "/docs/{page}/", adapter: s.page, get: s.serveGuide},
	}
}

// mux is the routes, and what is mounted beside them.
func (s *server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range s.routes() {
		h := rt.adapter(limitBody(rt.byMethod()))
		mux.Handle(rt.path+"{$}", h)
		if bare := strings.TrimSuffix(rt.path, "/"); bare != "" {
			mux.Handle(bare, h)
		}
	}
	mux.Handle("/static/", s.page(mounted(staticHandler())))
	mux.Handle("/static", s.page(notFound)) // else the mux redirects
	if s.API != nil {
		api := s.page(limitBody(mounted(s.API)))
		mux.Handle("/api", api)
		mux.Handle("/api/", api)
		mux.Handle("/.well-known/oauth-protected-resource", api) // RFC 9728: the API says whose tokens it takes
		mux.Handle("/.well-known/oauth-protected-resource/", api)
	}
	mux.Handle("/", s.page(notFound))
	return mux
}

// plainPaths is 404 for an address in another spelling ("//", "/./", "/../"). The mux would redirect it by 307, and a browser would send a form again (RFC 9700 §4.12).
func (s *server) plainPaths(mux http.Handler) http.Handler {
	unusual := s.page(notFound)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !plainPath(r.URL.Path) {
			unusual.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func plainPath(p string) bool {
	bare := strings.TrimSuffix(p, "/")
	return p == "/" || !strings.HasSuffix(bare, "/") && path.Clean(bare) == bare
}

// byMethod picks the handler for the request's method, or is 405 with Allow (RFC 9110 §15.5.6).
func (rt route) byMethod() handler {
	var allow []string
	if rt.get != nil {
		allow = append(allow, http.MethodGet, http.MethodHead)
	}
	if rt.post != nil {
		allow = append(allow, http.MethodPost)
	}
	if rt.options != nil {
		allow = append(allow, http.MethodOptions)
	}
	allowed := strings.Join(allow, ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		var h handler
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h = rt.get
		case http.MethodPost:
			h = rt.post
		case http.MethodOptions:
			h = rt.options
		}
		if h == nil {
			w.Header().Set("Allow", allowed)
			return &problem{
				status:   http.StatusMethodNotAllowed,
				sentence: "This address does not answer " + printable(r.Method) + " requests, only " + allowed + ".",
				todo:     "Go back and try again.",
			}
		}
		return h(w, r)
	}
}

// limitBody is 413 for a body over maxBody, at once when its length is declared.
func limitBody(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.ContentLength > maxBody {
			return &http.MaxBytesError{Limit: maxBody}
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		return h(w, r)
	}
}

// mounted is a handler that writes its own errors.
func mounted(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

func notFound(http.ResponseWriter, *http.Request) error {
	return &problem{
		status:   http.StatusNotFound,
		sentence: "There is no page at this address.",
		todo:     "Check the address, or go to the start page.",
	}
}
