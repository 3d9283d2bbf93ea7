package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// originsFresh is how long the origins of public clients are remembered.
const originsFresh = 10 * time.Second

// originCache is the origins that may call the token, revocation and UserInfo endpoints from a browser: those of the public clients' redirect URIs.
type originCache struct {
	mu    sync.Mutex
	known map[string]bool
	until time.Time
}

// clientCORS lets pages of public clients read an endpoint's answers. There are no cookies in it, so no credentials are allowed.
func (s *server) clientCORS(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header()["Vary"] = varyOrigin
		s.allowOrigin(w, r)
		return h(w, r)
	}
}

// clientPreflight answers what a browser asks before it sends the request (Fetch Standard §3.2).
func (s *server) clientPreflight(methods string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Add("Vary", "Origin")
		if s.allowOrigin(w, r) {
			allowRequest(w.Header(), methods)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// openPreflight is the preflight of what anyone may read.
func openPreflight(w http.ResponseWriter, _ *http.Request) error {
	openToAll(w.Header())
	allowRequest(w.Header(), http.MethodGet)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// openToAll lets any page read the answer, but not its request id: these answers are cached.
func openToAll(header http.Header) { header["Access-Control-Allow-Origin"] = anyOrigin }

// allowRequest admits any header: the answer depends on none that a page may not set. The wildcard does not cover Authorization.
func allowRequest(header http.Header, methods string) {
	header.Set("Access-Control-Allow-Methods", methods)
	header.Set("Access-Control-Allow-Headers", "*, Authorization, DPoP")
	header.Set("Access-Control-Max-Age", "600")
}

// allowOrigin names the request's origin in the answer if a public client lives there.
func (s *server) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	received := r.Header.Get("Origin")
	if received == "" { // programs send none
		return false
	}
	origin := originOf(received)
	if origin == "" || !s.publicOrigins(r.Context())[origin] {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", received)
	w.Header().Set("Access-Control-Expose-Headers", "DPoP-Nonce, Retry-After, WWW-Authenticate, X-Request-Id")
	return true
}

// publicOrigins is the origins of public clients' redirect URIs, at most originsFresh old.
func (s *server) publicOrigins(ctx context.Context) map[string]bool {
	c := &s.origins
	c.mu.Lock()
	defer c.mu.Unlock()
	now := s.Now()
	if now.Before(c.until) {
		return c.known
	}
	uris, err := s.Store.PublicRedirectURIs(ctx)
	if err != nil {
		// Without CORS headers the request itself is still answered.
		s.Log.LogAttrs(ctx, slog.LevelError, "load the origins of public clients",
			slog.String("request_id", traceOf(ctx).id), slog.String("error", err.Error()))
		return nil
	}
	c.known = make(map[string]bool, len(uris))
	for _, uri := range uris {
		if origin := originOf(uri); origin != "" {
			c.known[origin] = true
		}
	}
	c.until = now.Add(originsFresh)
	return c.known
}

// originOf is the origin of a URI as browsers write it (RFC 6454 §6.1), or "" when it has none that a page could have. Loopback loses its port:
// a redirect URI there stands for all ports (RFC 8252 §7.3).
func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if u.Scheme == "http" && oauth.IsLoopback(host) {
		return "http://" + host
	}
	if port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http" || port == "" {
		return u.Scheme + "://" + host
	}
	return u.Scheme + "://" + host + ":" + port
}
