package storetest

import (
	"path/filepath"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
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
