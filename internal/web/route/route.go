// Package route is HTTP without any page or protocol: a route and its handlers, reading forms and parameters, answering, and the
// access log. A handler returns its error, and the adapter of its route writes that error for people or for programs.
package route

import (
	"cmp"
	"net/http"
	"path"
	"strings"
)

// maxBody is how many bytes of a request's body are read; more is 413.
const maxBody = 64 << 10

// Handler answers a request, or returns the error to answer with. An Adapter writes that error.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one path with the handlers of its methods.
type Route struct {
	Path    string  // with its trailing slash; answered without it too, and never by redirect
	Get     Handler // HEAD too
	Post    Handler
	Options Handler // CORS preflights
	Fetched bool    // a script of our own pages fetches it
	MaxBody int64   // how many bytes of a body are read; 0 is 64 KiB

	// CORS says which pages may read the answers. It sets headers before anything else happens, so every answer has them, errors too: without
	// them a page cannot tell a refusal from a broken network. Nil: no page of another origin may.
	CORS func(w http.ResponseWriter, r *http.Request)
}

// Register adds a route to a mux, with and without its trailing slash.
func (rt Route) Register(mux *http.ServeMux, adapter Adapter) {
	h := adapter.Handler(rt.withCORS(limitBody(cmp.Or(rt.MaxBody, maxBody), rt.byMethod(rt.decline(adapter)))))
	mux.Handle(rt.Path+"{$}", h)
	if bare := strings.TrimSuffix(rt.Path, "/"); bare != "" {
		mux.Handle(bare, h)
	}
}

// decline is what answers requests that no person made.
func (rt Route) decline(adapter Adapter) Handler {
	if rt.Fetched {
		return nil
	}
	return adapter.Decline
}

func (rt Route) withCORS(h Handler) Handler {
	if rt.CORS == nil {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		rt.CORS(w, r)
		return h(w, r)
	}
}

// byMethod calls the handler for the request's method, or is 405 with Allow (RFC 9110 §15.5.6). With decline, it does so only for requests
// that a person made.
func (rt Route) byMethod(decline Handler) Handler {
	var allow []string
	if rt.Get != nil {
		allow = append(allow, http.MethodGet, http.MethodHead)
	}
	if rt.Post != nil {
		allow = append(allow, http.MethodPost)
	}
	if rt.Options != nil {
		allow = append(allow, http.MethodOptions)
	}
	allowed := strings.Join(allow, ", ")
	return func(w http.ResponseWriter, r *http.Request) error {
		var h Handler
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h = rt.Get
		case http.MethodPost:
			h = rt.Post
		case http.MethodOptions:
			h = rt.Options
		}
		if h == nil {
			w.Header().Set("Allow", allowed)
			return methodNotAllowed(printable(r.Method), allowed)
		}
		if decline != nil {
			h = declining(h, decline)
		}
		return h(w, r)
	}
}

// printable is s without characters that could disturb a page or a header, cut to 32 bytes.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 32)]
}

// LimitBody is 413 for a body over 64 KiB, at once when its length is declared.
func LimitBody(h Handler) Handler { return limitBody(maxBody, h) }

func limitBody(most int64, h Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.ContentLength > most {
			return &http.MaxBytesError{Limit: most}
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, most)
		}
		return h(w, r)
	}
}

// Mounted is a handler that writes its own errors.
func Mounted(h http.Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// PlainPaths sends an address in an unusual spelling ("//", "/./", "/../") to another handler. The mux would redirect it by 307, and a
// browser would send its form again (RFC 9700 §4.12).
func PlainPaths(mux, unusual http.Handler) http.Handler {
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
