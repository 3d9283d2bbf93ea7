package storetest

import (
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

// lateRotation is rotation by a rule that grants a late retry every hour.
func lateRotation(id authz.FamilyID, generation int64, at time.Time) authz.Rotation {
	r := rotation(id, global.ID, generation, at)
	r.Rule.LateRetry = time.Hour
	return r
}

// testKeptToken uses a token that is not replaced, on both processes.
func testKeptToken(k *kit) {
	f := k.connected()
	kept := func(at time.Time) authz.Rotation {
		r := rotation(f.ID, f.Client, 0, at)
		r.Keep = true
		return r
	}
	for _, at := range []time.Time{now, now.Add(90 * time.Minute), now.Add(3 * time.Hour)} {
		for _, db := range []*store.DB{k.db, k.second()} {
			k.count.reset()
			got := k.rotatedOn(db, kept(at))
			f.UsedAt, f.ExpiresAt, f.TokenDeadAt = at, at.Add(2*time.Hour), at.Add(30*time.Minute+grace)
			equal(k, "the answer", got, authz.Rotated{Family: f, Subject: subject(ada, acme)})
			equal(k, "statements", k.count.get("Rotate"), k.statements(2))
		}
	}
	equal(k, "the family", must[authz.Connection](k)(k.db.Connection(k.ctx, f.ID, f.UsedAt)).Family, f)
	equal(k, "when the grant was last used", must[[]authz.GrantDetail](k)(k.db.Grants(k.ctx, authz.GrantFilter{}))[0].LastUsed, f.UsedAt)
	equal(k, "events", k.rows("gh_audit", "kind = 'token.refreshed'"), 6)
	for hours := 4; hours < 10; hours++ {
		at := now.Add(time.Duration(hours) * time.Hour)
		equal(k, "the expiry", k.rotated(kept(at)).Family.ExpiresAt, now.Add(time.Duration(min(hours+2, 10))*time.Hour))
	}

	// Using the newest token does not extend the grace of the one that it replaced.
	g := authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope}
	k.redeemed("f2", g)
	k.rotated(rotation("f2", f.Client, 0, now))
	use := rotation("f2", f.Client, 1, now.Add(time.Hour))
	use.Keep = true
	k.rotated(use)
	_, err := k.db.Rotate(k.ctx, rotation("f2", f.Client, 0, use.At))
	k.is(err, authz.ErrReused)
}

// testRetryWhenClocksDiffer rotates on one process and asks again on the other, whose clock is 15 seconds behind.
func testRetryWhenClocksDiffer(k *kit) {
	f := k.connected()
	ask := func(db *store.DB, generation int64, later time.Duration) (authz.Rotated, error) {
		r := rotation(f.ID, f.Client, generation, k.at(db).Add(later))
		r.Rule.Grace = time.Minute
		return db.Rotate(k.ctx, r)
	}
	generation := int64(0)
	for _, on := range [][2]*store.DB{{k.db, k.second()}, {k.second(), k.db}} {
		must[authz.Rotated](k)(ask(on[0], generation, 0))
		for _, later := range []time.Duration{0, time.Second, 45 * time.Second} {
			got := must[authz.Rotated](k)(ask(on[1], generation, later))
			equal(k, "a retry, and its generation", got.Retry && got.Family.Generation == generation+1, true)
		}
		generation++
	}
	must[authz.Rotated](k)(ask(k.second(), generation, 0)) // the connection goes on

	// A clock that is ahead of ours by more than that extends nothing.
	g := authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope}
	for id, tt := range map[authz.FamilyID]struct {
		ahead time.Duration
		want  error
	}{"f-30s": {30 * time.Second, nil}, "f-31s": {30*time.Second + time.Millisecond, authz.ErrReused}, "f-50m": {50 * time.Minute, authz.ErrReused}} {
		k.redeemed(string(id), g)
		first := rotation(id, f.Client, 0, now.Add(tt.ahead))
		k.rotated(first)
		_, err := k.db.Rotate(k.ctx, rotation(id, f.Client, 0, now))
		k.is(err, tt.want)
	}
	k.redeemed("f-late", g)
	k.rotated(lateRotation("f-late", 0, now.Add(30*time.Minute)))
	equal(k, "the time of the rotation, after a late retry", k.rotated(lateRotation("f-late", 0, now)).Family.RotatedAt, now)
}

