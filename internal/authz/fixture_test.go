package authz_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

const (
	issuer   = "https://auth.example"
	callback = "https://app.example/callback"
	// RFC 7636, Appendix B.
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

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
	return maps.Clone(s.counts)
}

// app is a registered client with its secret.
type app struct {
	authz.Client
	secret string
}

// world is a database with two people and two teams: ada is in red and blue, bob in blue. Anyone may connect app and public; redOnly belongs to red.
type world struct {
	testing.TB
	databaseURL string
	master      token.MasterKey
	db          *store.DB
	keys        *token.Keyring
	clock       *clock
	statements  *statements
	server      *authz.Server
	registry    *authz.Registry
	directory   *team.Directory

	ada, bob             team.User
	red, blue            team.Team
	app, public, redOnly app
}

var catalogue = authz.Catalogue{
	{Name: "chatbot:read", Description: "See chatbots", Access: authz.Read},
	{Name: "session:read", Description: "See sessions", Access: authz.Read},
	{Name: "session:write", Description: "Start sessions", Access: authz.Write},
}

// onSQLite is a world on a new SQLite file.
func onSQLite(t testing.TB) *world {
	t.Helper()
	return newWorld(t, storetest.SQLiteURL(t))
}

func newWorld(t testing.TB, databaseURL string) *world {
	t.Helper()
	w := &world{
		TB: t, databaseURL: databaseURL, master: token.NewMasterKey(), statements: &statements{counts: map[string]int{}},
		clock: &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)},
	}
	w.db, w.keys, w.server = w.process()
	w.registry = &authz.Registry{Store: w.db, Catalogue: catalogue, Now: w.clock.now}
	w.directory = &team.Directory{Store: w.db, Now: w.clock.now}
	w.ada, w.bob = w.addUser("ada@example.org", "Ada"), w.addUser("bob@example.org", "Bob")
	w.red, w.blue = w.addTeam("red", "Red Cross"), w.addTeam("blue", "Blue Note")
	w.join("red", w.ada)
	w.join("blue", w.ada)
	w.join("blue", w.bob)
	w.app = w.register(authz.Registration{Name: "App", RedirectURIs: []string{callback, "https://app.example/other"}})
	w.public = w.register(authz.Registration{Name: "Public", Public: true, RedirectURIs: []string{callback, "http://127.0.0.1/cb"}})
	w.redOnly = w.register(authz.Registration{Name: "Red only", Team: w.red, RedirectURIs: []string{callback}})
	return w
}

// process is a server process of its own on the world's database.
func (w *world) process() (*store.DB, *token.Keyring, *authz.Server) {
	w.Helper()
	db, err := store.Open(w.ctx(), w.databaseURL, store.Options{Observe: w.statements.observe, Now: w.clock.now, MachineTokenLifetime: time.Hour})
	w.ok(err)
	w.Cleanup(func() { w.ok(db.Close()) })
	keys, err := token.OpenKeyring(w.ctx(), db, w.master, w.clock.now)
	w.ok(err)
	return db, keys, authz.New(db, keys, w.clock.now, authz.Options{Issuer: issuer, Catalogue: catalogue, Audit: db})
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
	u, err := w.directory.AddUser(w.ctx(), email, name, false)
	w.ok(err)
	return u
}

func (w *world) addTeam(slug, name string) team.Team {
	w.Helper()
	added, err := w.directory.AddTeam(w.ctx(), slug, name)
	w.ok(err)
	return added
}

func (w *world) join(slug string, u team.User) {
	w.Helper()
	_, err := w.directory.AddMember(w.ctx(), slug, u.Email, team.Member)
	w.ok(err)
}

func (w *world) register(r authz.Registration) app {
	w.Helper()
	client, secret, err := w.registry.AddClient(w.ctx(), r)
	w.ok(err)
	return app{client, secret.Reveal()}
}

