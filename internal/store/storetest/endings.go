package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

func testEndFamily(k *kit) {
	f := k.connected()
	end := func(id authz.FamilyID, client oauth.ClientID, at time.Time, want bool) {
		k.Helper()
		equal(k, "EndFamily", must[bool](k)(k.db.EndFamily(k.ctx, id, client, at)), want)
	}
	before := k.dump()
	end("nothing", f.Client, now, false)
	end(f.ID, public.ID, now, false)
	equal(k, "everything after ending what is not theirs", k.dump(), before)

	end(f.ID, f.Client, now, true)
	equal(k, "Endings", must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)), []authz.Ending{{Kind: "family", ID: "f1", At: now, Expires: f.TokenDeadAt}})
	equal(k, "Endings when its tokens are dead", must[[]authz.Ending](k)(k.db.Endings(k.ctx, f.TokenDeadAt)), nil)
	equal(k, "the grant", k.rows("gh_grants", "id = 'g1'"), 1)
	before = k.dump()
	end(f.ID, f.Client, now.Add(time.Second), false)
	equal(k, "everything after ending it again", k.dump(), before)

	// A replayed code ends what it got; a family whose tokens are dead ends without a word.
	k.redeemed("f2", authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope})
	_, err := k.db.Redeem(k.ctx, family("f2", authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope}))
	k.is(err, authz.ErrReplayed)
	k.redeemed("f3", authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope})
	end("f3", f.Client, f.TokenDeadAt, true)
	equal(k, "endings", k.rows("gh_endings", "kind = 'family' AND id IN ('f1', 'f2')"), 2)
	equal(k, "all endings", k.rows("gh_endings", "1 = 1"), 2)
}

// The end of a grant is published if its access tokens may still be believed, and only then.
func testEndingsOfGrants(k *kit) {
	for i := range 2 * len(k.enders()) {
		k := k.empty()
		ender, db := k.enders()[i/2], k.db
		if i%2 == 1 {
			db = k.second()
		}
		k.populate()
		believed := k.granted("g1", ada, global, acme, "read")
		k.redeemed("f1", believed)
		longest := family("f2", believed)
		longest.TokenDeadAt = now.Add(45 * time.Minute)
		_, err := k.db.Redeem(k.ctx, longest)
		k.ok(err)
		ended := family("f3", believed) // told of already
		ended.TokenDeadAt = now.Add(50 * time.Minute)
		_, err = k.db.Redeem(k.ctx, ended)
		k.ok(err)
		must[bool](k)(k.db.EndFamily(k.ctx, "f3", global.ID, now.Add(-time.Minute)))
		dead := family("f4", k.granted("g2", ada, global, beta, "read"))
		dead.TokenDeadAt = now
		_, err = k.db.Redeem(k.ctx, dead)
		k.ok(err)
		k.granted("g3", bob, global, acme, "read") // never used

		k.ok(ender.do(k.ctx, db))
		var got []authz.Ending
		for _, e := range must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)) {
			if e.Kind == "grant" {
				got = append(got, e)
			}
		}
		equal(k, "what ended with "+ender.name, got, []authz.Ending{{Kind: "grant", ID: "g1", At: k.at(db), Expires: now.Add(45 * time.Minute)}})
		equal(k, "grants", k.rows("gh_grants", "id = 'g1'"), 0)
	}
}

