package storetest

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// openWrong opens the database as a process whose clock was wrong a moment ago, and is right now.
func (k *kit) openWrong() *store.DB {
	k.Helper()
	wrong := func(shown time.Time) (time.Time, bool) { return now, !shown.Equal(now) }
	db, err := store.Open(k.ctx, k.url, store.Options{Now: func() time.Time { return now }, WrongClock: wrong})
	k.ok(err)
	k.Cleanup(func() { db.Close() })
	return db
}

// testWrongClock: a process whose clock is wrong refuses nothing because of its clock, and ends nothing.
func testWrongClock(k *kit) {
	f := k.connected()
	k.ok(k.db.StartSession(k.ctx, session("s1", ada), ""))
	k.redeemed("f-ended", authz.Grant{ID: f.Grant, Client: f.Client, Scope: f.Scope})
	must[bool](k)(k.db.EndFamily(k.ctx, "f-ended", f.Client, now))
	wrong, ahead := k.openWrong(), now.Add(40*24*time.Hour)

	_, err := wrong.Connection(k.ctx, f.ID, ahead)
	k.is(err, token.ErrWrongClock)
	_, err = wrong.Connection(k.ctx, "f-ended", ahead)
	k.is(err, authz.ErrNoFamily)
	_, err = wrong.Session(k.ctx, "s1", ahead)
	k.is(err, token.ErrWrongClock)
	_, err = wrong.Session(k.ctx, "s2", ahead)
	k.is(err, authn.ErrNoSession)
	_, err = wrong.SignedInUser(k.ctx, "s1", f.Client, ahead)
	k.is(err, token.ErrWrongClock)
	k.forgotten("l1", ada.Email)
	_, err = wrong.Link(k.ctx, "l1", ahead)
	k.is(err, token.ErrWrongClock)
	k.is(wrong.ResetPassword(k.ctx, authn.Reset{Link: "l1", At: ahead}, anyReset), token.ErrWrongClock)
	_, err = wrong.Rotate(k.ctx, rotation(f.ID, f.Client, 0, ahead))
	k.is(err, token.ErrWrongClock)
	_, err = wrong.Rotate(k.ctx, rotation("f-ended", f.Client, 0, ahead))
	k.is(err, authz.ErrNoFamily)

	// A retry in the grace looks late to a clock that is an hour ahead, or behind.
	k.rotated(rotation(f.ID, f.Client, 0, now))
	for _, at := range []time.Time{now.Add(time.Hour), now.Add(-time.Hour)} {
		for _, r := range []authz.Rotation{rotation(f.ID, f.Client, 0, at), lateRotation(f.ID, 0, at)} {
			_, err = wrong.Rotate(k.ctx, r)
			k.is(err, token.ErrWrongClock)
		}
	}
	equal(k, "the retry at the other process", k.rotated(rotation(f.ID, f.Client, 0, now)).Retry, true)
	equal(k, "endings", k.rows("gh_families", "ended_at > 0"), 1)

	// Reuse that the clock does not decide ends the family.
	k.rotated(rotation(f.ID, f.Client, 1, now))
	_, err = wrong.Rotate(k.ctx, rotation(f.ID, f.Client, 0, now.Add(time.Hour)))
	k.is(err, authz.ErrReused)
}

// testClockBehindEndsNothing: a family does not expire because a process whose clock is far behind refreshes it.
func testClockBehindEndsNothing(k *kit) {
	f := k.connected()
	k.rotated(rotation(f.ID, f.Client, 0, now.Add(30*time.Minute)))
	expires := now.Add(150 * time.Minute)
	equal(k, "the expiry", k.rotated(rotation(f.ID, f.Client, 1, now.Add(-40*24*time.Hour))).Family.ExpiresAt, expires)
	equal(k, "pruned", must[int](k)(k.db.Prune(k.ctx, now.Add(time.Hour), 100)), 0)
	expires = now.Add(210 * time.Minute)
	equal(k, "the expiry after a use by the right clock", k.rotated(rotation(f.ID, f.Client, 2, now.Add(90*time.Minute))).Family.ExpiresAt, expires)
}
