package authz_test

import (
	"context"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/google/go-cmp/cmp"
)

const (
	issuer   = "https://auth.example"
	callback = "https://app.example/callback"
	// RFC 7636, Appendix B.
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// statements counts what the store does, by name.
type statements struct {
	mu     sync.Mutex
	counts map[string]int
}

func (s *statements) observe(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name]++
}

// during is what was done while f ran.
func (s *statements) during(f func()) map[string]int {
	s.mu.Lock()
	s.counts = map[string]int{}
	s.mu.Unlock()
	f()
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := maps.Clone(s.counts)
	// The store caches clients, and how often it checks that none has changed depends on the time.
	delete(counts, "Client")
	delete(counts, "Revision")
	return counts
}

// statementsOf is how many of its own n statements a unit of work sends one by one: PostgreSQL gets them all at once, with the record and the commit.
func (w *world) statementsOf(n int) int {
	if strings.HasPrefix(w.databaseURL, "postgres") {
		return 1
	}
	return n
}

// app is a registered client with its secret.
type app struct {
	client.Client
	secret string
}

// world is a database with two people and two teams: ada is in red and blue, bob in blue. Anyone may connect app and public; redOnly belongs to red.
type world struct {
	testing.TB
	databaseURL string
	db          *store.DB
	keys        *token.Keyring
	clock       *testkit.Clock
	statements  *statements
	server      *authz.Server
	registry    *client.Registry
	govern      *govern.Service
	directory   *team.Service
	sessions    map[string]authn.Session

	ada, bob             team.User
	red, blue            team.Team
	app, public, redOnly app
}

var catalogue = scope.Catalogue{
	{Name: "chatbot:read", Description: "See chatbots", Access: scope.Read},
	{Name: "session:read", Description: "See sessions", Access: scope.Read},
	{Name: "session:write", Description: "Start sessions", Access: scope.Write},
}

// onSQLite is a world on a new SQLite file.
func onSQLite(t testing.TB) *world {
	t.Helper()
	return newWorld(t, storetest.SQLiteURL(t))
}

func newWorld(t testing.TB, databaseURL string) *world {
	t.Helper()
	w := &world{
		TB: t, databaseURL: databaseURL, statements: &statements{counts: map[string]int{}}, sessions: map[string]authn.Session{},
		clock: testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)),
	}
	w.db, w.keys, w.server = w.process()
	w.registry = &client.Registry{Store: w.db, Catalogue: catalogue, RefreshGrace: time.Minute, Now: w.clock.Now}
	w.govern = &govern.Service{Store: w.db, Clients: w.db, Now: w.clock.Now}
	w.directory = &team.Service{People: w.db, Teams: w.db, Now: w.clock.Now}
	w.ada, w.bob = w.addUser("ada@example.org", "Ada"), w.addUser("bob@example.org", "Bob")
	w.red, w.blue = w.addTeam("red", "Red Cross"), w.addTeam("blue", "Blue Note")
	w.join("red", w.ada)
	w.join("blue", w.ada)
	w.join("blue", w.bob)
	w.app = w.register(client.Registration{Name: "App", RedirectURIs: []string{callback, "https://app.example/other"}})
	w.public = w.register(client.Registration{Name: "Public", Public: true, RedirectURIs: []string{callback, "http://127.0.0.1/cb"}})
	w.redOnly = w.register(client.Registration{Name: "Red only", Team: w.red, RedirectURIs: []string{callback}})
	return w
}

// process is a server process of its own on the world's database.
func (w *world) process() (*store.DB, *token.Keyring, *authz.Server) {
	w.Helper()
	return w.processAt(w.clock.Now)
}

// processAt is process with a clock of its own.
func (w *world) processAt(now func() time.Time) (*store.DB, *token.Keyring, *authz.Server) {
	w.Helper()
	db, err := store.Open(w.ctx(), w.databaseURL, store.Options{Observe: w.statements.observe, Now: now, MachineTokenLifetime: time.Hour, Lease: 10 * time.Millisecond})
	w.ok(err)
	w.Cleanup(func() { w.ok(db.Close()) })
	keys, err := token.OpenKeyring(w.ctx(), db, storetest.Keyed(w, db), now)
	w.ok(err)
	stores := storetest.Stores(db)
	stores.Refusals = audit.Recorder{Store: db, Now: now}
	return db, keys, authz.New(stores, keys, now, options())
}

// options are the defaults, with changes.
func options(changes ...func(*authz.Options)) authz.Options {
	opts := authz.Defaults()
	opts.Issuer, opts.Catalogue = issuer, catalogue
	for _, change := range changes {
		change(&opts)
	}
	return opts
}