// Each way to end grants ends the ones that it is about and publishes their ends. It leaves all others alone.
func testEndingsOfNobodyElse(k *kit) {
	for _, tt := range []struct {
		end      func(db *store.DB) error
		grants   string // those that end
		machines string
	}{
		{func(db *store.DB) error { return db.DisableClient(k.ctx, global.ID, now) }, "ada-global-acme ada-global-beta bob-global-acme", ""},
		{func(db *store.DB) error { return db.RemoveClient(k.ctx, global.ID) }, "ada-global-acme ada-global-beta bob-global-acme", ""},
		{func(db *store.DB) error {
			return block(k.ctx, db, acme.ID, global.ID, "")
		}, "ada-global-acme bob-global-acme", ""},
		{func(db *store.DB) error { return db.RemoveTeam(k.ctx, acme.ID, "", nil) }, "ada-global-acme ada-public-acme bob-global-acme", "c-acme"},
		{func(db *store.DB) error { return db.DisableUser(k.ctx, ada.ID, now) }, "ada-global-acme ada-global-beta ada-public-acme", ""},
		{func(db *store.DB) error { return db.RemoveMember(k.ctx, acme.ID, ada.ID) }, "ada-global-acme ada-public-acme", ""},
		{func(db *store.DB) error { return db.RevokeGrant(k.ctx, "ada-global-acme") }, "ada-global-acme", ""},
		{func(db *store.DB) error { return db.DisableClient(k.ctx, acmes.ID, now) }, "", "c-acme"},
		{func(db *store.DB) error { return db.RemoveClient(k.ctx, acmes.ID) }, "", "c-acme"},
		{func(db *store.DB) error {
			return block(k.ctx, db, acme.ID, acmes.ID, "")
		}, "", "c-acme"},
		{func(db *store.DB) error {
			return block(k.ctx, db, beta.ID, acmes.ID, "")
		}, "", ""},
	} {
		k := k.empty()
		k.populate()
		betas := acmes
		betas.ID, betas.Team = "c-beta", beta
		k.ok(k.db.AddClient(k.ctx, betas))
		living := map[string]bool{}
		for _, g := range []authz.Grant{
			grant("ada-global-acme", ada, global, acme), grant("ada-global-beta", ada, global, beta),
			grant("ada-public-acme", ada, public, acme), grant("bob-global-acme", bob, global, acme),
		} {
			k.redeemed("of "+string(g.ID), must[authz.Grant](k)(k.db.SaveGrant(k.ctx, g, false)))
			living[string(g.ID)] = true
		}
		k.ok(tt.end(k.db))
		ended := map[string][]string{}
		for _, e := range must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)) {
			ended[e.Kind] = append(ended[e.Kind], e.ID)
			delete(living, e.ID)
		}
		equal(k, "the grants whose end is published", strings.Join(ended[authz.EndedGrant], " "), tt.grants)
		equal(k, "the machine clients whose end is published", strings.Join(ended[authz.EndedClient], " "), tt.machines)
		equal(k, "the grants that are left", k.rows("gh_grants", "1 = 1"), len(living))
		for id := range living {
			equal(k, "the family of "+id, k.rows("gh_families", "grant_id = $1 AND ended_at = 0", id), 1)
		}
	}
}

func testEndingsOfMachines(k *kit) {
	for i := range 2 * len(k.machineEnders()) {
		k := k.empty()
		ender, db := k.machineEnders()[i/2], k.db
		if i%2 == 1 {
			db = k.second()
		}
		k.populate()
		equal(k, "MachineLive", must[client.Client](k)(k.db.MachineLive(k.ctx, "m.1", acmes.ID, now)), acmes)
		for _, c := range []client.Client{global, public, {ID: "nothing"}} {
			_, err := k.db.MachineLive(k.ctx, "m.1", c.ID, now)
			k.is(err, authz.ErrNotLive)
		}
		k.ok(block(k.ctx, k.db, beta.ID, acmes.ID, "")) // not its team: no matter
		k.ok(k.db.DisableClient(k.ctx, global.ID, now)) // no machine: nothing to tell
		equal(k, "endings", k.rows("gh_endings", "1 = 1"), 0)

		k.ok(ender.do(k.ctx, db))
		equal(k, "what ended with "+ender.name, must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)), []authz.Ending{
			{Kind: "client", ID: "c-acme", At: k.at(db), Expires: k.at(db).Add(24 * time.Hour)},
		})
		_, err := k.db.MachineLive(k.ctx, "m.1", acmes.ID, now)
		k.is(err, authz.ErrNotLive)
	}

	// Enabling it again revives no token.
	fresh := k.empty()
	k.db, k.other = fresh.db, fresh.other
	k.populate()
	k.ok(k.db.DisableClient(k.ctx, acmes.ID, now))
	k.ok(k.db.EnableClient(k.ctx, acmes.ID))
	_, err := k.db.MachineLive(k.ctx, "m.1", acmes.ID, now)
	k.is(err, authz.ErrNotLive)
	equal(k, "a token of afterwards", must[client.Client](k)(k.db.MachineLive(k.ctx, "m.2", acmes.ID, now.Add(time.Second))), acmes)
	k.ok(k.db.DisableClient(k.ctx, acmes.ID, now.Add(time.Hour)))
	equal(k, "the ending", k.rows("gh_endings", "kind = 'client' AND at = $1", now.Add(time.Hour).UnixMilli()), 1)
}

