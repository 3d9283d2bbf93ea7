package storetest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// OnBoth runs a test on an empty SQLite database and on an empty PostgreSQL database of its own. url is for store.Open.
func OnBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, SQLiteURL(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, pgtest.URL(t)) })
}

// SQLiteURL is an SQLite database for this test alone, made when it is first opened.
func SQLiteURL(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db")
}

// LongAfter opens a database as a process for which every slug that a team gave up is free again.
func LongAfter(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, store.Options{Now: func() time.Time { return time.Now().Add(team.SlugRest + 100*365*24*time.Hour) }, Lease: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}
