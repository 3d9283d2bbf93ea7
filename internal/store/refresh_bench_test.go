package store_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

// BenchmarkRotate refreshes one connection over and over. "families" is how many rows there are then: always one.
func BenchmarkRotate(b *testing.B) {
	onBoth(b, func(b *testing.B, db *store.DB, g authz.Grant) {
		f := newFamily(g)
		if _, err := db.Redeem(b.Context(), f); err != nil {
			b.Fatal(err)
		}
		generation := int64(0)
		for b.Loop() {
			_, err := db.Rotate(b.Context(), authz.Rotation{
				Family: f.ID, Client: g.Client, Generation: generation, At: now, Rule: authz.RefreshRule{Idle: time.Hour, Absolute: time.Hour, Grace: time.Second}, TokenDeadAt: now,
			})
			if err != nil {
				b.Fatal(err)
			}
			generation++
		}
		var rows float64
		if err := db.SQL().QueryRow("SELECT COUNT(*) FROM gh_families").Scan(&rows); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(rows, "families")
	})
}

var families atomic.Int64

func newFamily(g authz.Grant) authz.Family {
	return authz.Family{
		ID: authz.FamilyID(fmt.Sprintf("family-%020d", families.Add(1))), Grant: g.ID, Client: g.Client, Scope: g.Scope,
		AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
	}
}

// BenchmarkRedeemWhilePruning redeems codes while a hundred thousand rows of each kind that grows with traffic are pruned.
// "max-ms" is the longest time that a redemption took. It must stay below 50 on a machine with nothing else to do.
// "alone-max-ms" is the same without pruning.
func BenchmarkRedeemWhilePruning(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"SQLite": storetest.SQLiteURL, "PostgreSQL": pgtest.URL} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				dsn := url(b)
				db, err := store.Open(b.Context(), dsn, store.Options{})
				if err != nil {
					b.Fatal(err)
				}
				pruning, alone := redeemWhilePruning(b, db, dsn)
				for metric, times := range map[string][]time.Duration{"": pruning, "alone-": alone} {
					b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, metric+"max-ms")
					b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, metric+"p99-ms")
				}
				b.ReportMetric(float64(len(pruning)), "redemptions")
				db.Close()
			}
		})
	}
}

// redeemWhilePruning is how long each redemption took, in order.
func redeemWhilePruning(b *testing.B, db *store.DB, url string) (pruning, alone []time.Duration) {
	b.Helper()
	g := oneGrant(b, db)
	redeem := func() time.Duration {
		f := newFamily(g)
		started := time.Now()
		if _, err := db.Redeem(b.Context(), f); err != nil {
			b.Fatal(err)
		}
		return time.Since(started)
	}
	fillExpired(b, url)
	pruned := make(chan error, 1)
	go func() {
		for {
			n, err := db.Prune(b.Context(), now, 1000)
			if err != nil || n == 0 {
				pruned <- err
				return
			}
		}
	}()
	for len(pruned) == 0 {
		pruning = append(pruning, redeem())
	}
	if err := <-pruned; err != nil {
		b.Fatal(err)
	}
	for range pruning {
		alone = append(alone, redeem())
	}
	slices.Sort(pruning)
	slices.Sort(alone)
	return pruning, alone
}

// fillExpired saves a hundred thousand each of families, endings and events that may all go.
func fillExpired(b *testing.B, url string) {
	b.Helper()
	driver, dsn, numbers := "pgx", url, "SELECT generate_series AS i FROM generate_series(1, 100000)"
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn, numbers = "sqlite", path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for _, query := range []string{
		`INSERT INTO gh_families (id, grant_id, scope, auth_time, created_at, expires_at) SELECT 'expired-' || i, 'g', '', 0, 0, 1 FROM (` + numbers + `) AS numbers`,
		`INSERT INTO gh_endings (kind, id, at, expires_at) SELECT 'family', 'expired-' || i, 0, 1 FROM (` + numbers + `) AS numbers`,
		`INSERT INTO gh_audit (id, at, kind, actor, user_id, team_id, client_id, grant_id, family_id, address, request_id, detail)
			SELECT i, 0, 'token.issued', '', 'u', 't', 'c', 'g', 'expired-' || i, '', '', '' FROM (` + numbers + `) AS numbers`,
	} {
		if _, err := db.Exec(query); err != nil {
			b.Fatal(err)
		}
	}
}
