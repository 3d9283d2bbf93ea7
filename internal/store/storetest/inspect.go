package storetest

import (
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
)

// testInspect: what the doctor reads.
func testInspect(k *kit) {
	f := k.connected()
	for range 2 {
		for key, most := range map[string]int{"client:a": 1, "client:b": 9, "audit:c": 1} {
			must[limit.Refusal](k)(k.db.Count(k.ctx, []limit.Bucket{{Key: key, Limit: most, Window: time.Hour}}, now))
		}
	}
	k.ok(k.db.StartSession(k.ctx, session("s1", ada), ""))
	k.rotated(rotation(f.ID, f.Client, 0, now))
	k.rotated(rotation(f.ID, f.Client, 1, now))
	k.db.Rotate(k.ctx, rotation(f.ID, f.Client, 0, now)) // tells the person by mail
	due := must[int](k)(func() (int, error) {
		messages, err := k.db.DueMessages(k.ctx, now, now.Add(time.Minute), 100)
		return len(messages), err
	}())
	inspect := func(at time.Time) operate.Inspection { return must[operate.Inspection](k)(k.db.Inspect(k.ctx, at)) }
	found := inspect(now)
	equal(k, "counters that refuse", found.Refusing, map[string]int{"client": 1, "audit": 1})
	equal(k, "messages that wait", found.Waiting, due)
	equal(k, "the oldest of them", found.OldestWait.Equal(now), true)
	equal(k, "overdue sessions", found.Overdue, 0)
	people, operators := found.PeopleWithout, found.OperatorsWithout
	k.ok(k.db.SetApp(k.ctx, ada.ID, authn.App{Secret: "sealed", CreatedAt: now}, nil)) // an operator
	equal(k, "people without a second factor", inspect(now).PeopleWithout, people-1)
	equal(k, "operators without a second factor", inspect(now).OperatorsWithout, operators-1)
	for _, table := range tables {
		i := slices.IndexFunc(found.Tables, func(t operate.Table) bool { return t.Name == table })
		equal(k, "the size of "+table, i >= 0 && found.Tables[i].Bytes > 0, true)
	}
	later := inspect(now.Add(26 * time.Hour))
	equal(k, "counters that refuse a day later", later.Refusing, map[string]int{})
	equal(k, "overdue sessions a day later", later.Overdue, 1)
}
