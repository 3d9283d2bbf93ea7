// Package app reads the configuration and puts the parts together, for the server, the command line and the tests.
//
// It is the only package that knows all the others. It holds no rules of the protocol.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web"
)

// Deps is what an App takes from its surroundings. The zero value of each is what the server uses.
type Deps struct {
	Log *slog.Logger     // nothing is logged when nil
	Now func() time.Time // the system's clock when nil
	API http.Handler     // App.API, where it is known before the App

	// Mail sends an e-mail; when nil they go to the mail server of the configuration, or nowhere without one.
	Mail func(context.Context, Mail) error

	// Observe is called as store.Options.Observe, for tests that count statements.
	Observe func(statement string)
	// InsecureFastHashing makes passwords cheap to check, and to guess if the database leaks. For tests only.
	InsecureFastHashing bool
}

// App is the parts of one Gatehouse on one database.
type App struct {
	Config   Config
	Log      *slog.Logger
	Store    *store.DB
	Keys     *token.Keyring
	Team     *team.Service
	Authn    *authn.Authenticator
	Authz    *authz.Server
	Registry *client.Registry
	Govern   *govern.Service
	API      http.Handler // mounted at /api/, for the demo; set it before Handler is called first

	now      func() time.Time
	mail     func(context.Context, Mail) error // nil: no e-mail is sent
	outbound *http.Client                      // for URLs that applications registered
	metrics  metrics
	timeouts timeouts
	sleep    func(time.Duration)
	stopping atomic.Bool // from the signal to stop; /readyz says so
	handler  func() http.Handler
}

// Open opens the database of a configuration, brings it up to date, finds or makes the keys and puts the parts together. Close when done.
func Open(ctx context.Context, cfg Config, deps Deps) (*App, error) {
	var err error
	if cfg.PublicURL, err = parsePublicURL(cfg.PublicURL); err != nil {
		return nil, fmt.Errorf("public_url %w", err)
	}
	if problems := cfg.conflicts(func(string) string { return "" }); len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	a := &App{
		Config: cfg, Log: deps.Log, API: deps.API, now: deps.Now, mail: deps.Mail, outbound: outbound(cfg),
		metrics: newMetrics(), timeouts: serverTimeouts, sleep: time.Sleep,
	}
	if a.mail == nil && cfg.SMTPURL.Set() {
		a.mail = cfg.SMTPURL.mailer(cfg.MailFrom)
	}
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.Store, err = store.Open(ctx, cfg.DatabaseURL, store.Options{
		Observe: a.observe(deps.Observe), Now: a.now, MachineTokenLifetime: cfg.AccessTokenLifetime + token.ClockLeeway, AuditRetention: cfg.AuditRetention,
	})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := a.assemble(ctx, deps); err != nil {
		return nil, errors.Join(err, a.Store.Close())
	}
	return a, nil
}

// assemble makes everything that stands on the store.
func (a *App) assemble(ctx context.Context, deps Deps) error {
	master, err := a.Config.masterKey(ctx, a.Store)
	if err != nil {
		return err
	}
	a.Keys, err = token.OpenKeyring(ctx, a.Store, master, a.now)
	if err != nil {
		return fmt.Errorf("open the keys: %w", err)
	}
	cfg := a.Config
	a.Team = &team.Service{People: a.Store, Teams: a.Store, Audit: a.Store, Now: a.now}
	a.Registry = &client.Registry{Store: a.Store, Catalogue: cfg.Scopes, Now: a.now}
	a.Govern = &govern.Service{Store: a.Store, Clients: a.Store, Now: a.now}
	a.Authn = authn.New(a.Store, a.Keys, a.now, authn.Options{
		SessionLifetime:     cfg.SessionLifetime,
		FailuresPerPair:     cfg.Limits.SignInFailuresPerPair,
		FailuresPerAddress:  cfg.Limits.SignInFailuresPerAddress,
		FailuresPerAccount:  cfg.Limits.SignInFailuresPerAccount,
		ConcurrentHashes:    cfg.Limits.ConcurrentPasswordHashes,
		InsecureFastHashing: deps.InsecureFastHashing,
	})
	a.Authz = authz.New(authz.Stores{
		Clients: a.Store, Assertions: a.Store, Grants: a.Store, Families: a.Store, Machines: a.Store,
	}, a.Keys, a.now, authz.Options{
		Issuer:              cfg.PublicURL,
		Audience:            cfg.Audience,
		Catalogue:           cfg.Scopes,
		CodeLifetime:        cfg.CodeLifetime,
		AccessTokenLifetime: cfg.AccessTokenLifetime,
		RequestLifetime:     cfg.RequestLifetime,

		RefreshIdleLifetime:     cfg.RefreshIdleLifetime,
		RefreshAbsoluteLifetime: cfg.RefreshAbsolute,
		RefreshGrace:            cfg.RefreshGrace,
		ConnectionsPerGrant:     cfg.Limits.ConnectionsPerGrant,
		IDTokenAlgorithm:        cfg.IDTokenAlgorithm,
		FetchJWKS:               newJWKSCache(a.outbound, a.now).fetch,
		Audit:                   boundedAudit{a.Store, cfg.Limits.ClientFailures, a.now},
	})
	// Made when it is first asked for: commands need no pages.
	a.handler = sync.OnceValue(a.newHandler)
	return nil
}

func (a *App) newHandler() http.Handler {
	return web.New(web.Parts{
		Issuer:         a.Config.PublicURL,
		ServerName:     a.Config.ServerName,
		APIDocs:        a.Config.APIDocsURL,
		Authz:          a.Authz,
		Authn:          a.Authn,
		Directory:      a.Team,
		Store:          a.Store,
		Keys:           a.Keys,
		Audit:          a.Store,
		Log:            a.Log,
		Now:            a.now,
		Metrics:        a.metrics.registry,
		TrustedProxies: a.Config.TrustedProxies,
		Failures:       limit.Limiter{Store: a.Store, Now: a.now},
		ClientFailures: a.Config.Limits.ClientFailures,
		API:            a.API,
	})
}

// Handler is the public endpoints and pages.
func (a *App) Handler() http.Handler { return a.handler() }

// Close closes the database.
func (a *App) Close() error {
	a.outbound.CloseIdleConnections()
	return a.Store.Close()
}

// observe counts statements for /metrics and passes them on.
func (a *App) observe(next func(string)) func(string) {
	return func(statement string) {
		a.metrics.statements.WithLabelValues(statement).Inc()
		if next != nil {
			next(statement)
		}
	}
}

// NewLogger is the logger that a configuration asks for.
func NewLogger(cfg Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
