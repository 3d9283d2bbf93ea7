package endpoint

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/flight"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// originsFresh is how long the origins of public clients are cached.
const originsFresh = 10 * time.Second

// ClientCORS lets pages of public clients read an endpoint's answers. The endpoints use no cookies, so no credentials are allowed.
func (s *Server) ClientCORS(w http.ResponseWriter, r *http.Request) {
	w.Header()["Vary"] = varyOrigin
	received := r.Header.Get("Origin")
	if received == "" { // programs send none
		return
	}
	origin := originOf(received)
	if origin == "" || !s.publicOrigins(r.Context())[origin] {
		return
	}
	w.Header().Set(allowOrigin, received)
	w.Header().Set("Access-Control-Expose-Headers", "DPoP-Nonce, Retry-After, WWW-Authenticate, X-Request-Id")
}

// OpenCORS lets any page read the answer, except its request id, because these answers are cached.
func OpenCORS(w http.ResponseWriter, _ *http.Request) { w.Header()[allowOrigin] = anyOrigin }

const allowOrigin = "Access-Control-Allow-Origin"

// Preflight answers what a browser asks before it sends the request (Fetch Standard §3.2). Whether it may send it was decided before.
func Preflight(methods string) route.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		if w.Header()[allowOrigin] != nil {
			allowRequest(w.Header(), methods)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// allowRequest admits any header, because no header that a page sets has an effect here. The wildcard does not cover Authorization.
func allowRequest(header http.Header, methods string) {
	header.Set("Access-Control-Allow-Methods", methods)
	header.Set("Access-Control-Allow-Headers", "*, Authorization, DPoP")
	header.Set("Access-Control-Max-Age", "600")
}

// publicOrigins are the origins of pages that may call the token, revocation and UserInfo endpoints: those of public clients' redirect URIs.
func (s *Server) publicOrigins(ctx context.Context) map[string]bool {
	known, err := s.origins.Get(ctx)
	if err != nil {
		// The request is still answered, without CORS headers.
		s.Log.LogAttrs(ctx, slog.LevelError, "load the origins of public clients",
			slog.String("request_id", route.TraceOf(ctx).ID), slog.String("error", err.Error()))
	}
	return known
}

// newOrigins loads them once for all who ask, at most every ten seconds. While the database does not answer, the last ones are used.
func (s *Server) newOrigins() *flight.Value[map[string]bool] {
	return &flight.Value[map[string]bool]{Load: s.loadOrigins, Now: s.Now, Fresh: originsFresh, Keep: time.Hour}
}

func (s *Server) loadOrigins(ctx context.Context) (map[string]bool, error) {
	uris, err := s.Store.PublicRedirectURIs(ctx)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(uris))
	for _, uri := range uris {
		if origin := originOf(uri); origin != "" {
			known[origin] = true
		}
	}
	return known, nil
}

// originOf is the origin of a URI as browsers write it (RFC 6454 §6.1), or "" when no page can have it. A loopback origin loses its port,
// because a loopback redirect URI stands for all ports (RFC 8252 §7.3).
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
