package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

// The client was alive when it authenticated. It may have ended when its token is issued.
func testIssueMachine(k *kit) {
	k.populate()
	k.ok(k.db.IssueMachine(k.ctx, acmes.ID, now, []string{"read", "write"}))
	got := k.events(audit.Filter{Client: string(acmes.ID), Kind: audit.MachineToken})
	equal(k, "events", len(got), 1)
	equal(k, "the event", got[0], audit.Event{
		ID: got[0].ID, At: now, Kind: audit.MachineToken, Actor: "client:c-acme", Client: string(acmes.ID), Team: string(acme.ID), Detail: "read write",
	})
	for _, id := range []oauth.ClientID{global.ID, public.ID, "nothing"} {
		k.is(k.db.IssueMachine(k.ctx, id, now, nil), authz.ErrNotLive)
	}
	k.ok(block(k.ctx, k.db, acme.ID, acmes.ID, ""))
	k.is(k.db.IssueMachine(k.ctx, acmes.ID, now, nil), authz.ErrNotLive)
	k.ok(unblock(k.ctx, k.db, acme.ID, acmes.ID))
	k.ok(k.db.IssueMachine(k.ctx, acmes.ID, now, nil))
	// The client is disabled as of some time ago. A token that was issued since then is dead too.
	k.ok(k.db.DisableClient(k.ctx, acmes.ID, now.Add(-5*time.Second)))
	equal(k, "the end that is told", k.rows("gh_endings", "kind = 'client' AND at = $1", now.UnixMilli()), 1)
	k.is(k.db.IssueMachine(k.ctx, acmes.ID, now, nil), authz.ErrNotLive)
}

// A machine's token costs one read, its event and one commit. The lock before them is in the same round trip.
func testIssueMachineCosts(k *kit) {
	k.populate()
	k.count.reset()
	k.ok(k.db.IssueMachine(k.ctx, acmes.ID, now, nil))
	equal(k, "statements", k.count.get("IssueMachine"), 1)
	equal(k, "records", k.count.get("audit"), 1)
	equal(k, "commits", k.count.get("commit"), 1)
	k.count.reset()
	k.is(k.db.IssueMachine(k.ctx, global.ID, now, nil), authz.ErrNotLive)
	equal(k, "statements of a refusal", k.count.get("IssueMachine"), 1)
	equal(k, "records and commits of a refusal", k.count.get("audit")+k.count.get("commit"), 0)
}

// testNoMachineTokenAfterTheEnd issues tokens to a machine without a pause, on both processes, while one of them ends it.
// A request after the end has returned is refused. The end is not before the latest token, so all tokens are dead, and
// they stay dead when the machine comes back.
func testNoMachineTokenAfterTheEnd(k *kit) {
	var looks atomic.Int64 // each look at the clock sees a later time
	clock := func() time.Time { return now.Add(time.Duration(looks.Add(1)) * time.Millisecond) }
	late := func() time.Time { return clock().Add(-behind) }
	k.db, k.other = k.openAt(clock), k.openAt(late)
	at := func(db *store.DB) time.Time {
		if db == k.other {
			return late()
		}
		return clock()
	}
	k.populate()
	addClient := func(db *store.DB) error { return db.AddClient(k.ctx, acmes) }
	for name, ender := range map[string]struct{ end, restore func(db *store.DB) error }{
		"Block": {
			func(db *store.DB) error {
				return block(k.ctx, db, acme.ID, acmes.ID, "")
			},
			func(db *store.DB) error { return unblock(k.ctx, db, acme.ID, acmes.ID) },
		},
		"DisableClient": {
			func(db *store.DB) error { return db.DisableClient(k.ctx, acmes.ID, at(db)) },
			func(db *store.DB) error { return db.EnableClient(k.ctx, acmes.ID) },
		},
		"RemoveClient": {func(db *store.DB) error { return db.RemoveClient(k.ctx, acmes.ID) }, addClient},
		"RemoveTeam": {
			func(db *store.DB) error { return db.RemoveTeam(k.ctx, acme.ID, "", nil) },
			func(db *store.DB) error { return errors.Join(db.AddTeam(k.ctx, acme), addClient(db)) },
		},
	} {
		for round := range 10 {
			var over atomic.Bool
			var last atomic.Int64
			started := make(chan struct{})
			begin := sync.OnceFunc(func() { close(started) })
			k.together(7, func(i int, db *store.DB) {
				if i == round%2 { // on either process
					<-started
					if err := ender.end(db); err != nil {
						k.Errorf("%s: %v", name, err)
					}
					over.Store(true)
					return
				}
				defer begin()
				for {
					after, at := over.Load(), at(db)
					if err := db.IssueMachine(k.ctx, acmes.ID, at, nil); err != nil {
						if !errors.Is(err, authz.ErrNotLive) {
							k.Errorf("%s: %v", name, err)
						}
						return
					}
					if after {
						k.Errorf("%s had returned, and a token was issued", name)
						return
					}
					raise(&last, at.UnixMilli())
					begin()
				}
			})
			equal(k, "ends by "+name+" that are not before the last token", k.rows("gh_endings", "kind = 'client' AND id = 'c-acme' AND at >= $1", last.Load()), 1)
			k.ok(ender.restore(k.db))
			_, err := k.db.MachineLive(k.ctx, "m.1", acmes.ID, time.UnixMilli(last.Load()))
			k.is(err, authz.ErrNotLive)
		}
	}
}

