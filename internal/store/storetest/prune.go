package storetest

import (
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

// testPruneCounters: anybody can make counters by failing. Those beyond the limit go, and the ones that end first go first.
func testPruneCounters(k *kit) {
	const most = 5
	db, err := store.Open(k.ctx, k.url, store.Options{Now: func() time.Time { return now }, Counters: most})
	k.ok(err)
	k.Cleanup(func() { db.Close() })
	count := func(n int) {
		for i := range n {
			bucket := limit.Bucket{Key: fmt.Sprintf("k%02d", i), Limit: 9, Window: time.Hour + time.Duration(i)*time.Minute}
			must[limit.Refusal](k)(db.Count(k.ctx, []limit.Bucket{bucket}, now))
		}
	}
	count(most)
	equal(k, "pruned at the limit", must[int](k)(db.Prune(k.ctx, now, 100)), 0)
	count(most + 3)
	equal(k, "pruned beyond it", must[int](k)(db.Prune(k.ctx, now, 100)), 3)
	equal(k, "the counters that end last", k.rows("gh_throttle", "bucket >= 'k03'"), most)
	equal(k, "pruned again", must[int](k)(db.Prune(k.ctx, now, 100)), 0)
}
