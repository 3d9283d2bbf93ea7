package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A change of a client that was answered is true in every process, although each caches the clients that it was asked for.
func testClientsEverywhere(k *kit) {
	k.useCache()
	k.populate()
	other := k.open()
	k.count.reset()
	for range 3 {
		equal(k, "Client", must[client.Client](k)(other.Client(k.ctx, global.ID)), global)
	}
	equal(k, "reads of a client that is asked for again", k.count.get("Client"), 1)

	secret := client.Secret{Hash: "hash-new", CreatedAt: now}
	updated := acmes
	updated.Name = "Another name"
	for name, change := range map[string]struct {
		id   oauth.ClientID
		make func() error
		want func(client.Client) bool
	}{
		"UpdateClient":    {acmes.ID, func() error { return updateClient(k.ctx, k.db, updated) }, func(c client.Client) bool { return c.Name == updated.Name }},
		"AddClientSecret": {global.ID, func() error { return k.db.AddClientSecret(k.ctx, global.ID, secret, 0) }, func(c client.Client) bool { return c.Secrets[0] == secret }},
		"UpdateTeam":      {acmes.ID, func() error { return renameTeam(k.ctx, k.db, acme.ID, "apex", "Apex") }, func(c client.Client) bool { return c.Team.Slug == "apex" }},
	} {
		must[client.Client](k)(other.Client(k.ctx, change.id))
		k.ok(change.make())
		if got := must[client.Client](k)(other.Client(k.ctx, change.id)); !change.want(got) {
			k.Errorf("after %s another process knows the client as %+v", name, got)
		}
	}

	k.ok(k.db.DisableClient(k.ctx, global.ID, now))
	equal(k, "disabled", must[client.Client](k)(other.Client(k.ctx, global.ID)).DisabledAt, now)
	k.ok(k.db.EnableClient(k.ctx, global.ID))
	equal(k, "enabled", must[client.Client](k)(other.Client(k.ctx, global.ID)).DisabledAt, time.Time{})
	k.ok(k.db.RemoveClient(k.ctx, global.ID))
	_, err := other.Client(k.ctx, global.ID)
	k.is(err, client.ErrNoClient)
	k.ok(k.db.RemoveTeam(k.ctx, acme.ID, "", nil)) // with its clients
	_, err = other.Client(k.ctx, acmes.ID)
	k.is(err, client.ErrNoClient)
}

// useCache opens the database anew with a lease that lasts longer than a statement.
func (k *kit) useCache() {
	k.Helper()
	k.lease = 20 * time.Millisecond
	k.db = k.open()
}

// cached asks a database for a user until it is cached.
func (k *kit) cached(db *store.DB, session string, c oauth.ClientID) {
	k.Helper()
	for range 100 {
		must[client.Client](k)(db.Client(k.ctx, c))
		must[authz.SignedInUser](k)(db.SignedInUser(k.ctx, session, c, now))
		if _, known := db.CachedSignedInUser(session, c, now); known {
			return
		}
	}
	k.Fatalf("the user %s of %s is never cached", session, c)
}

// A user who is asked for again costs no query while the session lives and the cache is trusted.
func testSignedInUsersAreCached(k *kit) {
	k.useCache()
	k.populate()
	k.granted("g1", ada, global, acme, "read")
	k.ok(k.db.StartSession(k.ctx, session("s-ada", ada), ""))
	want := must[authz.SignedInUser](k)(k.db.SignedInUser(k.ctx, "s-ada", global.ID, now))
	k.cached(k.db, "s-ada", global.ID)
	k.count.reset()
	got, known := k.db.CachedSignedInUser("s-ada", global.ID, now)
	for range 100 { // until it is asked within the lease
		if known {
			break
		}
		must[client.Client](k)(k.db.Client(k.ctx, global.ID))
		got, known = k.db.CachedSignedInUser("s-ada", global.ID, now)
	}
	equal(k, "queries", k.count.get("SignedInUser"), 0)
	equal(k, "the user", got, want)
	for what, id := range map[string]oauth.ClientID{"another client": public.ID, "no client": ""} {
		if _, known := k.db.CachedSignedInUser("s-ada", id, now); known {
			k.Errorf("the user of %s is known for %s", global.ID, what)
		}
	}
	if _, known := k.db.CachedSignedInUser("s-ada", global.ID, want.Session.ExpiresAt); known {
		k.Error("a session that has expired is cached")
	}
}

// No change leaves a user in the cache as they were before it, except for grants that were given and blocks that were lifted.
func testChangedUsersLeaveTheCache(k *kit) {
	for _, w := range slices.Concat(writes, factorWrites, invitationWrites) {
		k := k.empty()
		k.furnish()
		k.ok(k.db.StartSession(k.ctx, session("s-bob", bob), ""))
		k.useCache()
		clients := []oauth.ClientID{global.ID, public.ID}
		sessions := []string{"s1", "s-bob"}
		other := k.open()
		for _, db := range []*store.DB{k.db, other} {
			for _, session := range sessions {
				for _, client := range clients {
					k.cached(db, session, client)
				}
			}
		}
		k.is(w.do(k.ctx, k.db), w.want)
		if w.name == "SaveGrant" || w.name == "Unblock" {
			continue
		}
		for _, session := range sessions {
			for _, client := range clients {
				want, err := k.db.SignedInUser(k.ctx, session, client, now)
				for _, db := range []*store.DB{k.db, other} {
					for range 2 {
						if got, known := db.CachedSignedInUser(session, client, now); known && (err != nil || !cmp.Equal(got, want, cmpopts.EquateEmpty())) {
							k.Fatalf("after %s the user %s of %s is cached as %+v; that is %+v now, with the error %v", w.name, session, client, got, want, err)
						}
						_, _ = db.Client(k.ctx, client) // reads the revision; the client may be gone
					}
				}
			}
		}
	}
}

