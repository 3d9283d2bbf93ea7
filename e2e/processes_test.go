package e2e_test

import (
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
)

// masterKey is the setting that all servers on PostgreSQL must share.
var masterKey = "GATEHOUSE_MASTER_KEY=" + base64.StdEncoding.EncodeToString([]byte("thirty-two bytes, for tests only"))

// acmeURL asks for a code for the team acme.
func acmeURL(app registered) string {
	return installedURL + "/o/authorize/?" + request(app, "team", "acme").Encode()
}

// code returns a code that Ann agreed to at a process.
func (p *process) code(t *testing.T, app registered) string {
	t.Helper()
	code := parameter(p.person(t).connect(acmeURL(app)), "code")
	if code == "" {
		t.Fatal("there is no code")
	}
	return code
}

// emptyPostgres returns a database without a schema.
func emptyPostgres(t *testing.T) string {
	t.Helper()
	url := pgtest.URL(t)
	execute(t, openDatabase(t, "pgx", url), "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
	return url
}

func openDatabase(t testing.TB, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func execute(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// get returns the body of a page or document of a process.
func (p *process) get(t *testing.T, path string) string {
	t.Helper()
	response, err := p.client().Get(installedURL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", path, response.Status, err)
	}
	return string(body)
}

// honours reports whether an API that trusts this process's keys accepts a token.
func (p *process) honours(token string) bool {
	p.t.Helper()
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	if p.keys == nil {
		p.keys = p.guard()
	}
	p.keys.Require()(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(answer, request)
	return answer.Code == http.StatusOK
}

func TestTwoServersOnOneDatabase(t *testing.T) {
	t.Parallel()
	database := emptyPostgres(t)
	in := install(t, database, masterKey)
	one, other := in.launch(), in.launch() // at the same time: one creates schema and keys, the other waits for them
	one.await()
	other.await()
	in.furnish()
	app := in.register("Shop") // by the command line, while both run

	t.Run("keys", func(t *testing.T) {
		if a, b := one.get(t, "/.well-known/jwks.json"), other.get(t, "/.well-known/jwks.json"); a != b {
			t.Errorf("one publishes %s\nthe other %s", a, b)
		}
		for _, p := range []*process{one, other} {
			answer, err := redeem(t.Context(), p.client(), app, p.code(t, app))
			if err != nil || answer.Status != http.StatusOK {
				t.Fatalf("got %d %s, %v", answer.Status, answer.Error, err)
			}
			if !one.honours(answer.AccessToken) || !other.honours(answer.AccessToken) {
				t.Error("a token is not honoured by the keys of both")
			}
			if one.honours(answer.AccessToken + "x") {
				t.Error("an altered token is honoured")
			}
		}
	})
	t.Run("fifty redemptions", func(t *testing.T) {
		testFiftyRedemptions(t, openDatabase(t, "pgx", database), app, one.code(t, app), one, other)
	})
	t.Run("a sign-in at one counts at the other", func(t *testing.T) {
		ann := one.person(t)
		ann.connect(acmeURL(app))
		ann.client.Transport, ann.pages = other.client().Transport, 0
		if answer := ann.connect(acmeURL(app)); parameter(answer, "code") == "" || ann.pages != 0 {
			t.Errorf("%d pages were shown, and the answer is %s", ann.pages, answer)
		}
	})
	t.Run("member removed", func(t *testing.T) {
		code := one.code(t, app)
		in.cli("", nil, "member", "remove", "acme", annEmail, "--yes")
		for _, p := range []*process{other, one} {
			if answer, err := redeem(t.Context(), p.client(), app, code); err != nil || answer.Error != "invalid_grant" {
				t.Errorf("got %d %q, %v; want invalid_grant", answer.Status, answer.Error, err)
			}
		}
		var grants []struct{ ID string }
		if in.cli("", &grants, "grant", "list"); len(grants) != 0 {
			t.Errorf("the grants %v are left", grants)
		}
	})
}

func TestFiftyRedemptionsOnSQLite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "gatehouse.db")
	in := install(t, "sqlite:"+file)
	server := in.start()
	in.furnish()
	app := in.register("Shop")
	testFiftyRedemptions(t, openDatabase(t, "sqlite", file), app, server.code(t, app), server)
}

// testFiftyRedemptions redeems one code fifty times at once, spread over servers. One wins, and the replays end its connection.
func testFiftyRedemptions(t *testing.T, db *sql.DB, app registered, code string, servers ...*process) {
	const callers = 50
	before := families(t, db)
	answers := make([]exchanged, callers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range answers {
		client := servers[i%len(servers)].client()
		wg.Go(func() {
			<-start
			var err error
			if answers[i], err = redeem(t.Context(), client, app, code); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	wg.Wait()
	var won []string
	for _, answer := range answers {
		switch {
		case answer.Status == http.StatusOK:
			won = append(won, answer.AccessToken)
		case answer.Status != http.StatusBadRequest || answer.Error != "invalid_grant":
			t.Errorf("a loser got %d %q, want invalid_grant", answer.Status, answer.Error)
		}
	}
	if len(won) != 1 {
		t.Fatalf("%d of %d won, want 1", len(won), callers)
	}
	after := families(t, db)
	for id := range before {
		delete(after, id)
	}
	id := familyOf(won[0]).family
	if ended, ok := after[id]; len(after) != 1 || !ok || !ended {
		t.Errorf("the new families are %v, want %s alone, ended", after, id)
	}
}

// families returns every family, and whether it has ended.
func families(t testing.TB, db *sql.DB) map[string]bool {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT f.id, f.ended_at FROM gh_families f JOIN gh_grants g ON g.id = f.grant_id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]bool{}
	for rows.Next() {
		var id string
		var endedAt int64
		if err := rows.Scan(&id, &endedAt); err != nil {
			t.Fatal(err)
		}
		found[id] = endedAt != 0
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// lineage is the origin of an access token.
type lineage struct{ family, grant string }

// familyOf reads the family from an access token without verifying it.
func familyOf(token string) lineage {
	var claims struct {
		ID    string `json:"jti"`
		Grant string `json:"grant_id"`
	}
	if parts := strings.Split(token, "."); len(parts) == 3 {
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			json.Unmarshal(text, &claims)
		}
	}
	family, _, _ := strings.Cut(claims.ID, ".")
	return lineage{family, claims.Grant}
}