// testEndingsWhenClocksDiffer: the process whose clock is behind ends what the other one issued or ended. The end is not
// before the latest token of this client, and what is noted never moves back.
func testEndingsWhenClocksDiffer(k *kit) {
	for i := range k.machineEnders() {
		k := k.empty()
		ender := k.machineEnders()[i]
		k.populate()
		other := acmes
		other.ID, other.Name = "c-other", "Another machine of Acme"
		k.ok(k.db.AddClient(k.ctx, other))
		for _, at := range []time.Time{now.Add(-time.Minute), now, now.Add(-time.Second)} {
			k.ok(k.db.IssueMachine(k.ctx, acmes.ID, at, nil))
		}
		k.ok(k.open().IssueMachine(k.ctx, other.ID, now.Add(time.Second), nil)) // by a third process
		k.ok(ender.do(k.ctx, k.second()))
		want := []authz.Ending{{Kind: "client", ID: "c-acme", At: now, Expires: now.Add(24 * time.Hour)}}
		if ender.name == "RemoveTeam" {
			want = append(want, authz.Ending{Kind: "client", ID: "c-other", At: now.Add(time.Second), Expires: now.Add(24*time.Hour + time.Second)})
		}
		equal(k, "what ended with "+ender.name, must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)), want)
	}
	for i := range 2 {
		k := k.empty()
		ender := k.machineEnders()[i]
		k.populate()
		k.ok(k.db.DisableClient(k.ctx, acmes.ID, now))
		k.ok(k.db.EnableClient(k.ctx, acmes.ID))
		k.ok(ender.do(k.ctx, k.second()))
		equal(k, "what ended twice, at last with "+ender.name, must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)), []authz.Ending{
			{Kind: "client", ID: "c-acme", At: now, Expires: now.Add(24 * time.Hour)},
		})
	}
	fresh := k.empty()
	fresh.populate()
	fresh.ok(fresh.db.EndToken(k.ctx, "m.1", acmes.ID, now, now.Add(time.Hour)))
	fresh.ok(fresh.second().EndToken(k.ctx, "m.1", acmes.ID, now.Add(-behind), now.Add(time.Hour-behind)))
	equal(fresh, "the token", must[[]authz.Ending](fresh)(fresh.db.Endings(k.ctx, now)), []authz.Ending{
		{Kind: "token", ID: "m.1", At: now, Expires: now.Add(time.Hour)},
	})
	_, err := fresh.db.MachineLive(k.ctx, "m.1", acmes.ID, now)
	fresh.is(err, authz.ErrNotLive)
}

func testUseAssertion(k *kit) {
	k.ok(k.db.UseAssertion(k.ctx, "c-1", "jti", later))
	k.is(k.db.UseAssertion(k.ctx, "c-1", "jti", later), client.ErrUsed)
	k.ok(k.db.UseAssertion(k.ctx, "c-2", "jti", later))
	k.ok(k.db.UseAssertion(k.ctx, "c-1", "another", later))
	long := strings.Repeat("j", 60_000) // clients choose it
	k.ok(k.db.UseAssertion(k.ctx, "c-1", long, later))
	k.is(k.db.UseAssertion(k.ctx, "c-1", long, later), client.ErrUsed)
}

func testAssertionRace(k *kit) {
	var won, used atomic.Int64
	k.together(30, func(_ int, db *store.DB) {
		switch err := db.UseAssertion(k.ctx, "c-1", "jti", later); {
		case err == nil:
			won.Add(1)
		case errors.Is(err, client.ErrUsed):
			used.Add(1)
		default:
			k.Error(err)
		}
	})
	equal(k, "winners", won.Load(), 1)
	equal(k, "others", used.Load(), 29)
}