// When a sign-out was answered, no other process trusts the session that it had cached a moment ago.
func testAnsweredChangesAreTrueInEveryProcess(k *kit) {
	k.useCache()
	k.populate()
	other := k.open()
	for n := range 10 {
		id := fmt.Sprint("s-", n)
		k.ok(k.db.StartSession(k.ctx, session(id, ada), ""))
		k.cached(other, id, global.ID)
		k.ok(k.db.EndSession(k.ctx, id))
		if _, known := other.CachedSignedInUser(id, global.ID, now); known {
			k.Fatal("another process trusts a session that has ended")
		}
	}
}

// The end of a session makes no process forget another session.
func testSignOutsKeepOtherUsers(k *kit) {
	k.useCache()
	k.populate()
	other := k.open()
	for _, s := range []authn.Session{session("s-ada", ada), session("s-bob", bob)} {
		k.ok(k.db.StartSession(k.ctx, s, ""))
	}
	k.cached(other, "s-ada", global.ID)
	k.cached(other, "s-bob", global.ID)
	k.ok(k.db.EndSession(k.ctx, "s-ada"))
	must[client.Client](k)(other.Client(k.ctx, global.ID)) // reads the revision
	for range 100 {                                        // until it is asked within the lease
		if _, known := other.CachedSignedInUser("s-bob", global.ID, now); known {
			return
		}
		must[client.Client](k)(other.Client(k.ctx, global.ID))
	}
	k.Error("the user who did not sign out is no longer cached")
}

// What was being read while something changed is not cached: it may be the old or the new value.
func testReadsBegunBeforeAChange(k *kit) {
	k.useCache()
	k.populate()
	k.ok(k.db.StartSession(k.ctx, session("s-ada", ada), ""))
	other := k.open()
	for n, read := range []call{
		{"SignedInUser", func(ctx context.Context, db *store.DB) error {
			_, err := db.SignedInUser(ctx, "s-ada", global.ID, now)
			return err
		}, nil},
		{"Client", func(ctx context.Context, db *store.DB) error { _, err := db.Client(ctx, acmes.ID); return err }, nil},
	} {
		must[client.Client](k)(k.db.Client(k.ctx, public.ID)) // reads the revision
		meanwhile := false
		k.h.Fail(k.db, func(statement string) error {
			if statement != read.name || meanwhile {
				return nil
			}
			meanwhile = true
			k.ok(renameTeam(k.ctx, other, beta.ID, fmt.Sprint("beta-", n), "Beta"))
			_, err := k.db.Client(k.ctx, public.ID) // reads it again, and it has changed
			return err
		})
		k.ok(read.do(k.ctx, k.db))
		k.h.Fail(k.db, nil)
		equal(k, "something has changed meanwhile", meanwhile, true)
		if _, known := k.db.CachedSignedInUser("s-ada", global.ID, now); known {
			k.Error("the user is cached")
		}
	}
	k.count.reset()
	must[client.Client](k)(k.db.Client(k.ctx, acmes.ID))
	equal(k, "reads of the client", k.count.get("Client"), 1)
}

// Sign-ins and sign-outs do not empty the client cache.
func testSignOutsKeepClients(k *kit) {
	k.useCache()
	k.populate()
	k.ok(k.db.StartSession(k.ctx, session("s-ada", ada), ""))
	must[client.Client](k)(k.db.Client(k.ctx, global.ID))
	k.count.reset()
	k.ok(k.db.EndSession(k.ctx, "s-ada"))
	equal(k, "Client", must[client.Client](k)(k.db.Client(k.ctx, global.ID)), global)
	equal(k, "reads of a client", k.count.get("Client"), 0)
}

// testNothingToChange: a caller whose change was already made is told so only when it is true in every process. The caller
// that made the change a moment ago is still waiting for that.
func testNothingToChange(k *kit) {
	k.lease = 200 * time.Millisecond // as long as a database may need to let the second one in
	k.db = k.open()
	k.populate()
	k.ok(k.db.StartSession(k.ctx, session("s-bob", bob), ""))
	k.granted("g1", bob, global, acme, "read")
	other, second := k.open(), k.second()
	for _, change := range []call{
		{"RevokeGrant", func(ctx context.Context, db *store.DB) error { return db.RevokeGrant(ctx, "g1") }, authz.ErrNoGrant},
		{"AddMember", func(ctx context.Context, db *store.DB) error {
			return db.AddMember(ctx, team.Membership{User: bob.ID, Team: beta, Role: team.Member, CreatedAt: now})
		}, team.ErrIsMember},
		{"RemoveMember", func(ctx context.Context, db *store.DB) error { return db.RemoveMember(ctx, acme.ID, bob.ID) }, team.ErrNoMember},
		{"RemoveTeam", func(ctx context.Context, db *store.DB) error { return db.RemoveTeam(ctx, beta.ID, "", nil) }, team.ErrNoTeam},
		{"EndSession", func(ctx context.Context, db *store.DB) error { return db.EndSession(ctx, "s-bob") }, nil},
	} {
		k.cached(other, "s-bob", global.ID)
		late := make(chan error, 1)
		k.h.Fail(k.db, func(statement string) error {
			if statement == "commit" {
				go func() { late <- change.do(k.ctx, second) }()
			}
			return nil
		})
		first := make(chan error, 1)
		go func() { first <- change.do(k.ctx, k.db) }()
		k.is(<-late, change.want)
		if _, known := other.CachedSignedInUser("s-bob", global.ID, now); known {
			k.Errorf("%s: the second caller was told that there is nothing to do, and another process still trusts what was before the first", change.name)
		}
		k.ok(<-first)
		k.h.Fail(k.db, nil)
	}
}
