package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// live is what a redemption returns of a person and a team.
func subject(u team.User, t team.Team) authz.Subject {
	return authz.Subject{User: u.ID, Email: u.Email, EmailVerified: u.EmailVerified, Name: u.Name, Team: t.ID, Slug: t.Slug}
}

func testRedeem(k *kit) {
	k.populate()
	g := k.granted("g1", ada, global, acme, "read", "write")
	f := family("f1", g)
	f.Scope = oauth.Scope{"write"}
	equal(k, "Subject", must[authz.Subject](k)(k.db.Redeem(k.ctx, f)), subject(ada, acme))
	equal(k, "the family", k.rows("gh_families", "id = 'f1' AND scope = 'write' AND ended_at = 0"), 1)
	equal(k, "its times", k.rows("gh_families", "auth_time = $1 AND created_at = $2 AND expires_at = $3",
		f.AuthTime.UnixMilli(), f.CreatedAt.UnixMilli(), f.ExpiresAt.UnixMilli()), 1)

	k.ok(renameTeam(k.ctx, k.db, acme.ID, "apex", "Apex"))
	renamed := team.Team{ID: acme.ID, Slug: "apex"}
	equal(k, "Subject after a rename", must[authz.Subject](k)(k.db.Redeem(k.ctx, family("f2", g))), subject(ada, renamed))

	replay := f
	replay.CreatedAt = now.Add(time.Second)
	_, err := k.db.Redeem(k.ctx, replay)
	k.is(err, authz.ErrReplayed)
	equal(k, "the family after a replay", k.rows("gh_families", "id = 'f1' AND ended_at = $1", replay.CreatedAt.UnixMilli()), 1)
	replay.CreatedAt = now.Add(time.Minute)
	_, err = k.db.Redeem(k.ctx, replay)
	k.is(err, authz.ErrReplayed)
	equal(k, "the family after another", k.rows("gh_families", "id = 'f1' AND ended_at = $1", now.Add(time.Second).UnixMilli()), 1)
	equal(k, "other families", k.rows("gh_families", "id = 'f2' AND ended_at = 0"), 1)
}

// A redemption costs one read, one change, its event and one commit.
func testRedeemCosts(k *kit) {
	k.populate()
	g := k.granted("g1", ada, global, acme, "read")
	k.count.reset()
	k.redeemed("f1", g)
	equal(k, "statements", k.count.get("Redeem"), k.statements(2))
	equal(k, "records", k.count.get("audit"), 1)
	equal(k, "commits", k.count.get("commit"), 1)
}

func testRedeemRefuses(k *kit) {
	k.populate()
	g := k.granted("g1", ada, global, acme, "read")
	wider := family("f1", g)
	wider.Scope = oauth.Scope{"read", "write"}
	foreign := family("f1", g)
	foreign.Client = public.ID
	unknown := family("f1", authz.Grant{ID: "nothing", Client: global.ID})
	for name, f := range map[string]authz.Family{"more than was granted": wider, "another client's code": foreign, "a grant that is not there": unknown} {
		if _, err := k.db.Redeem(k.ctx, f); err != authz.ErrNotLive {
			k.Errorf("Redeem of %s: got the error %v, want ErrNotLive", name, err)
		}
	}
	equal(k, "families", k.rows("gh_families", "1 = 1"), 0)
	k.redeemed("f1", g) // none of them was counted as a redemption
}

func testBurn(k *kit) {
	k.populate()
	g := k.granted("g1", ada, global, acme, "read")
	k.ok(k.db.Burn(k.ctx, family("f1", g)))
	equal(k, "the burnt family", k.rows("gh_families", "id = 'f1' AND ended_at > 0 AND expires_at = $1", now.Add(time.Hour).UnixMilli()), 1)
	_, err := k.db.Redeem(k.ctx, family("f1", g))
	k.is(err, authz.ErrReplayed)

	k.redeemed("f2", g)
	k.ok(k.db.Burn(k.ctx, family("f2", g)))
	equal(k, "a family that was there", k.rows("gh_families", "id = 'f2' AND ended_at = 0"), 1)

	k.ok(k.db.RevokeGrant(k.ctx, g.ID))
	k.ok(k.db.Burn(k.ctx, family("f3", g)))
	equal(k, "families of a grant that has ended", k.rows("gh_families", "1 = 1"), 0)
}