// testEndReplayed: only the code's client ends its family, once, and nothing is made where there is none.
func testEndReplayed(k *kit) {
	f := k.connected()
	end := func(f authz.Family, want bool) {
		k.Helper()
		equal(k, "EndReplayed", must[bool](k)(k.db.EndReplayed(k.ctx, f)), want)
	}
	before := k.dump()
	foreign, never := f, f
	foreign.Client, never.ID = "c-other", "never"
	end(foreign, false)
	end(never, false)
	equal(k, "everything", k.dump(), before)
	end(f, true)
	equal(k, "the family", k.rows("gh_families", "id = $1 AND ended_at > 0", string(f.ID)), 1)
	before = k.dump()
	end(f, false)
	equal(k, "everything after a second time", k.dump(), before)
	equal(k, "events", len(k.events(audit.Filter{Kind: audit.CodeReplayed})), 1)
}

// testPushRequest: the newest requests of a client are kept, and pushes of other clients do not count. Removing the client removes them.
func testPushRequest(k *kit) {
	k.ok(k.db.AddClient(k.ctx, global))
	k.ok(k.db.AddClient(k.ctx, client.Client{ID: "c-other"}))
	push := func(id string, of oauth.ClientID, expires time.Time, keep int) {
		k.Helper()
		k.ok(k.db.PushRequest(k.ctx, authz.PushedRequest{ID: id, Client: of, Sealed: "sealed " + id, ExpiresAt: expires}, keep))
	}
	push("theirs", "c-other", now, 3)
	for i := range 5 {
		push(fmt.Sprint("p", i), global.ID, now.Add(time.Duration(i)*time.Second), 3)
	}
	for _, id := range []string{"p0", "p1", "never"} {
		_, _, err := k.db.PushedRequest(k.ctx, id)
		k.is(err, authz.ErrNoRequest)
	}
	for _, id := range []string{"p2", "p3", "p4", "theirs"} {
		got, used, err := k.second().PushedRequest(k.ctx, id)
		k.ok(err)
		equal(k, "the sealed request", got.Sealed, "sealed "+id)
		equal(k, "used", used, false)
	}
	k.ok(k.db.UseRequest(k.ctx, "p4", later))
	got, used, err := k.db.PushedRequest(k.ctx, "p4")
	k.ok(err)
	equal(k, "the request", got, authz.PushedRequest{ID: "p4", Client: global.ID, Sealed: "sealed p4", ExpiresAt: now.Add(4 * time.Second)})
	equal(k, "used", used, true)

	k.together(30, func(i int, db *store.DB) {
		if err := db.PushRequest(k.ctx, authz.PushedRequest{ID: fmt.Sprint("q", i), Client: global.ID, ExpiresAt: later}, 3); err != nil {
			k.Error(err)
		}
	})
	push("last", global.ID, later, 3)
	equal(k, "requests after many pushed at once", k.rows("gh_pushed_requests", "client_id = 'c-global'"), 3)

	k.ok(k.db.RemoveClient(k.ctx, global.ID))
	equal(k, "requests of a client that is gone", k.rows("gh_pushed_requests", "client_id = 'c-global'"), 0)
	k.is(k.db.PushRequest(k.ctx, authz.PushedRequest{ID: "late", Client: global.ID, ExpiresAt: later}, 3), client.ErrNoClient)
}

func testUseRequest(k *kit) {
	equal(k, "used", must[bool](k)(k.db.RequestUsed(k.ctx, "r")), false)
	k.ok(k.db.UseRequest(k.ctx, "r", later))
	k.is(k.db.UseRequest(k.ctx, "r", later), authz.ErrRequestUsed)
	equal(k, "used", must[bool](k)(k.second().RequestUsed(k.ctx, "r")), true)
	equal(k, "another is used", must[bool](k)(k.db.RequestUsed(k.ctx, "r2")), false)
}

func testRequestRace(k *kit) {
	var won, used atomic.Int64
	k.together(30, func(_ int, db *store.DB) {
		switch err := db.UseRequest(k.ctx, "r", later); {
		case err == nil:
			won.Add(1)
		case errors.Is(err, authz.ErrRequestUsed):
			used.Add(1)
		default:
			k.Error(err)
		}
	})
	equal(k, "winners", won.Load(), 1)
	equal(k, "others", used.Load(), 29)
}