func testLateRetry(k *kit) {
	f := k.connected()
	k.rotated(lateRotation(f.ID, 0, now))
	late := now.Add(grace + 20*time.Minute)
	got := k.rotated(lateRotation(f.ID, 0, late))
	f.Generation, f.RotatedAt, f.UsedAt, f.ExpiresAt, f.TokenDeadAt = 1, late, late, late.Add(2*time.Hour), late.Add(30*time.Minute+grace)
	f.LateRetryAt, f.LateRetryGeneration = late, 1
	equal(k, "the answer", got, authz.Rotated{Family: f, Subject: subject(ada, acme), Retry: true})
	equal(k, "the family", must[authz.Connection](k)(k.db.Connection(k.ctx, f.ID, late)).Family, f)
	event := k.events(audit.Filter{Kind: audit.RefreshRetried})[0]
	event.ID = 0
	equal(k, "the event", event, audit.Event{
		At: late, Kind: audit.RefreshRetried, Actor: "client:c-global", User: "u-ada", Team: "t-acme", Client: "c-global", Grant: "g1", Family: "f1",
	})

	// The grace has begun anew, and retries within it write nothing.
	before := k.dump()
	k.rotated(lateRotation(f.ID, 0, late.Add(grace)))
	equal(k, "everything after a retry", k.dump(), before)

	// Another late one needs two rotations and an hour.
	k.rotated(lateRotation(f.ID, 1, late.Add(30*time.Minute)))
	k.rotated(lateRotation(f.ID, 2, late.Add(40*time.Minute)))
	again := lateRotation(f.ID, 2, late.Add(time.Hour))
	k.rotated(again)
	equal(k, "late retries", k.rows("gh_audit", "kind = 'refresh.retried'"), 2)

	g := authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope}
	for id, tt := range map[authz.FamilyID]struct {
		rotations int64
		at        time.Duration
	}{
		"once more":                        {0, 90 * time.Minute},
		"one rotation":                     {1, 90 * time.Minute},
		"too soon":                         {2, time.Hour - time.Millisecond},
		"the successor's successor exists": {3, -1},
	} {
		k.redeemed(string(id), g)
		k.rotated(lateRotation(id, 0, now))
		k.rotated(lateRotation(id, 0, now.Add(time.Minute)))
		for generation := range tt.rotations {
			k.rotated(lateRotation(id, generation+1, now.Add(time.Minute)))
		}
		presented, at := tt.rotations, now.Add(time.Minute+tt.at)
		if tt.at < 0 {
			presented, at = presented-1, now.Add(90*time.Minute)
		}
		_, err := k.db.Rotate(k.ctx, lateRotation(id, presented, at))
		k.is(err, authz.ErrReused)
		equal(k, "the family, "+string(id), k.rows("gh_families", "id = $1 AND ended_at = $2", string(id), at.UnixMilli()), 1)
	}

	k.redeemed("off", g)
	k.rotated(rotation("off", global.ID, 0, now))
	_, err := k.db.Rotate(k.ctx, rotation("off", global.ID, 0, late))
	k.is(err, authz.ErrReused)
}

// testLateRetryRace is an application that was killed and asks in parallel after its restart, at two processes.
func testLateRetryRace(k *kit) {
	f := k.connected()
	k.rotated(lateRotation(f.ID, 0, now.Add(-time.Hour)))
	k.count.reset()
	var late atomic.Int64
	k.together(64, func(_ int, db *store.DB) {
		r := lateRotation(f.ID, 0, k.at(db))
		r.Rule.Grace = time.Minute
		switch got, err := db.Rotate(k.ctx, r); {
		case err != nil:
			k.Error(err)
		case !got.Retry || got.Family.Generation != 1 || got.Subject.User != ada.ID:
			k.Errorf("got %+v, want the one successor", got)
		default:
			raise(&late, got.Family.LateRetryAt.UnixMilli())
		}
	})
	equal(k, "late retries", k.rows("gh_audit", "kind = 'refresh.retried'"), 1)
	equal(k, "the family", k.rows("gh_families", "id = 'f1' AND ended_at = 0 AND late_retry_at = $1", late.Load()), 1)
	equal(k, "commits", k.count.get("commit"), 1)
}
