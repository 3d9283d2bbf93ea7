package app

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// What a server with a wrong clock deletes is gone for all the others.
func TestServerWithAWrongClockDeletesNothing(t *testing.T) {
	clock, database := testkit.NewClock(noon), testkit.NewClock(noon)
	var down error
	cfg := testConfig(t)
	cfg.Authn.SessionLifetime, cfg.KeyRotationInterval = time.Hour, 24*time.Hour
	a := open(t, cfg, Deps{Now: clock.Now, DatabaseNow: func(context.Context) (time.Time, error) { return database.Now(), down }})
	signIn(t, a)
	keys := len(a.Keys.Keys())
	ready := func() (int, string) {
		w := httptest.NewRecorder()
		a.OpsHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	work := func() (pruned float64) {
		before := metricValue(t, a, "gatehouse_pruned_rows_total", "")
		a.prune(t.Context())
		a.rotateWhenDue(t.Context())
		return metricValue(t, a, "gatehouse_pruned_rows_total", "") - before
	}
	clock.Advance(48 * time.Hour)
	if n := work(); n != 0 || len(a.Keys.Keys()) != keys {
		t.Errorf("two days ahead: %v rows are deleted, and there are %d keys", n, len(a.Keys.Keys()))
	}
	if code, text := ready(); code != http.StatusServiceUnavailable || text != "the clock of this server is 48h0m0s ahead of the database's" {
		t.Errorf("/readyz answers %d %q", code, text)
	}
	database.Advance(48*time.Hour + clockLimit + time.Millisecond) // now this server is behind
	if n := work(); n != 0 {
		t.Errorf("a minute behind: %v rows are deleted", n)
	}
	if code, text := ready(); code != http.StatusServiceUnavailable || text != "the clock of this server is 1m0s behind the database's" {
		t.Errorf("/readyz answers %d %q", code, text)
	}
	clock.Advance(time.Millisecond) // a minute apart is accepted
	down = errors.New("the database does not answer")
	if n := work(); n != 0 {
		t.Errorf("while the database does not say the time: %v rows are deleted", n)
	}
	down = nil
	if n := work(); n == 0 || len(a.Keys.Keys()) == keys {
		t.Errorf("with the right clock: %v rows are deleted, and there are %d keys", n, len(a.Keys.Keys()))
	}
	if code, text := ready(); code != http.StatusOK {
		t.Errorf("/readyz answers %d %q", code, text)
	}
}

func TestDatabasesTellTheTime(t *testing.T) {
	sqlite, postgres := testConfig(t), testConfig(t)
	postgres.DatabaseURL, postgres.MasterKey = pgtest.URL(t), token.NewMasterKey()
	for name, cfg := range map[string]config.Config{"SQLite": sqlite, "PostgreSQL": postgres} {
		a := open(t, cfg, Deps{})
		before := time.Now().Truncate(time.Millisecond).Add(-time.Millisecond) // SQLite rounds
		got, err := a.Store.Now(t.Context())
		if after := time.Now().Add(time.Millisecond); err != nil || got.Before(before) || got.After(after) {
			t.Errorf("%s says %v, %v; want a time from %v to %v", name, got, err, before, after)
		}
	}
}
