// Package webtest is the fixture of the tests that meet the whole server over HTTP: a house with people, teams and applications, and a
// browser to visit it. Only tests import it.
package webtest

import (
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
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
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
	"github.com/gatehouse-auth/gatehouse/internal/web"
)

// The story: Ana works in two teams, Ben in one of them, Cleo in none. Nobody here works in Cobalt.
const (
	Ana, Ben, Cleo = "ana@example.org", "ben@example.org", "cleo@example.org"
	Password       = "a quiet gate in spring"

	Callback = "https://insight.example/callback"

	// RFC 7636, Appendix B.
	Verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// WebParts is web.Parts, which changes to a house take.
type WebParts = web.Parts

// Catalogue is the scopes of the house.
var Catalogue = scope.Catalogue{
	{Name: "chatbot:read", Description: "See the team's chatbots", Access: scope.Read, Translations: map[string]string{"de": "Die Chatbots des Teams sehen"}},
	{Name: "session:read", Description: "Read the team's conversations", Access: scope.Read},
	{Name: "session:write", Description: "Start conversations", Access: scope.Write},
}

// App is a registered client with its secret and the redirect URI that tests use.
type App struct {
	client.Client
	Secret      string
	RedirectURI string
}

// House is a server on a database with people, teams and clients.
type House struct {
	testing.TB
	url       string // of the database
	Profile   oauth.Profile
	DB        *store.DB
	Clock     *testkit.Clock
	Logged    *testkit.Log
	Keys      *token.Keyring
	authn     *authn.Authenticator
	authz     *authz.Server
	Directory *team.Service
	Registry  *client.Registry
	Govern    *govern.Service
	Parts     web.Parts
	Requests  *usage.Failures // gathers failed requests
	Server    *httptest.Server

	statements atomic.Int64
	require    authn.Require

	Atlas, Borealis, Cobalt team.Team
	Insight                 App // global
	Notes                   App // belongs to atlas
	Pocket                  App // public and global
	Machine                 App // belongs to atlas, acts for itself; has a redirect URI that no registration would allow
}

// Started is the time at which a house begins.
var Started = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// OnBoth runs a test in a house on SQLite and in one on PostgreSQL, beside other tests: each has its house to itself.
func OnBoth(t *testing.T, test func(h *House), changes ...func(*web.Parts)) {
	t.Helper()
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, url string) { test(NewHouse(t, url, changes...)) })
}

// UnderProfile is OnBoth in a house whose server keeps a profile. The people and clients were there before: the profile may refuse them.
func UnderProfile(t *testing.T, profile oauth.Profile, test func(h *House)) {
	t.Helper()
	t.Parallel()
	storetest.OnBoth(t, func(t *testing.T, url string) {
		h := newHouse(t, url, profile)
		h.Registry.Profile = profile
		test(h)
	})
}

// NewHouse builds a house; changes may alter the parts before the server starts.
func NewHouse(t testing.TB, url string, changes ...func(*web.Parts)) *House {
	t.Helper()
	return newHouse(t, url, oauth.ProfileNone, changes...)
}

func newHouse(t testing.TB, url string, profile oauth.Profile, changes ...func(*web.Parts)) *House {
	t.Helper()
	h := &House{TB: t, url: url, Profile: profile, Clock: testkit.NewClock(Started), Logged: &testkit.Log{}, Requests: new(usage.Failures)}
	h.DB = h.Open()
	var err error
	h.Keys, err = token.OpenKeyring(t.Context(), h.DB, storetest.Keyed(t, h.DB), h.Clock.Now)
	h.OK(err)
	h.Directory = &team.Service{
		People: h.DB, Teams: h.DB, Audit: h.DB, Now: h.Clock.Now, Links: h.DB, Invited: h.DB, Newcomers: h.DB, Keys: h.Keys, SignUp: team.SignUp{Mode: team.SignUpInvited},
	}
	h.Registry = &client.Registry{Store: h.DB, Requests: h.DB, Catalogue: Catalogue, Now: h.Clock.Now}
	h.Govern = &govern.Service{Store: h.DB, Clients: h.DB, Now: h.Clock.Now}
	h.Server = h.Serve(changes...)
	h.furnish()
	return h
}

// Requiring makes a house a server that requires a second factor.
func (h *House) Requiring(require authn.Require) *House {
	h.Helper()
	h.require = require
	h.Server = h.Serve()
	return h
}