// session is a sign-in of u, now.
func (w *world) session(u team.User) *authn.Session {
	return &authn.Session{ID: "session of " + u.Email, User: u, AuthTime: w.clock.now().Truncate(time.Millisecond), Methods: []string{"pwd"}}
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

func (w *world) begin(p oauth.Params) authz.Request {
	w.Helper()
	r, err := w.server.Begin(w.ctx(), p)
	w.ok(err)
	return r
}

// sealed is the request as the next HTTP request brings it back.
func (w *world) sealed(r authz.Request) authz.Request {
	w.Helper()
	text, err := w.server.Seal(r)
	w.ok(err)
	opened, err := w.server.Open(text)
	w.ok(err)
	return opened
}

func (w *world) next(r authz.Request, session *authn.Session) authz.Next {
	w.Helper()
	n, err := w.server.Next(w.ctx(), r, session)
	w.ok(err)
	return n
}

// page is the consent page of a request, which must be what comes next.
func (w *world) page(p oauth.Params, session *authn.Session) authz.Next {
	w.Helper()
	n := w.next(w.sealed(w.begin(p)), session)
	if n.Step != authz.Consent {
		w.Fatalf("next is %v, want Consent", n.Step)
	}
	return n
}

func (w *world) approve(r authz.Request, session *authn.Session, chosen team.ID) authz.Next {
	w.Helper()
	n, err := w.server.Approve(w.ctx(), w.sealed(r), session, chosen)
	w.ok(err)
	return n
}

// connect is the code that ada gets for a client in a team, with her consent.
func (w *world) connect(client app, in team.Team, changes ...string) string {
	w.Helper()
	session := w.session(w.ada)
	n := w.approve(w.page(params(client, append(changes, "prompt", "consent")...), session).Request, session, in.ID)
	if n.Step != authz.Answer {
		w.Fatalf("approval leads to %v, want Answer", n.Step)
	}
	return n.Response.Code
}

// form is a good token request of a client, with changes as for params.
func form(client app, code string, changes ...string) url.Values {
	values := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}, "client_id": {string(client.ID)},
	}
	if client.secret != "" {
		values.Set("client_secret", client.secret)
	}
	for i := 0; i < len(changes); i += 2 {
		values.Set(changes[i], changes[i+1])
	}
	return values
}

// exchange sends a token request to a server.
func (w *world) exchange(server *authz.Server, values url.Values) (oauth.TokenResponse, error) {
	r, err := oauth.ParseTokenRequest("", oauth.NewParams(values))
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	return server.Exchange(w.ctx(), r)
}

func (w *world) redeem(client app, code string, changes ...string) (oauth.TokenResponse, error) {
	return w.exchange(w.server, form(client, code, changes...))
}

// refresh uses a refresh token, with changes as for params.
func (w *world) refresh(client app, refreshToken string, changes ...string) (oauth.TokenResponse, error) {
	return w.refreshAt(w.server, client, refreshToken, changes...)
}

// refreshAt is refresh at another server process.
func (w *world) refreshAt(server *authz.Server, client app, refreshToken string, changes ...string) (oauth.TokenResponse, error) {
	return w.exchange(server, form(client, "", append([]string{"grant_type", "refresh_token", "refresh_token", refreshToken}, changes...)...))
}

// mustRefresh is the answer to a refresh token that has to be good.
func (w *world) mustRefresh(client app, refreshToken string, changes ...string) oauth.TokenResponse {
	w.Helper()
	response, err := w.refresh(client, refreshToken, changes...)
	w.ok(err)
	return response
}

// mustConnect is the tokens of a new connection of ada's.
func (w *world) mustConnect(client app, in team.Team, changes ...string) oauth.TokenResponse {
	w.Helper()
	return w.mustRedeem(client, w.connect(client, in, changes...))
}

// asks is a client's request about a token.
func (c app) asks(text string) oauth.TokenParameter {
	a := oauth.ClientAuthentication{ClientID: string(c.ID), Secret: c.secret, Method: c.Method()}
	return oauth.TokenParameter{Token: text, Client: a}
}

// introspect is what a client is told of a token.
func (w *world) introspect(client app, text string) oauth.Introspection {
	w.Helper()
	i, err := w.server.Introspect(w.ctx(), client.asks(text))
	w.ok(err)
	return i
}

// wantLive checks that a client's access token works, or works no more, wherever this server is asked.
func (w *world) wantLive(client app, accessToken string, want bool) {
	w.Helper()
	if got := w.introspect(client, accessToken).Active; got != want {
		w.Errorf("introspection says active is %v, want %v", got, want)
	}
	_, err := w.server.UserInfo(w.ctx(), accessToken, "")
	if got := !errors.Is(err, oauth.InvalidToken); got != want {
		w.Errorf("UserInfo: error %v, want the token alive: %v", err, want)
	}
}

// events is what was recorded of a kind, the newest first.
func (w *world) events(kind audit.Kind) []audit.Event {
	w.Helper()
	events, err := w.db.Events(w.ctx(), audit.Filter{Kind: kind})
	w.ok(err)
	return events
}

