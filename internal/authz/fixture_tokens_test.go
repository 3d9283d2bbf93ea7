package authz_test

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

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
func (w *world) events(kind audit.Kind) []audit.Entry {
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
	if err := w.keys.Open(token.PurposeCode, strings.TrimPrefix(code, token.PrefixCode), &inside); err != nil && !errors.Is(err, token.ErrExpired) {
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
	err := w.query(&ended, "SELECT ended_at FROM gh_families WHERE id = $1", id)
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
	return w.register(client.Registration{Name: "API", ResourceServer: audience})
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

// apart is the world's server, and one whose clock is behind.
func (w *world) apart() [2]*authz.Server {
	stores := storetest.Stores(w.db)
	now := func() time.Time { return w.clock.Now().Add(-behind) }
	return [2]*authz.Server{w.server, authz.New(stores, w.keys, now, options())}
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
	return w.register(client.Registration{Name: "Machine", Machine: true, Team: w.red})
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
