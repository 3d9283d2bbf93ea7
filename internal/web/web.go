// Package web is the endpoints and the pages: HTTP in, the protocol called, HTTP out. routes.go is the table of contents.
//
// It decides nothing about who may do what; that is authz, authn and team.
package web

import (
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/prometheus/client_golang/prometheus"
)

// Parts is what the handlers call, and their settings.
type Parts struct {
	Issuer         string // the public URL, without a trailing slash
	ServerName     string // on pages; "Gatehouse" when empty
	APIDocs        string // the URL of the API's documentation, linked from the guide; may be empty
	Authz          *authz.Server
	Authn          *authn.Authenticator
	Directory      *team.Directory
	Store          authz.Store // for the origins of public clients
	Keys           *token.Keyring
	Log            *slog.Logger
	Now            func() time.Time
	Metrics        prometheus.Registerer // may be nil
	TrustedProxies []netip.Prefix        // whose X-Forwarded-For is believed; none by default
	ClientFailures int                   // wrong client secrets per client and address in 15 minutes: 30 when zero
	API            http.Handler          // mounted at /api/ (the demo's); may be nil
}

// New is the public handler.
func New(p Parts) http.Handler { panic("contract") }
