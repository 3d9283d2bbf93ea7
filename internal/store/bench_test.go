package store_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

var now = time.Date(2030, 4, 5, 6, 7, 8, 0, time.UTC)

// onBoth runs a benchmark on each database, with one grant. The PostgreSQL server does not wait for its disk.
func onBoth(b *testing.B, bench func(b *testing.B, db *store.DB, grant authz.Grant)) {
	for _, on := range []struct {
		name string
		url  func(testing.TB) string
	}{{"SQLite", storetest.SQLiteURL}, {"PostgreSQL", pgtest.URL}} {
		b.Run(on.name, func(b *testing.B) {
			var commits atomic.Int64
			db, err := store.Open(b.Context(), on.url(b), store.Options{Observe: func(statement string) {
				if statement == "commit" {
					commits.Add(1)
				}
			}})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			grant := oneGrant(b, db)
			commits.Store(0)
			b.ReportAllocs()
			before := processorTime(b)
			bench(b, db, grant)
			b.ReportMetric(float64(commits.Load())/float64(b.N), "commits/op")
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// processorTime is the CPU time of this process, without PostgreSQL's. On a busy machine it says more than the clock.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func oneGrant(b testing.TB, db *store.DB) authz.Grant {
	b.Helper()
	ctx := b.Context()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(db.AddUser(ctx, team.User{ID: "u", Email: "u@example.com", Name: "U", CreatedAt: now}))
	must(db.AddTeam(ctx, team.Team{ID: "t", Slug: "t", Name: "T", CreatedAt: now}))
	must(db.AddMember(ctx, team.Membership{User: "u", Team: team.Team{ID: "t"}, Role: team.Member, CreatedAt: now}))
	must(db.AddClient(ctx, client.Client{
		ID: "c", Name: "C", RedirectURIs: []string{"https://a.example/", "https://b.example/"}, CreatedAt: now,
		Secrets: []client.Secret{{Hash: "a", CreatedAt: now}, {Hash: "b", CreatedAt: now}},
	}))
	grant, err := db.SaveGrant(ctx, authz.Grant{ID: "g", User: "u", Client: "c", Team: "t", Scope: []string{"chatbot:read", "session:read"}, CreatedAt: now, UpdatedAt: now}, false)
	must(err)
	return grant
}

func BenchmarkRedeem(b *testing.B) {
	var id atomic.Int64
	redeem := func(b *testing.B, db *store.DB, g authz.Grant) {
		f := authz.Family{
			ID: authz.FamilyID(fmt.Sprintf("family-%020d", id.Add(1))), Grant: g.ID, Client: g.Client, Scope: g.Scope,
			AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		}
		if _, err := db.Redeem(b.Context(), f); err != nil {
			b.Error(err)
		}
	}
	b.Run("Alone", func(b *testing.B) {
		onBoth(b, func(b *testing.B, db *store.DB, g authz.Grant) {
			for b.Loop() {
				redeem(b, db, g)
			}
		})
	})
	b.Run("Together", func(b *testing.B) {
		onBoth(b, func(b *testing.B, db *store.DB, g authz.Grant) {
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					redeem(b, db, g)
				}
			})
		})
	})
}

// BenchmarkIssueMachine has a client of its own for each goroutine.
func BenchmarkIssueMachine(b *testing.B) {
	issue := func(b *testing.B, db *store.DB, client oauth.ClientID) {
		if err := db.IssueMachine(b.Context(), client, now, []string{"chatbot:read", "session:read"}); err != nil {
			b.Error(err)
		}
	}
	b.Run("Alone", func(b *testing.B) {
		onBoth(b, func(b *testing.B, db *store.DB, _ authz.Grant) {
			addMachines(b, db, 1)
			for b.Loop() {
				issue(b, db, "m0")
			}
		})
	})
	b.Run("Together", func(b *testing.B) {
		onBoth(b, func(b *testing.B, db *store.DB, _ authz.Grant) {
			const parallelism = 32
			addMachines(b, db, parallelism*runtime.GOMAXPROCS(0))
			var asking atomic.Int64
			b.SetParallelism(parallelism)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				client := oauth.ClientID(fmt.Sprintf("m%d", asking.Add(1)-1))
				for pb.Next() {
					issue(b, db, client)
				}
			})
		})
	})
}

// addMachines adds the machine clients m0, m1 and so on.
func addMachines(t testing.TB, db *store.DB, n int) {
	t.Helper()
	for i := range n {
		id := fmt.Sprintf("m%d", i)
		if err := db.AddClient(t.Context(), client.Client{ID: oauth.ClientID(id), Name: id, Machine: true, Team: team.Team{ID: "t"}, CreatedAt: now}); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkReads(b *testing.B) {
	b.Run("Client", func(b *testing.B) {
		onBoth(b, func(b *testing.B, db *store.DB, g authz.Grant) {
			for b.Loop() {
				if _, err := db.Client(b.Context(), g.Client); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("TeamStatuses", func(b *testing.B) {
		onBoth(b, func(b *testing.B, db *store.DB, g authz.Grant) {
			for b.Loop() {
				if _, err := db.TeamStatuses(b.Context(), g.User, g.Client); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}