// mustRedeem is the access token of a code that has to be good.
func (w *world) mustRedeem(client app, code string) oauth.TokenResponse {
	w.Helper()
	response, err := w.redeem(client, code)
	w.ok(err)
	return response
}

// familyID is the id inside a code.
func (w *world) familyID(code string) string {
	w.Helper()
	var inside struct {
		ID string `json:"i"`
	}
	if err := w.keys.Open("code", strings.TrimPrefix(code, token.PrefixCode), &inside); err != nil && !errors.Is(err, token.ErrExpired) {
		w.Fatal(err)
	}
	return inside.ID
}

// query asks the database itself.
func (w *world) query(into any, query string, args ...any) error {
	w.Helper()
	driver, dsn := "pgx", w.databaseURL
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, dsn = "sqlite", path
	}
	db, err := sql.Open(driver, dsn)
	w.ok(err)
	defer db.Close()
	return db.QueryRowContext(w.ctx(), query, args...).Scan(into)
}

// count is the number that a query answers with.
func (w *world) count(query string, args ...any) (n int) {
	w.Helper()
	w.ok(w.query(&n, query, args...))
	return n
}

// family is what the database has of a code's redemption: "none", "live" or "ended".
func (w *world) family(code string) string { return w.familyState(w.familyID(code)) }

func (w *world) familyState(id string) string {
	w.Helper()
	var ended int64
	err := w.query(&ended, "SELECT ended_at FROM families WHERE id = $1", id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "none"
	case err != nil:
		w.Fatal(err)
	case ended != 0:
		return "ended"
	}
	return "live"
}

// wantConnection checks what the database has of the family of a refresh token.
func (w *world) wantConnection(refreshToken, want string) {
	w.Helper()
	opened, err := w.keys.OpenRefreshToken(refreshToken)
	w.ok(err)
	if got := w.familyState(opened.Family); got != want {
		w.Errorf("the family is %q, want %q", got, want)
	}
}

// resourceServer is an API that may introspect tokens of an audience.
func (w *world) resourceServer(audience string) app {
	w.Helper()
	return w.register(authz.Registration{Name: "API", ResourceServer: audience})
}

// servers is two server processes on the world's database. SQLite is for one, so there both are the same.
func (w *world) servers() [2]*authz.Server {
	w.Helper()
	if !strings.HasPrefix(w.databaseURL, "postgres") {
		return [2]*authz.Server{w.server, w.server}
	}
	_, _, other := w.process()
	return [2]*authz.Server{w.server, other}
}

// proved sends a token request that came with a DPoP proof by a key.
func (w *world) proved(key string, values url.Values) (oauth.TokenResponse, error) {
	r, err := oauth.ParseTokenRequest("", oauth.NewParams(values))
	if err != nil {
		return oauth.TokenResponse{}, err
	}
	r.DPoPKey = key
	return w.server.Exchange(w.ctx(), r)
}

// thumbprint is the key that an access token is bound to.
func (w *world) thumbprint(accessToken string) string {
	w.Helper()
	confirmation, _ := w.claims(accessToken)["cnf"].(map[string]any)
	thumbprint, _ := confirmation["jkt"].(string)
	return thumbprint
}

// machine is a new machine client of red.
func (w *world) machine() app {
	w.Helper()
	return w.register(authz.Registration{Name: "Machine", Machine: true, Team: w.red})
}

// wantFamily checks what the database has of a code's redemption.
func (w *world) wantFamily(code, want string) {
	w.Helper()
	if got := w.family(code); got != want {
		w.Errorf("the family is %q, want %q", got, want)
	}
}

// wantCode checks the code of an error, and that it teaches.
func wantCode(t testing.TB, err error, want oauth.Code) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %s", err, want)
		return
	}
	if _, description := oauth.Outside(err); description == "" {
		t.Errorf("error %v says nothing to the client's developer", err)
	}
}

// claims is the payload of an access token, unverified.
func (w *world) claims(accessToken string) map[string]any {
	w.Helper()
	parts := strings.Split(accessToken, ".")
	if len(parts) != 3 {
		w.Fatalf("the access token has %d parts, want 3", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	w.ok(err)
	var claims map[string]any
	w.ok(json.Unmarshal(payload, &claims))
	return claims
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, f func(t *testing.T, w *world)) {
	storetest.OnBoth(t, func(t *testing.T, databaseURL string) { f(t, newWorld(t, databaseURL)) })
}
