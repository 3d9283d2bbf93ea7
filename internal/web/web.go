// Package web serves the endpoints and the pages. It puts the rooms below it together; routes.go is the table of contents of all that
// is served.
//
//	route     what every route needs: handlers that return errors, forms, the access log
//	endpoint  for programs: token, revocation, introspection, UserInfo, pushed requests, metadata
//	flow      a person's way through one request: authorize, sign in, consent, sign out
//	account, teams, docs
//	          the rooms: pages that people come to by themselves
//	browser   what every page needs: cookies, the session, protection from other sites' forms
//	ui        how pages look; access: what several rooms do with connections
//
// Nothing here decides who may do what; that is authz, authn and team.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
	"github.com/gatehouse-auth/gatehouse/internal/web/account"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/docs"
	"github.com/gatehouse-auth/gatehouse/internal/web/endpoint"
	"github.com/gatehouse-auth/gatehouse/internal/web/flow"
	"github.com/gatehouse-auth/gatehouse/internal/web/links"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/teams"
	"github.com/gatehouse-auth/gatehouse/internal/words"
	"github.com/prometheus/client_golang/prometheus"
)

// Parts is what the handlers call, and their settings.
type Parts struct {
	Issuer         string           // the public URL, without a trailing slash
	ServerName     string           // on pages
	Language       *words.Catalogue // of pages for people who ask for none that there is; English when nil
	APIDocs        string           // the URL of the API's documentation, linked from the guide; may be empty
	Authz          *authz.Server
	Authn          *authn.Authenticator
	Providers      *provider.Providers // at which people can sign in; nil for none
	Directory      *team.Service
	Govern         *govern.Service
	Registry       *client.Registry
	Keys           *token.Keyring
	Audit          audit.Store  // what pages show of what happened; nothing when nil
	Log            *slog.Logger // nothing is logged when nil
	Now            func() time.Time
	Metrics        prometheus.Registerer // may be nil
	TrustedProxies []netip.Prefix        // whose X-Forwarded-For is believed; none by default
	Failures       limit.Limiter         // counts the failures of clients
	ClientFailures int                   // wrong client secrets per client and address in 15 minutes
	Requests       *usage.Failures       // gathers requests of clients that failed; may be nil
	PublicPushes   int                   // requests that public clients push per address in 90 seconds
	API            http.Handler          // mounted at /api/ (the demo's); may be nil
	SendsMail      bool                  // mails reach people, so the pages offer links by mail
	DevMails       http.Handler          // mounted at /dev/mails/ (the demo's); nil in every other server
}

// server is the Parts and the rooms.
type server struct {
	Parts
	errors    route.ErrorLog
	endpoints *endpoint.Server
	flow      *flow.Flow
	account   *account.Room
	teams     *teams.Room
	links     *links.Room
	docs      *docs.Room
}

// New is the public handler.
func New(p Parts) http.Handler {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	errors := route.ErrorLog{Logger: p.Log, Status: endpoint.Status}
	pages := browser.New(browser.Options{
		Issuer: p.Issuer, ServerName: p.ServerName, Language: p.Language, Authn: p.Authn, Providers: p.Providers, Directory: p.Directory, Keys: p.Keys, Audit: p.Audit, Errors: errors, Now: p.Now, SendsMail: p.SendsMail,
	})
	s := &server{
		Parts: p, errors: errors,
		endpoints: endpoint.New(endpoint.Options{
			Issuer: p.Issuer, Authz: p.Authz, Store: p.Registry.Store, Keys: p.Keys, Log: p.Log, Now: p.Now, Failures: p.Failures, ClientFailures: p.ClientFailures, Requests: p.Requests, PublicPushes: p.PublicPushes,
		}),
		flow:    flow.New(pages, p.Authz, p.Requests, p.Govern),
		account: &account.Room{Pages: pages, Authz: p.Authz, Factors: p.Authn.Enrolment()},
		links:   &links.Room{Pages: pages, Authz: p.Authz},
		teams:   &teams.Room{Pages: pages, Authz: p.Authz, Govern: p.Govern, Registry: p.Registry},
		docs:    docs.New(pages, p.APIDocs),
	}
	observer := &route.Observer{
		Log: p.Log, Now: p.Now, TrustedProxies: p.TrustedProxies, HTTPS: strings.HasPrefix(p.Issuer, "https://"), Durations: route.NewDurations(p.Metrics),
		Context: func(ctx context.Context, t *route.Trace) context.Context {
			return audit.WithOrigin(ctx, audit.Origin{Address: t.From, RequestID: t.ID})
		},
	}
	mux := s.mux()
	notFound := route.Adapter{Log: errors, Fail: s.flow.Fail, Header: route.NoReferrer}.Handler(route.NotFound)
	return observer.Handler(route.PlainPaths(mux, notFound))
}