// raise makes a number at least as large as another.
func raise(n *atomic.Int64, least int64) {
	for last := n.Load(); last < least && !n.CompareAndSwap(last, least); last = n.Load() {
	}
}

// Machines that ask at the same time share commits, and one that is refused does not fail another.
func testMachineRace(k *kit) {
	k.populate()
	blocked := acmes
	blocked.ID, blocked.Name = "c-blocked", "Blocked"
	k.ok(k.db.AddClient(k.ctx, blocked))
	k.ok(block(k.ctx, k.db, acme.ID, blocked.ID, ""))
	k.count.reset()
	var issued atomic.Int64
	k.together(300, func(i int, db *store.DB) {
		client, want := acmes.ID, error(nil)
		if i%10 == 3 {
			client, want = blocked.ID, authz.ErrNotLive
		}
		err := db.IssueMachine(k.ctx, client, now, oauth.Scope{fmt.Sprintf("scope-%d", i)})
		if !errors.Is(err, want) {
			k.Errorf("%s: got the error %v, want %v", client, err, want)
		}
		if err == nil {
			issued.Add(1)
		}
	})
	equal(k, "tokens", issued.Load(), 270)
	equal(k, "records", k.rows("gh_audit", "kind = 'token.machine' AND client_id = 'c-acme'"), 270)
	equal(k, "tokens with a record", k.rows("(SELECT DISTINCT detail FROM gh_audit WHERE kind = 'token.machine') AS records", "detail LIKE 'scope-%'"), 270)
	if n := k.count.get("commit"); n >= 270 {
		k.Errorf("270 tokens took %d commits", n)
	}
}

func testEndToken(k *kit) {
	k.populate()
	expires := now.Add(time.Hour)
	k.ok(k.db.EndToken(k.ctx, "m.1", acmes.ID, now, expires))
	k.ok(k.db.EndToken(k.ctx, "m.1", acmes.ID, now, expires))
	equal(k, "Endings", must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)), []authz.Ending{{Kind: "token", ID: "m.1", At: now, Expires: expires}})
	_, err := k.db.MachineLive(k.ctx, "m.1", acmes.ID, now)
	k.is(err, authz.ErrNotLive)
	equal(k, "another token", must[client.Client](k)(k.db.MachineLive(k.ctx, "m.2", acmes.ID, now)).ID, acmes.ID)
	event := k.events(audit.Filter{Team: string(acme.ID), Kind: audit.TokenRevoked})[0]
	equal(k, "the event's client", event.Client, string(acmes.ID))
}
