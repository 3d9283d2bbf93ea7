package app

import (
	"database/sql"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

// People who open the sign-in page and go away leave no row behind, however many they are.
func TestTenThousandAbandonedSignInsLeaveNoRow(t *testing.T) {
	cfg := testConfig(t)
	a := open(t, cfg, Deps{Log: slog.New(slog.DiscardHandler)})
	const callback = "https://app.example/callback"
	client, _, err := a.Registry.AddClient(t.Context(), team.CommandLine, client.Registration{Name: "App", RedirectURIs: []string{callback}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(address string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil))
		return w
	}
	before := rowCounts(t, cfg)
	request := "/o/authorize/?" + url.Values{
		"response_type": {"code"}, "client_id": {string(client.ID)}, "redirect_uri": {callback}, "state": {"s"},
		"code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"},
	}.Encode()
	for range 10_000 {
		w := get(request)
		if w.Code != http.StatusSeeOther {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if w = get(w.Header().Get("Location")); w.Code != http.StatusOK {
			t.Fatalf("the sign-in page: status %d: %s", w.Code, w.Body)
		}
	}
	if diff := cmp.Diff(before, rowCounts(t, cfg)); diff != "" {
		t.Errorf("rows (-before +after):\n%s", diff)
	}
}

// rowCounts is how many rows each table of an SQLite database has.
func rowCounts(t *testing.T, cfg config.Config) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(cfg.DatabaseURL, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	counts := map[string]int{}
	for _, table := range []string{
		"gh_users", "gh_teams", "gh_memberships", "gh_clients", "gh_client_secrets", "gh_team_applications", "gh_application_requests", "gh_grants", "gh_families", "gh_sessions", "gh_throttle", "gh_keyring", "gh_endings", "gh_assertions", "gh_pushed_requests", "gh_used_requests",
		"gh_notices", "gh_audit",
	} {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts[table] = n
	}
	return counts
}