// The oldest families of a grant beyond a number expire with their access tokens; to refresh one before that keeps it.
func testTrimFamilies(k *kit) {
	k.populate()
	g, other := k.granted("g1", ada, global, acme, "read"), k.granted("g2", bob, global, acme, "read")
	for _, id := range []string{"f1", "f2", "f3", "f4", "f5"} {
		k.redeemed(id, g)
	}
	k.redeemed("f0", other)
	expiry := func(id string) time.Time {
		k.Helper()
		var c authz.Connection
		c, err := k.db.Connection(k.ctx, authz.FamilyID(id), now)
		k.ok(err)
		return c.Family.ExpiresAt
	}
	full, tokenDead := now.Add(time.Hour), now.Add(30*time.Minute)
	k.ok(k.db.TrimFamilies(k.ctx, g.ID, "g", 3))
	equal(k, "the oldest of less than twice as many as are kept", expiry("f1"), full)
	k.ok(k.db.TrimFamilies(k.ctx, g.ID, "g", 2))
	for id, want := range map[string]time.Time{"f0": full, "f1": tokenDead, "f2": tokenDead, "f3": tokenDead, "f4": full, "f5": full} {
		equal(k, id, expiry(id), want)
	}
	r := rotation("f1", global.ID, 0, now)
	k.rotated(r)
	equal(k, "one that was refreshed", expiry("f1"), now.Add(r.Rule.Idle))
	k.ok(k.db.Burn(k.ctx, family("f6", g)))
	k.redeemed("f7", g)
	k.ok(k.db.TrimFamilies(k.ctx, g.ID, "g", 1))
	equal(k, "those that were too many", expiry("f5"), tokenDead)
	equal(k, "one that has ended keeps its time: it tells replays", k.rows("gh_families", "id = 'f6' AND expires_at = $1", full.UnixMilli()), 1)
}

// Families that have ended do not count as connections: they cause no trimming.
func testTrimCountsTheLiving(k *kit) {
	k.populate()
	g := k.granted("g1", ada, global, acme, "read")
	k.redeemed("f-0", g)
	for n := range 5 {
		id := fmt.Sprintf("f-%d", n+1)
		k.redeemed(id, g)
		must[bool](k)(k.db.EndFamily(k.ctx, authz.FamilyID(id), g.Client, now))
	}
	k.redeemed("f-6", g)
	k.ok(k.db.TrimFamilies(k.ctx, g.ID, "g", 3))
	equal(k, "connections that wait", k.rows("gh_families", "ended_at = 0 AND expires_at > token_dead_at"), 2)
}

// All that are too many are trimmed, even if the limit was lowered only today.
func testTrimLetsGoOfAll(k *kit) {
	k.populate()
	g := k.granted("g1", ada, global, acme, "read")
	for n := range 450 {
		k.redeemed(fmt.Sprintf("f-%03d", n), g)
	}
	// The caller hangs up meanwhile.
	ctx, cancel := context.WithCancel(k.ctx)
	var statements int
	k.h.Fail(k.db, func(statement string) error {
		if statements++; statements == 2 {
			cancel()
		}
		return nil
	})
	k.ok(k.db.TrimFamilies(ctx, g.ID, "f-430", 3))
	k.h.Fail(k.db, nil)
	equal(k, "connections that wait", k.rows("gh_families", "ended_at = 0 AND expires_at > token_dead_at"), 20+3)
}

func storedKey(id, slot string, created time.Time) token.StoredKey {
	return token.StoredKey{
		ID: id, Use: token.UseSign, Algorithm: "ES256", Slot: slot, Sealed: []byte{0, 1, 0xff}, CreatedAt: created,
		SignsFrom: created.Add(time.Minute), PredecessorDeadAt: created.Add(time.Hour),
	}
}

func testKeys(k *kit) {
	equal(k, "Keys", must[[]token.StoredKey](k)(k.db.Keys(k.ctx)), nil)
	newer, older := storedKey("k-a", "ES256/2", now.Add(time.Hour)), storedKey("k-b", "ES256/1", now)
	older.PredecessorDeadAt = time.Time{}
	k.ok(k.db.AddKeys(k.ctx, []token.StoredKey{newer, older}))
	equal(k, "Keys", must[[]token.StoredKey](k)(k.db.Keys(k.ctx)), []token.StoredKey{older, newer})

	third := storedKey("k-c", "ES256/3", later)
	k.ok(k.db.AddKeys(k.ctx, []token.StoredKey{storedKey("k-x", "ES256/2", later), third}))
	equal(k, "Keys", must[[]token.StoredKey](k)(k.db.Keys(k.ctx)), []token.StoredKey{older, newer, third})
	k.ok(k.db.AddKeys(k.ctx, nil))
}

