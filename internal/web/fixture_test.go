package web_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web"
)

// The story: Ana works in two teams, Ben in one of them, Cleo in none. Nobody here works in Cobalt.
const (
	ana, ben, cleo = "ana@example.org", "ben@example.org", "cleo@example.org"
	password       = "a quiet gate in spring"

	callback = "https://insight.example/callback"

	// RFC 7636, Appendix B.
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// webParts is web.Parts, which changes to a house take.
type webParts = web.Parts

var catalogue = scope.Catalogue{
	{Name: "chatbot:read", Description: "See the team's chatbots", Access: scope.Read},
	{Name: "session:read", Description: "Read the team's conversations", Access: scope.Read},
	{Name: "session:write", Description: "Start conversations", Access: scope.Write},
}

// clock is a time that only tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// logBuffer is a log that tests can read while servers write it.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// app is a registered client with its secret and the redirect URI that tests use.
type app struct {
	client.Client
	secret      string
	redirectURI string
}

// house is a server on a database with people, teams and clients.
type house struct {
	testing.TB
	url       string // of the database
	db        *store.DB
	clock     *clock
	log       *logBuffer
	keys      *token.Keyring
	authn     *authn.Authenticator
	authz     *authz.Server
	directory *team.Service
	registry  *client.Registry
	govern    *govern.Service
	parts     web.Parts
	server    *httptest.Server

	atlas, borealis, cobalt team.Team
	insight                 app // global
	notes                   app // belongs to atlas
	pocket                  app // public and global
	machine                 app // belongs to atlas, acts for itself; has a redirect URI that no registration would allow
}

var started = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// onBoth runs a test in a house on SQLite and in one on PostgreSQL, beside other tests: each has its house to itself.
func onBoth(t *testing.T, test func(h *house), changes ...func(*web.Parts)) {
	t.Helper()
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, url string) { test(newHouse(t, url, changes...)) })
}

// newHouse builds a house; changes may alter the parts before the server starts.
func newHouse(t testing.TB, url string, changes ...func(*web.Parts)) *house {
	t.Helper()
	h := &house{TB: t, url: url, clock: &clock{at: started}, log: &logBuffer{}}
	h.db = h.open()
	var err error
	h.keys, err = token.OpenKeyring(t.Context(), h.db, storetest.Keyed(t, h.db), h.clock.now)
	h.ok(err)
	h.directory = &team.Service{People: h.db, Teams: h.db, Now: h.clock.now}
	h.registry = &client.Registry{Store: h.db, Catalogue: catalogue, Now: h.clock.now}
	h.govern = &govern.Service{Store: h.db, Clients: h.db, Now: h.clock.now}
	h.server = h.serve(changes...)
	h.furnish()
	return h
}

// serve starts another server process, so to say, on the house's database.
func (h *house) serve(changes ...func(*web.Parts)) *httptest.Server {
	h.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	parts := web.Parts{
		Issuer: issuer, Directory: h.directory, Store: h.db, Audit: h.db, Keys: h.keys, Now: h.clock.now,
		Log:      slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Failures: limit.Limiter{Store: h.db, Now: h.clock.now},
		Authn:    authn.New(h.db, h.keys, h.clock.now, authn.Options{InsecureFastHashing: true}),
	}
	for _, change := range changes {
		change(&parts)
	}
	parts.Authz = authz.New(storetest.Stores(h.db), h.keys, h.clock.now, authz.Options{Issuer: parts.Issuer, Catalogue: catalogue, Audit: h.db})
	h.parts, h.authn, h.authz = parts, parts.Authn, parts.Authz
	server.Config.Handler = web.New(parts)
	server.Start()
	h.Cleanup(server.Close)
	return server
}

// furnish registers the people, teams and clients.
func (h *house) furnish() {
	h.Helper()
	h.atlas, h.borealis, h.cobalt = h.addTeam("atlas", "Atlas Research"), h.addTeam("borealis", "Borealis"), h.addTeam("cobalt", "Cobalt Secret Project")
	h.addPerson(ana, "Ana Anders", "atlas", "borealis")
	h.addPerson(ben, "Ben Bakker", "atlas")
	h.addPerson(cleo, "Cleo Castro")
	h.insight = h.register(client.Registration{
		Name: "Insight", Owner: "Insight Labs", RedirectURIs: []string{callback, "https://insight.example/cb;v=1?a=b&c=%20d"},
	})
	h.notes = h.register(client.Registration{Name: "Atlas Notes", Team: h.atlas, RedirectURIs: []string{"https://notes.example/back"}})
	h.pocket = h.register(client.Registration{
		Name: "Pocket", Public: true, RedirectURIs: []string{"https://pocket.example/cb", "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb", "com.example.pocket:/cb"},
	})
	secret := token.NewSecret(token.PrefixClientSecret)
	client := client.Client{
		ID: oauth.ClientID(token.NewID()), Name: "Night Job", Machine: true, Team: h.atlas, RedirectURIs: []string{"https://job.example/cb"},
		Secrets: []client.Secret{{Hash: secret.Hash(), CreatedAt: h.clock.now()}}, CreatedAt: h.clock.now(),
	}
	h.ok(h.db.AddClient(h.Context(), client))
	h.machine = app{client, secret.Reveal(), client.RedirectURIs[0]}
}

// open opens the house's database, as one process has it.
func (h *house) open() *store.DB {
	h.Helper()
	db, err := store.Open(h.Context(), h.url, store.Options{Now: h.clock.now, Lease: 10 * time.Millisecond})
	h.ok(err)
	h.Cleanup(func() { db.Close() })
	return db
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) addTeam(slug, name string) team.Team {
	h.Helper()
	t, err := h.directory.AddTeam(h.Context(), team.CommandLine, slug, name)
	h.ok(err)
	return t
}

func (h *house) addPerson(email, name string, teams ...string) {
	h.Helper()
	u, err := h.directory.AddUser(h.Context(), team.CommandLine, email, name, false)
	h.ok(err)
	h.ok(h.authn.SetPassword(h.Context(), u, password))
	for _, slug := range teams {
		_, err := h.directory.AddMember(h.Context(), team.CommandLine, slug, email, team.Member)
		h.ok(err)
	}
}

func (h *house) register(r client.Registration) app {
	h.Helper()
	client, secret, err := h.registry.AddClient(h.Context(), team.CommandLine, r)
	h.ok(err)
	registered := app{Client: client, secret: secret.Reveal()}
	if len(client.RedirectURIs) > 0 {
		registered.redirectURI = client.RedirectURIs[0]
	}
	return registered
}

// grants is who has connected what, where: "ana@example.org Insight atlas chatbot:read".
func (h *house) grants() []string {
	h.Helper()
	details, err := h.db.Grants(h.Context(), authz.GrantFilter{})
	h.ok(err)
	var lines []string
	for _, g := range details {
		lines = append(lines, strings.Join([]string{g.User.Email, g.Client.Name, g.Team.Slug, g.Scope.String()}, " "))
	}
	slices.Sort(lines)
	return lines
}

// trustLoopback makes the tests' connections come from a trusted proxy, so that X-Forwarded-For says who asks.
func trustLoopback(p *web.Parts) {
	p.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}
