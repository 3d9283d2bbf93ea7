// Package web is the endpoints and the pages: HTTP in, the protocol called, HTTP out. routes.go is the table of contents.
//
// It decides nothing about who may do what; that is authz, authn and team.
package web

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/prometheus/client_golang/prometheus"
)

// Parts is what the handlers call, and their settings.
type Parts struct {
	Issuer         string // the public URL, without a trailing slash
	ServerName     string // on pages
	APIDocs        string // the URL of the API's documentation, linked from the guide; may be empty
	Authz          *authz.Server
	Authn          *authn.Authenticator
	Directory      *team.Service
	Store          Store // what people have connected, and the origins of public clients
	Keys           *token.Keyring
	Audit          audit.Store  // what pages show of what happened; nothing when nil
	Log            *slog.Logger // nothing is logged when nil
	Now            func() time.Time
	Metrics        prometheus.Registerer // may be nil
	TrustedProxies []netip.Prefix        // whose X-Forwarded-For is believed; none by default
	Failures       limit.Limiter         // counts the failures of clients
	ClientFailures int                   // wrong client secrets per client and address in 15 minutes
	API            http.Handler          // mounted at /api/ (the demo's); may be nil
}

// server is the Parts, and what is made of them once.
type server struct {
	Parts
	https       bool // the public URL is https, whatever this process listens on
	crossOrigin *http.CrossOriginProtection
	origins     originCache
	proofs      resourceserver.ProofReplays // DPoP proofs that were used
	metadata    func() document
	openID      func() document
	guides      func() map[string]guide
	durations   *durations // nil without metrics
}

// New is the public handler.
func New(p Parts) http.Handler {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	s := &server{Parts: p, crossOrigin: http.NewCrossOriginProtection()}
	if issuer, err := url.Parse(p.Issuer); err == nil && issuer.Host != "" {
		s.https = issuer.Scheme == "https"
		// A proxy may change the Host header; the origin that browsers see stays the public URL's.
		if err := s.crossOrigin.AddTrustedOrigin(issuer.Scheme + "://" + issuer.Host); err != nil {
			p.Log.Error("the public URL is no origin that forms can come from", "error", err)
		}
	}
	s.metadata = once(func() any { return s.Authz.Metadata() })
	s.openID = once(func() any { return s.Authz.OpenIDConfiguration() })
	s.guides = s.guidesOnce()
	s.durations = newDurations(p.Metrics)
	return s.observe(s.plainPaths(s.mux()))
}

// Store is what pages read and change directly.
type Store interface {
	authz.GrantStore
	client.Store
	govern.Store
}
