package storetest

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
)

// kept is something that is stored until a time.
type kept struct {
	table, condition string
	until            time.Time
}

// testKeptUntil prunes a millisecond before the end of each kind of row, and at it.
func testKeptUntil(k *kit) {
	f := k.connected()
	s := session("s1", ada)
	s.ExpiresAt = now.Add(50 * time.Minute)
	k.ok(k.db.StartSession(k.ctx, s, ""))
	_, err := k.db.Count(k.ctx, []limit.Bucket{{Key: "a", Limit: 9, Window: 7 * time.Minute}}, now)
	k.ok(err)
	k.ok(k.db.UseAssertion(k.ctx, global.ID, "jti", now.Add(11*time.Minute)))
	k.ok(k.db.PushRequest(k.ctx, authz.PushedRequest{ID: "p", Client: global.ID, ExpiresAt: now.Add(90 * time.Second)}, 9))
	k.ok(k.db.UseRequest(k.ctx, "r", now.Add(12*time.Minute)))
	k.ok(k.db.EndToken(k.ctx, "m.1", acmes.ID, now, now.Add(13*time.Minute)))
	k.redeemed("f-ended", authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope})
	must[bool](k)(k.db.EndFamily(k.ctx, "f-ended", f.Client, now))
	burnt := family("f-burnt", authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope})
	burnt.ExpiresAt = now.Add(2 * time.Minute)
	k.ok(k.db.Burn(k.ctx, burnt))
	k.rotated(rotation(f.ID, f.Client, 0, now))
	k.rotated(rotation(f.ID, f.Client, 1, now))
	_, err = k.db.Rotate(k.ctx, rotation(f.ID, f.Client, 0, now)) // tells the person by mail
	k.is(err, authz.ErrReused)

	for _, row := range []kept{
		{"gh_pushed_requests", "id = 'p'", now.Add(90 * time.Second)},
		{"gh_families", "id = 'f-burnt'", burnt.ExpiresAt},
		{"gh_throttle", "bucket = 'a'", now.Add(7 * time.Minute)},
		{"gh_assertions", "client_id = 'c-global'", now.Add(11 * time.Minute)},
		{"gh_used_requests", "id = 'r'", now.Add(12 * time.Minute)},
		{"gh_endings", "kind = 'token'", now.Add(13 * time.Minute)},
		{"gh_endings", "id = 'f-ended'", now.Add(30 * time.Minute)},
		{"gh_sessions", "id = 's1'", s.ExpiresAt},
		// Its tokens are dead after 30 minutes, but its code must not be redeemed again: an hour is more than a code can live.
		{"gh_families", "id = 'f-ended'", now.Add(time.Hour)},
		{"gh_notices", "kind = 'mail.replayed'", now.Add(72 * time.Hour)},
	} {
		must[int](k)(k.db.Prune(k.ctx, row.until.Add(-time.Millisecond), 100))
		equal(k, row.table+" "+row.condition+" just before its end", k.rows(row.table, row.condition), 1)
		must[int](k)(k.db.Prune(k.ctx, row.until, 100))
		equal(k, row.table+" "+row.condition+" at its end", k.rows(row.table, row.condition), 0)
	}
}

// testEndedFamilyIsKept: a family that has ended outlives its access tokens by an hour, however long it could have lived; and one whose own end is nearer is not kept longer.
func testEndedFamilyIsKept(k *kit) {
	g := authz.Grant{ID: k.connected().Grant, Client: global.ID}
	for name, tt := range map[string]struct{ expires, tokenDead, want time.Duration }{
		"long lived":        {1000 * time.Hour, 30 * time.Minute, 90 * time.Minute},
		"tokens are dead":   {1000 * time.Hour, -30 * time.Minute, time.Hour},
		"its end is nearer": {10 * time.Minute, 30 * time.Minute, 10 * time.Minute},
		"nearer than both":  {80 * time.Minute, 30 * time.Minute, 80 * time.Minute},
	} {
		f := family("f-"+name, g)
		f.ExpiresAt, f.TokenDeadAt = now.Add(tt.expires), now.Add(tt.tokenDead)
		_, err := k.db.Redeem(k.ctx, f)
		k.ok(err)
		equal(k, "ending the family that "+name, must[bool](k)(k.db.EndFamily(k.ctx, f.ID, f.Client, now)), true)
		equal(k, name, k.rows("gh_families", "id = $1 AND expires_at = $2", string(f.ID), now.Add(tt.want).UnixMilli()), 1)
	}
}

// testTimesAtTheirBound: what lives until a time does not live at it.
func testTimesAtTheirBound(k *kit) {
	f := k.connected()
	s := session("s1", ada)
	k.ok(k.db.StartSession(k.ctx, s, ""))
	must[authn.Session](k)(k.db.Session(k.ctx, s.ID, s.ExpiresAt.Add(-time.Millisecond)))
	_, err := k.db.Session(k.ctx, s.ID, s.ExpiresAt)
	k.is(err, authn.ErrNoSession)

	must[authz.Connection](k)(k.db.Connection(k.ctx, f.ID, f.ExpiresAt.Add(-time.Millisecond)))
	_, err = k.db.Connection(k.ctx, f.ID, f.ExpiresAt)
	k.is(err, authz.ErrNoFamily)
	_, err = k.db.Rotate(k.ctx, rotation(f.ID, f.Client, 0, f.ExpiresAt))
	k.is(err, authz.ErrNoFamily)
	r := k.rotated(rotation(f.ID, f.Client, 0, f.ExpiresAt.Add(-time.Millisecond)))

	// The grace includes its last millisecond and nothing after it.
	equal(k, "a retry in the grace's last millisecond", k.rotated(rotation(f.ID, f.Client, 0, r.Family.RotatedAt.Add(grace))).Retry, true)
	_, err = k.db.Rotate(k.ctx, rotation(f.ID, f.Client, 0, r.Family.RotatedAt.Add(grace+time.Millisecond)))
	k.is(err, authz.ErrReused)

	// An ending is told until the last token is dead.
	dead := must[[]authz.Ending](k)(k.db.Endings(k.ctx, now))[0].Expires
	equal(k, "endings just before", len(must[[]authz.Ending](k)(k.db.Endings(k.ctx, dead.Add(-time.Millisecond)))), 1)
	equal(k, "endings at the end", len(must[[]authz.Ending](k)(k.db.Endings(k.ctx, dead))), 0)

	// A window of failures is over when its time is.
	bucket := []limit.Bucket{{Key: "b", Limit: 1, Window: time.Minute}}
	count := func(at time.Time) time.Duration {
		k.Helper()
		return must[limit.Refusal](k)(k.db.Count(k.ctx, bucket, at)).Wait
	}
	equal(k, "the first failure", count(now), 0)
	equal(k, "just before the window is over", count(now.Add(time.Minute-time.Millisecond)), time.Millisecond)
	equal(k, "when it is", count(now.Add(time.Minute)), 0)
}
