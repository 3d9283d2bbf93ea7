package token_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

func newClock() *testkit.Clock {
	return testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
}

// openStore is an empty database.
func openStore(t testing.TB) token.Store {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func openKeyring(t testing.TB, store token.Store, master token.MasterKey, c *testkit.Clock) *token.Keyring {
	t.Helper()
	keys, err := token.OpenKeyring(t.Context(), store, master, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