func testReplaceSealed(k *kit) {
	a, b := storedKey("k-a", "ES256/1", now), storedKey("k-b", "ES256/2", later)
	k.ok(k.db.AddKeys(k.ctx, []token.StoredKey{a, b}))
	resealed := []token.StoredKey{a, b}
	for i := range resealed {
		resealed[i].Sealed = []byte{9, byte(i)}
	}
	changed := resealed[0]
	changed.Algorithm, changed.Slot, changed.SignsFrom = "x", "x", later // what it is for stays
	k.ok(k.db.ReplaceSealed(k.ctx, []token.StoredKey{resealed[1], changed}))
	equal(k, "Keys", must[[]token.StoredKey](k)(k.db.Keys(k.ctx)), resealed)

	again := resealed[0]
	again.Sealed = []byte{1}
	if err := k.db.ReplaceSealed(k.ctx, []token.StoredKey{again, storedKey("nothing", "x", now)}); err == nil {
		k.Fatal("a key that is not there was replaced")
	}
	equal(k, "Keys after a failure", must[[]token.StoredKey](k)(k.db.Keys(k.ctx)), resealed)
}

func testPrune(k *kit) {
	k.populate()
	g := k.granted("g1", ada, global, acme, "read")
	for i, id := range []string{"f0", "f1", "f2", "f3"} {
		f := family(id, g)
		f.ExpiresAt = now.Add(time.Duration(i) * time.Hour)
		f.TokenDeadAt = f.ExpiresAt
		_, err := k.db.Redeem(k.ctx, f)
		k.ok(err)
	}
	outlived := family("f-outlived", g) // an access token of its lives on
	outlived.ExpiresAt, outlived.TokenDeadAt = now, now.Add(10*time.Hour)
	_, err := k.db.Redeem(k.ctx, outlived)
	k.ok(err)
	_, err = k.db.Redeem(k.ctx, family("f3", g)) // ended, and yet it is what tells the next replay
	k.is(err, authz.ErrReplayed)
	k.ok(k.db.StartSession(k.ctx, session("s1", ada), "")) // an hour
	_, err = k.db.Count(k.ctx, []limit.Bucket{{Key: "a", Limit: 9, Window: time.Hour}, {Key: "b", Limit: 9, Window: 9 * time.Hour}}, now)
	k.ok(err)

	prune := func(at time.Time, batch, want int) {
		k.Helper()
		equal(k, "Prune", must[int](k)(k.db.Prune(k.ctx, at, batch)), want)
	}
	prune(now.Add(-time.Millisecond), 100, 0)
	prune(now, 100, 1)
	prune(now.Add(2*time.Hour), 1, 3) // one of each kind
	equal(k, "the family that expired last", k.rows("gh_families", "id = 'f2'"), 1)
	prune(now.Add(2*time.Hour), 1, 1)
	prune(now.Add(2*time.Hour), 1, 0)
	equal(k, "what stays", k.rows("gh_families", "id IN ('f3', 'f-outlived')")+k.rows("gh_throttle", "bucket = 'b'"), 3)
	equal(k, "grants", k.rows("gh_grants", "1 = 1"), 1)

	equal(k, "endings and notices", k.rows("gh_endings", "1 = 1")+k.rows("gh_notices", "1 = 1"), 2)
	k.ok(k.db.UseAssertion(k.ctx, global.ID, "jti", now.Add(3*time.Hour)))
	prune(now.Add(3*time.Hour), 1, 3) // the family, its ending and the assertion
	prune(now.Add(80*time.Hour), 100, 3)
	equal(k, "families, endings, assertions, notices and counters",
		k.rows("gh_families", "1 = 1")+k.rows("gh_endings", "1 = 1")+k.rows("gh_assertions", "1 = 1")+k.rows("gh_notices", "1 = 1")+k.rows("gh_throttle", "1 = 1"), 0)

	events := k.rows("gh_audit", "1 = 1")
	retention := 365 * 24 * time.Hour
	prune(now.Add(retention), 100, 0)
	prune(now.Add(retention+time.Second), 1, 1)
	prune(now.Add(retention+time.Second), 100, events-1)
	k.done()
}

func testReady(k *kit) {
	k.ok(k.db.Ready(k.ctx))
	k.populate()
	must[client.Client](k)(k.db.Client(k.ctx, global.ID)) // cached
	k.ok(k.db.Close())
	if _, err := k.db.Client(k.ctx, global.ID); err == nil {
		k.Fatal("a closed database answers from its cache")
	}
	if err := k.db.Ready(k.ctx); err == nil {
		k.Fatal("a closed database answers")
	}
	if err := k.db.AddTeam(k.ctx, acme); err == nil {
		k.Fatal("a closed database saves")
	}
	if _, err := k.db.Teams(k.ctx); err == nil {
		k.Fatal("a closed database reads")
	}
}

func testCancelled(k *kit) {
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	if err := k.db.AddTeam(ctx, acme); !errors.Is(err, context.Canceled) {
		k.Fatalf("got the error %v, want context.Canceled", err)
	}
	if _, err := k.db.Teams(ctx); !errors.Is(err, context.Canceled) {
		k.Fatalf("got the error %v, want context.Canceled", err)
	}
	equal(k, "teams", k.rows("gh_teams", "1 = 1"), 0)
}
