// Package app puts the parts together, for the server, the command line and the tests. It also keeps what a running server
// needs besides its handlers: listeners, background tasks, the certificate, operations endpoints.
//
// It is the only package that knows all the others. It holds no rules of the protocol.
package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/flight"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/outbound"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Deps is what an App takes from its surroundings. The zero value of each is what the server uses.
type Deps struct {
	Log *slog.Logger     // nothing is logged when nil
	Now func() time.Time // the system's clock when nil
	API http.Handler     // see App.API

	// LogDropped is how many lines of the log were dropped so far, for /metrics. May be nil.
	LogDropped func() uint64

	// Reread reads the configuration again, for secrets in files that were replaced. May be nil: then they stay.
	Reread func() (config.Config, error)

	// DatabaseNow is the database's clock. The database is asked when nil. For tests whose Now is another clock.
	DatabaseNow func(context.Context) (time.Time, error)
	// Elapsed is the machine's monotonic clock. When nil it is the system's, or follows Now when there is one.
	Elapsed func() time.Duration

	// Making says what Open does when there is no database yet. The zero value makes one.
	Making Making

	// Mail sends a mail. When nil, mails go to the mail server of the configuration; without one they are not sent.
	Mail mail.Sender

	// Observe is called as store.Options.Observe, for tests that count statements.
	Observe func(statement string)
	// InsecureFastHashing makes passwords cheap to check, and to guess if the database leaks. For tests only.
	InsecureFastHashing bool
}

// Making says what Open does when there is no database yet.
type Making = store.Making

const (
	MakeInEmpty = store.MakeInEmpty // makes one in an empty directory, or an empty PostgreSQL database
	MakeNever   = store.MakeNever
	LeaveAlone  = store.LeaveAlone // changes not even the schema
	MakeNew     = store.MakeNew    // makes one; it is an error when there is one already
)

// App is the parts of one Gatehouse on one database.
type App struct {
	Config   config.Config
	Log      *slog.Logger
	Store    *store.DB
	Keys     *token.Keyring
	Team     *team.Service
	Authn    *authn.Authenticator
	Authz    *authz.Server
	Registry *client.Registry
	Govern   *govern.Service
	Operate  *operate.Service
	API      http.Handler // mounted at /api/, for the demo; set it before Handler is called first
	DevMails http.Handler // mounted at /dev/mails/, for the demo, like API

	now        func() time.Time
	providers  *provider.Providers // at which people can sign in
	outbound   *outbound.Client    // for URLs that applications registered
	outbox     *outbox.Delivery
	sendsMail  bool
	reread     func() (config.Config, error)
	mailServer atomic.Pointer[mail.Server] // nil: no mail is sent
	metrics    metrics
	timeouts   timeouts
	sleep      func(time.Duration)
	clock      *clock
	clockWrong atomic.Bool // as clockAgrees has found last
	ready      *flight.Value[struct{}]
	requests   *usage.Failures // of clients, that failed; nil when they are not kept
	stopping   atomic.Bool     // from the signal to stop; /readyz says so
	handler    func() http.Handler
}