func (w *world) ctx() context.Context { return w.Context() }

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) addUser(email, name string) team.User {
	w.Helper()
	u, err := w.directory.AddUser(w.ctx(), team.CommandLine, team.NewUser{Email: email, Name: name})
	w.ok(err)
	return u
}

func (w *world) addTeam(slug, name string) team.Team {
	w.Helper()
	added, err := w.directory.AddTeam(w.ctx(), team.CommandLine, slug, name)
	w.ok(err)
	return added
}

func (w *world) join(slug string, u team.User) {
	w.Helper()
	_, err := w.directory.AddMember(w.ctx(), team.CommandLine, slug, u.Email, team.Member)
	w.ok(err)
}

func (w *world) register(r client.Registration) app {
	w.Helper()
	client, secret, err := w.registry.AddClient(w.ctx(), team.CommandLine, r)
	w.ok(err)
	return app{client, secret.Reveal()}
}

// session is a sign-in of u, now. It is saved when a browser with it is used.
func (w *world) session(u team.User) *authn.Session {
	now := w.clock.Now().UTC().Truncate(time.Millisecond)
	return &authn.Session{ID: "session of " + u.Email, User: u, AuthTime: now, Methods: []string{"pwd"}, ExpiresAt: now.Add(14 * 24 * time.Hour)}
}

// browser is a browser with this session; nil is a browser in which nobody is signed in.
func (w *world) browser(session *authn.Session) authz.Browser {
	w.Helper()
	if session == nil {
		return authz.Browser{}
	}
	if saved, ok := w.sessions[session.ID]; !ok || !cmp.Equal(saved, *session) {
		w.ok(w.db.EndSession(w.ctx(), session.ID))
		w.ok(w.db.StartSession(w.ctx(), *session, ""))
		w.sessions[session.ID] = *session
	}
	return authz.Browser{Session: session.ID}
}

// params is a good authorization request of a client, with changes: name, value, name, value. An empty value takes the parameter out.
func params(client app, changes ...string) oauth.Params {
	values := url.Values{
		"response_type": {"code"}, "client_id": {string(client.ID)}, "redirect_uri": {callback}, "state": {"st&te"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}, "scope": {"chatbot:read session:read"},
	}
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
	}
	return oauth.NewParams(values)
}

// begin is a request that Begin has checked.
func (w *world) begin(p oauth.Params) authz.Request {
	w.Helper()
	sealed, err := w.server.Accept(w.ctx(), p)
	w.ok(err)
	return w.opened(sealed)
}

func (w *world) opened(sealed string) authz.Request {
	w.Helper()
	r, err := w.server.OpenRequest(sealed)
	w.ok(err)
	return r
}

func (w *world) sealed(r authz.Request) string {
	w.Helper()
	sealed, err := w.server.SealRequest(r)
	w.ok(err)
	return sealed
}

func (w *world) next(r authz.Request, session *authn.Session) authz.Next {
	w.Helper()
	n, err := w.server.Continue(w.ctx(), w.sealed(r), w.browser(session))
	w.ok(err)
	return n
}

// page is the consent page of a request, which must be what comes next.
func (w *world) page(p oauth.Params, session *authn.Session) authz.Next {
	w.Helper()
	n, err := w.server.Begin(w.ctx(), p, w.browser(session))
	w.ok(err)
	if n.Step != authz.Consent {
		w.Fatalf("next is %v, want Consent", n.Step)
	}
	return n
}

func (w *world) approve(sealed string, session *authn.Session, chosen team.ID) authz.Next {
	w.Helper()
	n, err := w.server.Approve(w.ctx(), sealed, w.browser(session), authz.Choice{Team: chosen})
	w.ok(err)
	return n
}

// connect is the code that ada gets for a client in a team, with her consent.
func (w *world) connect(client app, in team.Team, changes ...string) string {
	w.Helper()
	session := w.session(w.ada)
	n := w.approve(w.page(params(client, append(changes, "prompt", "consent")...), session).Sealed, session, in.ID)
	if n.Step != authz.Answer {
		w.Fatalf("approval leads to %v, want Answer", n.Step)
	}
	return n.Response.Code
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, f func(t *testing.T, w *world)) {
	storetest.OnBoth(t, func(t *testing.T, databaseURL string) { f(t, newWorld(t, databaseURL)) })
}

// block makes the red team block the app.
func (w *world) block() error { return w.blockIn(w.red, w.app.ID, "no") }

func (w *world) blockIn(t team.Team, id oauth.ClientID, reason string) error {
	_, err := w.govern.Block(w.ctx(), team.CommandLine, t.ID, id, reason)
	return err
}
