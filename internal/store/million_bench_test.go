package store_test

import (
	"database/sql"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

// BenchmarkMillionRefreshes refreshes one connection a million times, or as often as eight minutes allow. It fails if any
// table but the audit trail, which is pruned by age, has a row more than before. It takes minutes, so it has to be asked for:
//
//	GATEHOUSE_TEST_MILLION=1 TMPDIR=/dev/shm go test ./internal/store -run '^$' -bench MillionRefreshes -benchtime 1x -timeout 15m
func BenchmarkMillionRefreshes(b *testing.B) {
	if os.Getenv("GATEHOUSE_TEST_MILLION") == "" {
		b.Skip("GATEHOUSE_TEST_MILLION is not set")
	}
	const most, patience = 1_000_000, 8 * time.Minute
	db, err := store.Open(b.Context(), storetest.SQLiteURL(b), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	g := oneGrant(b, db)
	f := newFamily(g)
	if _, err := db.Redeem(b.Context(), f); err != nil {
		b.Fatal(err)
	}
	before := rowsOfEachTable(b, db.SQL())
	started, made := time.Now(), int64(0)
	for ; made < most && time.Since(started) < patience; made++ {
		_, err := db.Rotate(b.Context(), authz.Rotation{
			Family: f.ID, Client: g.Client, Generation: made, At: now, Rule: authz.RefreshRule{Idle: time.Hour, Absolute: time.Hour, Grace: time.Second}, TokenDeadAt: now,
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	after := rowsOfEachTable(b, db.SQL())
	if records := after["gh_audit"] - before["gh_audit"]; records != made {
		b.Errorf("%d records of %d refreshes", records, made)
	}
	before["gh_audit"] = after["gh_audit"]
	if diff := cmp.Diff(before, after); diff != "" || after["gh_families"] != 1 {
		b.Errorf("rows (-before +after %d refreshes):\n%s", made, diff)
	}
	b.ReportMetric(float64(made), "refreshes")
	b.ReportMetric(float64(after["gh_families"]), "families")
	b.ReportMetric(0, "ns/op")
}

// rowsOfEachTable counts what is in an SQLite database.
func rowsOfEachTable(b *testing.B, db *sql.DB) map[string]int64 {
	b.Helper()
	tables, err := db.QueryContext(b.Context(), "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		b.Fatal(err)
	}
	defer tables.Close()
	counts := map[string]int64{}
	for tables.Next() {
		var name string
		var n int64
		if err := tables.Scan(&name); err != nil {
			b.Fatal(err)
		}
		if err := db.QueryRowContext(b.Context(), `SELECT COUNT(*) FROM "`+name+`"`).Scan(&n); err != nil {
			b.Fatal(err)
		}
		counts[name] = n
	}
	if err := tables.Err(); err != nil {
		b.Fatal(err)
	}
	return counts
}
