package store_test

import (
	"database/sql"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	var mu sync.Mutex
	statements := map[string]bool{}
	t.Run("Definition", func(t *testing.T) {
		storetest.Run(t, storetest.Harness{
			URL: storetest.SQLiteURL, Fail: (*store.DB).Fail, SQL: (*store.DB).SQL,
			Done: func(db *store.DB) {
				mu.Lock()
				defer mu.Unlock()
				for _, query := range db.Statements() {
					statements[query] = true
				}
			},
		})
	})
	t.Run("Indices", func(t *testing.T) { everyStatementHasItsIndex(t, slices.Sorted(maps.Keys(statements))) })
}

func TestPostgreSQL(t *testing.T) {
	storetest.Run(t, storetest.Harness{URL: pgtest.URL, Fail: (*store.DB).Fail, SQL: (*store.DB).SQL, Waiting: waiting})
}

// waiting reports whether anyone in this PostgreSQL database waits for a lock.
func waiting(db *sql.DB) bool {
	var n int
	err := db.QueryRow("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&n)
	return err == nil && n > 0
}