// Serve starts another server, as another process would be, on the house's database.
func (h *House) Serve(changes ...func(*web.Parts)) *httptest.Server {
	h.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	parts := web.Parts{
		Issuer: issuer, Directory: h.Directory, Govern: h.Govern, Registry: h.Registry, Audit: h.DB, Keys: h.Keys, Now: h.Clock.Now,
		Log:       slog.New(slog.NewJSONHandler(h.Logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Failures:  limit.Limiter{Store: h.DB, Now: h.Clock.Now, MAC: h.Keys.LimitMAC},
		SendsMail: true, ServerName: "Gatehouse", Requests: h.Requests, ClientFailures: 30, PublicPushes: 20,
	}
	signIn := authn.Defaults()
	signIn.InsecureFastHashing, signIn.RequireSecondFactor = true, h.require
	parts.Authn = authn.New(h.DB, h.Keys, h.Clock.Now, signIn)
	for _, change := range changes {
		change(&parts)
	}
	opts, stores := authz.Defaults(), storetest.Stores(h.DB)
	opts.Issuer, opts.Catalogue, opts.Profile, opts.RequireSecondFactor = parts.Issuer, Catalogue, h.Profile, h.require
	if !parts.Authn.HasPasskeys() {
		opts.HighestLevel = authn.TwoFactors
	}
	stores.Refusals = audit.Recorder{Store: h.DB, Now: h.Clock.Now}
	parts.Authz = authz.New(stores, h.Keys, h.Clock.Now, opts)
	h.Parts, h.authn, h.authz = parts, parts.Authn, parts.Authz
	server.Config.Handler = web.New(parts)
	server.Start()
	h.Cleanup(server.Close)
	return server
}

// furnish registers the people, teams and clients.
func (h *House) furnish() {
	h.Helper()
	h.Atlas, h.Borealis, h.Cobalt = h.AddTeam("atlas", "Atlas Research"), h.AddTeam("borealis", "Borealis"), h.AddTeam("cobalt", "Cobalt Secret Project")
	h.addPerson(Ana, "Ana Anders", "atlas", "borealis")
	h.addPerson(Ben, "Ben Bakker", "atlas")
	h.addPerson(Cleo, "Cleo Castro")
	h.Insight = h.Register(client.Registration{
		Name: "Insight", Owner: "Insight Labs", RedirectURIs: []string{Callback, "https://insight.example/cb;v=1?a=b&c=%20d"},
	})
	h.Notes = h.Register(client.Registration{Name: "Atlas Notes", Team: h.Atlas, RedirectURIs: []string{"https://notes.example/back"}})
	h.Pocket = h.Register(client.Registration{
		Name: "Pocket", Public: true, RedirectURIs: []string{"https://pocket.example/cb", "http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb", "com.example.pocket:/cb"},
	})
	secret := token.NewSecret(token.PrefixClientSecret)
	client := client.Client{
		ID: oauth.ClientID(token.NewID()), Name: "Night Job", Machine: true, Team: h.Atlas, RedirectURIs: []string{"https://job.example/cb"},
		Secrets: []client.Secret{{Hash: secret.Hash(), CreatedAt: h.Clock.Now()}}, CreatedAt: h.Clock.Now(),
	}
	h.OK(h.DB.AddClient(h.Context(), client))
	h.Machine = App{client, secret.Reveal(), client.RedirectURIs[0]}
}

// Open opens the house's database, as one process has it.
func (h *House) Open() *store.DB {
	h.Helper()
	observe := func(string) { h.statements.Add(1) }
	db, err := store.Open(h.Context(), h.url, store.Options{Now: h.Clock.Now, Lease: 10 * time.Millisecond, Observe: observe})
	h.OK(err)
	h.Cleanup(func() { db.Close() })
	return db
}

func (h *House) OK(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *House) AddTeam(slug, name string) team.Team {
	h.Helper()
	t, err := h.Directory.AddTeam(h.Context(), team.CommandLine, slug, name)
	h.OK(err)
	return t
}

// LongAfter is the house's database as a process has it for which every slug that a team gave up is free again.
func (h *House) LongAfter() *store.DB {
	h.Helper()
	return storetest.LongAfter(h, h.url)
}

// Reuse adds a team with the slug of a former one, long after.
func (h *House) Reuse(slug, name string) team.Team {
	h.Helper()
	directory := *h.Directory
	directory.Teams = h.LongAfter()
	t, err := directory.AddTeam(h.Context(), team.CommandLine, slug, name)
	h.OK(err)
	return t
}

func (h *House) addPerson(email, name string, teams ...string) {
	h.Helper()
	u, err := h.Directory.AddUser(h.Context(), team.CommandLine, team.NewUser{Email: email, Name: name})
	h.OK(err)
	h.OK(h.authn.SetPassword(h.Context(), u, Password))
	for _, slug := range teams {
		_, err := h.Directory.AddMember(h.Context(), team.CommandLine, slug, email, team.Member)
		h.OK(err)
	}
}

func (h *House) Register(r client.Registration) App {
	h.Helper()
	client, secret, err := h.Registry.AddClient(h.Context(), team.CommandLine, r)
	h.OK(err)
	registered := App{Client: client, Secret: secret.Reveal()}
	if len(client.RedirectURIs) > 0 {
		registered.RedirectURI = client.RedirectURIs[0]
	}
	return registered
}

// Grants is who has connected what, where: "ana@example.org Insight atlas chatbot:read".
func (h *House) Grants() []string {
	h.Helper()
	details, err := h.DB.Grants(h.Context(), authz.GrantFilter{})
	h.OK(err)
	var lines []string
	for _, g := range details {
		lines = append(lines, strings.Join([]string{g.User.Email, g.Client.Name, g.Team.Slug, g.Scope.String()}, " "))
	}
	slices.Sort(lines)
	return lines
}

// TrustLoopback makes the tests' connections come from a trusted proxy, so that X-Forwarded-For says who asks.
func TrustLoopback(p *web.Parts) {
	p.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// Block makes Atlas block Insight.
func (h *House) Block(reason string) {
	h.Helper()
	_, err := h.Govern.Block(h.Context(), team.CommandLine, h.Atlas.ID, h.Insight.ID, reason)
	h.OK(err)
}

// SetPolicy gives Atlas a policy for applications.
func (h *House) SetPolicy(rule govern.Rule) {
	h.Helper()
	_, err := h.Govern.SetPolicy(h.Context(), team.CommandLine, h.Atlas.ID, govern.Policy{Rule: rule}, nil)
	h.OK(err)
}

// Acting is a person as an actor.
func (h *House) Acting(email string) team.Actor {
	h.Helper()
	u, err := h.DB.UserByEmail(h.Context(), email)
	h.OK(err)
	actor, _, err := h.Directory.Acting(h.Context(), u)
	h.OK(err)
	return actor
}