// Open opens the database of a configuration, brings its schema up to date, finds or makes the keys, and puts the parts
// together. Call Close at the end.
func Open(ctx context.Context, cfg config.Config, deps Deps) (*App, error) {
	cfg, err := cfg.Check()
	if err != nil {
		return nil, err
	}
	if err := needsMasterKey(cfg); err != nil { // before a database is made
		return nil, err
	}
	opts := cfg.Outbound
	opts.ThisMachine = cfg.OnThisMachine()
	a := &App{
		Config: cfg, Log: deps.Log, API: deps.API, now: deps.Now, outbound: outbound.New(opts),
		metrics: newMetrics(deps.LogDropped), timeouts: serverTimeouts, sleep: time.Sleep, reread: deps.Reread,
	}
	if a.Log == nil {
		a.Log = slog.New(slog.DiscardHandler)
	}
	a.clock = a.newClock(deps)
	a.metrics.clock(a.clock.off)
	a.Store, err = store.Open(ctx, cfg.DatabaseURL, store.Options{
		Observe: a.observe(deps.Observe), Happened: a.metrics.happened, Now: a.clock.corrected, WrongClock: a.clock.wrong,
		Making: deps.Making, Log: a.Log, URL: a.databaseURL,
		MachineTokenLifetime: cfg.Authz.AccessTokenLifetime + token.ClockLeeway, AuditRetention: cfg.AuditRetention,
	})
	if errors.Is(err, store.ErrNoDatabase) {
		err = fmt.Errorf("%w. Correct database_url, or make a new database with: gatehouse init", err)
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if a.clock.database == nil {
		a.clock.database = a.Store.Now
	}
	a.ready = a.newReadiness()
	if err := a.assemble(ctx, deps); err != nil {
		return nil, errors.Join(err, a.Store.Close())
	}
	return a, nil
}

// newClock starts with what the system's clock shows.
func (a *App) newClock(deps Deps) *clock {
	_, alone := a.Config.SQLite()
	c := &clock{now: deps.Now, elapsed: deps.Elapsed, database: deps.DatabaseNow, alone: alone}
	if c.now == nil {
		c.now = time.Now
		c.elapsed = elapsed
	}
	if c.elapsed == nil {
		began := c.now()
		c.elapsed = func() time.Duration { return c.now().Sub(began) }
	}
	a.now = c.now
	c.start()
	return c
}

// assemble makes everything that uses the store.
func (a *App) assemble(ctx context.Context, deps Deps) error {
	master, err := masterKey(ctx, a.Config, a.Store)
	if err != nil {
		return err
	}
	a.Keys, err = token.OpenKeyring(ctx, a.Store, master, a.now)
	if err != nil {
		return fmt.Errorf("open the keys: %w", err)
	}
	cfg := a.Config
	a.Keys.WrongClock = a.clock.wrong
	a.providers = provider.New(cfg.Providers, provider.Options{PublicURL: cfg.PublicURL, ThisMachine: cfg.OnThisMachine(), Keys: a.Keys, Now: a.clock.corrected})
	a.Team = &team.Service{People: a.Store, Teams: a.Store, Audit: a.Store, Now: a.clock.corrected, TeamCreation: team.Creation(cfg.TeamCreation), SignUp: cfg.SignUp, Newcomers: a.Store, Providers: a.providers.ForTeams(), Links: a.Store, Invited: a.Store, Keys: a.Keys}
	a.Registry = &client.Registry{Store: a.Store, Requests: a.Store, Catalogue: cfg.Authz.Catalogue, Profile: cfg.Authz.Profile, Audience: cmp.Or(cfg.Authz.Audience, cfg.PublicURL), RefreshGrace: cfg.Authz.Refresh.Grace, Now: a.clock.corrected}
	a.Operate = &operate.Service{Store: a.Store, RequireSecondFactor: cfg.Authn.RequireSecondFactor}
	a.Govern = &govern.Service{Store: a.Store, Clients: a.Store, Now: a.clock.corrected}
	cfg.Authn.InsecureFastHashing = deps.InsecureFastHashing
	cfg.Authn.PublicURL, cfg.Authn.ServerName, cfg.Authn.Issuers = cfg.PublicURL, cfg.ServerName, a.providers.Issuers()
	a.Authn = authn.New(a.Store, a.Keys, a.now, cfg.Authn)
	cfg.Authz.Issuer = cfg.PublicURL
	cfg.Authz.RequireSecondFactor = cfg.Authn.RequireSecondFactor
	if !a.Authn.HasPasskeys() {
		cfg.Authz.HighestLevel = authn.TwoFactors
	}
	a.Authz = authz.New(authz.Stores{
		Clients: a.Store, Assertions: a.Store, Grants: a.Store, Families: a.Store, Machines: a.Store, Requests: a.Store, Factors: a.Store,
		Refusals: a.refusals(), FetchJWKS: client.NewKeyCache(a.outbound, a.now).Fetch,
	}, a.Keys, a.now, cfg.Authz)
	a.sendsMail = deps.Mail != nil || cfg.Mail.Server.Set()
	if cfg.RequestLog {
		a.requests = new(usage.Failures)
	}
	a.outbox = a.newOutbox(deps.Mail)
	// Made at first use, because commands need no pages.
	a.handler = sync.OnceValue(a.newHandler)
	return nil
}

func (a *App) newHandler() http.Handler {
	return web.New(web.Parts{
		Issuer:         a.Config.PublicURL,
		ServerName:     a.Config.ServerName,
		Language:       words.Named(a.Config.Language),
		APIDocs:        a.Config.APIDocsURL,
		Authz:          a.Authz,
		Authn:          a.Authn,
		Providers:      a.providers,
		Directory:      a.Team,
		Govern:         a.Govern,
		Registry:       a.Registry,
		Keys:           a.Keys,
		Audit:          a.Store,
		Log:            a.Log,
		Now:            a.now,
		Metrics:        a.metrics.registry,
		TrustedProxies: a.Config.TrustedProxies,
		Failures:       a.failures(),
		ClientFailures: a.Config.ClientFailures,
		PublicPushes:   a.Config.PublicPushes,
		Requests:       a.requests,
		API:            a.API,
		DevMails:       a.DevMails,
		SendsMail:      a.sendsMail,
	})
}

// Handler is the public endpoints and pages.
func (a *App) Handler() http.Handler { return a.handler() }

// Close closes the database.
func (a *App) Close() error {
	a.outbound.Close()
	a.providers.Close()
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
