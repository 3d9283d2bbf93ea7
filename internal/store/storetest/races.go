package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// counter counts statements and commits of all handles.
type counter struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counter) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name]++
}

func (c *counter) get(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = nil
}

// together runs n functions at the same time and returns when all are done. Even ones run on the first process, odd ones on the second.
func (k *kit) together(n int, f func(i int, db *store.DB)) {
	k.Helper()
	handles := []*store.DB{k.db, k.second()}
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			f(i, handles[i%2])
		})
	}
	start.Done()
	done.Wait()
}

// second is the other process, opened once. Its clock is behind.
func (k *kit) second() *store.DB {
	if k.other == nil {
		k.other = k.openAt(func() time.Time { return now.Add(-behind) })
	}
	return k.other
}

func testRedeemRace(k *kit) {
	k.populate()
	g := k.granted("g1", ada, global, acme, "read")
	for round := range 5 {
		var won, replayed atomic.Int64
		id := fmt.Sprintf("f%d", round)
		k.together(50, func(_ int, db *store.DB) {
			switch _, err := db.Redeem(k.ctx, family(id, g)); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, authz.ErrReplayed):
				replayed.Add(1)
			default:
				k.Error(err)
			}
		})
		equal(k, "winners", won.Load(), 1)
		equal(k, "replays", replayed.Load(), 49)
		equal(k, "families that ended", k.rows("gh_families", "id = $1 AND ended_at > 0", id), 1)
	}
}

func testConsentRace(k *kit) {
	k.populate()
	const n = 20
	k.together(n, func(i int, db *store.DB) {
		if _, err := db.SaveGrant(k.ctx, grant(fmt.Sprintf("g%d", i), ada, global, acme, fmt.Sprintf("s%d", i)), false); err != nil {
			k.Error(err)
		}
	})
	grants := must[[]authz.GrantDetail](k)(k.db.Grants(k.ctx, authz.GrantFilter{User: ada.ID}))
	if len(grants) != 1 || len(grants[0].Scope) != n {
		k.Fatalf("got %d grants, the first with the scope %q; want one with %d values", len(grants), grants[0].Scope, n)
	}
}

// testEndRaces lets grants and redemptions race with what ends them, which either process does: when both have returned, nothing may be left.
func testEndRaces(k *kit) {
	k.populate()
	enders := map[string]struct{ end, restore func(db *store.DB) error }{
		"DisableUser": {
			func(db *store.DB) error { return db.DisableUser(k.ctx, ada.ID, k.at(db)) },
			func(db *store.DB) error { return db.EnableUser(k.ctx, ada.ID) },
		},
		"DisableClient": {
			func(db *store.DB) error { return db.DisableClient(k.ctx, global.ID, k.at(db)) },
			func(db *store.DB) error { return db.EnableClient(k.ctx, global.ID) },
		},
		"RemoveMember": {
			func(db *store.DB) error { return db.RemoveMember(k.ctx, acme.ID, ada.ID) },
			func(db *store.DB) error { return db.AddMember(k.ctx, membership) },
		},
		"Block": {
			func(db *store.DB) error {
				return block(k.ctx, db, acme.ID, global.ID, "")
			},
			func(db *store.DB) error { return unblock(k.ctx, db, acme.ID, global.ID) },
		},
	}
	for name, ender := range enders {
		for round := range 10 {
			g := k.granted(fmt.Sprintf("%s-%d", name, round), ada, global, acme, "read")
			k.together(6, func(i int, db *store.DB) {
				var err error
				switch i % 3 {
				case 0:
					if i == round%2*3 { // 0 is on the first process, 3 on the second
						err = ender.end(db)
					}
				case 1:
					_, err = db.SaveGrant(k.ctx, grant(fmt.Sprintf("%s-%d-%d", name, round, i), ada, global, acme, "write"), false)
				case 2:
					_, err = db.Redeem(k.ctx, family(fmt.Sprintf("%s-%d-%d", name, round, i), g))
				}
				if err != nil && !errors.Is(err, authz.ErrNotLive) {
					k.Errorf("%s: %v", name, err)
				}
			})
			if n := k.rows("gh_grants", "1 = 1") + k.rows("gh_families", "1 = 1"); n > 0 {
				k.Fatalf("%d grants and families outlived %s", n, name)
			}
			k.ok(ender.restore(k.db))
		}
	}
}

func testThrottleRace(k *kit) {
	const most = 7
	buckets := []limit.Bucket{{Key: "a", Limit: most, Window: time.Hour}, {Key: "b", Limit: 100, Window: time.Hour}}
	var admitted atomic.Int64
	k.together(40, func(i int, db *store.DB) {
		mine := buckets
		if i%4 < 2 { // in any order
			mine = []limit.Bucket{buckets[1], buckets[0]}
		}
		refusal, err := db.Count(k.ctx, mine, now)
		if err != nil {
			k.Error(err)
		} else if refusal.Wait == 0 {
			admitted.Add(1)
		}
	})
	equal(k, "attempts admitted", admitted.Load(), most)
	equal(k, "failures counted", k.rows("gh_throttle", "failures = $1", most), 2)
}

func testKeyRace(k *kit) {
	k.together(10, func(i int, db *store.DB) {
		keys := []token.StoredKey{
			storedKey(fmt.Sprintf("a%d", i), "ES256/1", now), storedKey(fmt.Sprintf("b%d", i), "RS256/1", now), storedKey(fmt.Sprintf("c%d", i), "XC20P/1", now),
		}
		if i%4 < 2 {
			keys[0], keys[2] = keys[2], keys[0]
		}
		if err := db.AddKeys(k.ctx, keys); err != nil {
			k.Error(err)
		}
	})
	keys := must[[]token.StoredKey](k)(k.db.Keys(k.ctx))
	equal(k, "keys", len(keys), 3)
	for _, key := range keys {
		if key.ID[1:] != keys[0].ID[1:] {
			k.Fatalf("the keys %s and %s are of two servers", keys[0].ID, key.ID)
		}
	}
}
