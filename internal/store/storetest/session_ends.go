package storetest

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// signedIn starts a session in place of another one, and connects an application in it that wants to hear of its end.
func (k *kit) signedIn(id string, user team.User, expires time.Time, replaces string) (sid string) {
	k.Helper()
	s := authn.Session{ID: id, Public: "sid of " + id, User: user, AuthTime: now, Methods: []string{"pwd"}, ExpiresAt: expires}
	k.ok(k.db.StartSession(k.ctx, s, replaces))
	var saved string
	k.ok(k.h.SQL(k.db).QueryRowContext(k.ctx, `SELECT sid FROM gh_sessions WHERE id = $1`, id).Scan(&saved))
	listener := client.Client{ID: "c-listens", Name: "Listener", BackchannelLogoutURI: "https://listener.example/logout", CreatedAt: now}
	if _, err := k.db.Client(k.ctx, listener.ID); errors.Is(err, client.ErrNoClient) {
		k.ok(k.db.AddClient(k.ctx, listener))
	}
	g := k.granted("g-"+id, user, listener, acme, "openid")
	f := family("f-"+id, authz.Grant{ID: g.ID, Client: g.Client, Scope: oauth.Scope{"openid"}})
	f.SessionID = saved
	_, err := k.db.Redeem(k.ctx, f)
	k.ok(err)
	return saved
}

// heard is the back-channel logouts since the last call, sorted: "PERSON CLIENT SID".
func (k *kit) heard() (list []string) {
	k.Helper()
	for _, m := range k.due(now, later) {
		if m.Kind == outbox.BackchannelLogout {
			list = append(list, m.User+" "+m.Client+" "+m.SessionID)
		}
		k.ok(k.db.Delivered(k.ctx, m.ID))
	}
	slices.Sort(list)
	return list
}

// sessionEvents is the events that say that a session has ended: "KIND USER by ACTOR".
func (k *kit) sessionEvents() (list []string) {
	k.Helper()
	for _, kind := range []audit.Kind{audit.SignedOut, audit.SessionExpired} {
		for _, e := range k.events(audit.Filter{Kind: kind}) {
			list = append(list, string(e.Kind)+" "+e.User+" by "+e.Actor)
		}
	}
	return list
}

// testEndOfASessionIsTold: the applications that were connected in a session hear of its end, however it ends, and once.
func testEndOfASessionIsTold(k *kit) {
	k.populate()
	hour := now.Add(time.Hour)

	k.signedIn("s1", ada, hour, "")
	k.signedIn("s2", bob, hour, "s1")
	equal(k, "told when another person signs in", k.heard(), []string{"u-ada c-listens sid of s1"})
	equal(k, "events when another person signs in", k.sessionEvents(), []string{"sign_out u-ada by u-bob"})

	equal(k, "the sid when the same person signs in again", k.signedIn("s3", bob, hour, "s2"), "sid of s2")
	equal(k, "told when the same person signs in again", k.heard(), nil)
	k.ok(k.db.EndSession(k.ctx, "s3"))
	equal(k, "told of the sign-out", k.heard(), []string{"u-bob c-listens sid of s2"})

	k.signedIn("s4", bob, now, "")
	equal(k, "the sid after an expired session", k.signedIn("s5", bob, hour, "s4"), "sid of s5")
	equal(k, "told of the expired session", k.heard(), []string{"u-bob c-listens sid of s4"})
	equal(k, "events", k.sessionEvents(), []string{"sign_out u-bob by u-bob", "sign_out u-ada by u-bob", "session.expired u-bob by "})
}

// testExpiryOfASessionIsTold: Prune tells, even if it fails at first, and however many processes prune.
func testExpiryOfASessionIsTold(k *kit) {
	k.populate()
	k.signedIn("s1", ada, now, "")
	k.signedIn("s2", bob, now, "")
	k.signedIn("s3", bob, now.Add(time.Millisecond), "")
	legacy := session("s4", ada) // of before the sid was kept
	legacy.ExpiresAt = now
	k.ok(k.db.StartSession(k.ctx, legacy, ""))
	f := family("f-s4", authz.Grant{ID: "g-s1", Client: "c-listens", Scope: oauth.Scope{"openid"}})
	f.SessionID = legacy.SID()
	_, err := k.db.Redeem(k.ctx, f)
	k.ok(err)

	errInjected := errors.New("injected")
	steps := int64(1 + 3*3) // the list; then for each session its end, the event and the messages
	for n := int64(1); n <= steps+1; n++ {
		var seen atomic.Int64
		k.h.Fail(k.db, func(string) error {
			if step := seen.Add(1); step == n || step == 2*n {
				return errInjected
			}
			return nil
		})
		_, err := k.db.Prune(k.ctx, now, 100)
		k.h.Fail(k.db, nil)
		k.is(err, errInjected)
		equal(k, "sessions after a failure", k.rows("gh_sessions", "1 = 1"), 4)
		equal(k, "told after a failure", k.heard(), nil)
	}
	k.together(8, func(_ int, db *store.DB) {
		if _, err := db.Prune(k.ctx, now, 2); err != nil {
			k.Error(err)
		}
		if _, err := db.Prune(k.ctx, now, 100); err != nil {
			k.Error(err)
		}
	})
	must[int](k)(k.db.Prune(k.ctx, now, 100)) // those that were skipped because another process held them
	equal(k, "told", k.heard(), []string{"u-ada c-listens " + legacy.SID(), "u-ada c-listens sid of s1", "u-bob c-listens sid of s2"})
	equal(k, "events", len(k.sessionEvents()), 3)
	equal(k, "sessions that have not expired", k.rows("gh_sessions", "1 = 1"), 1)
	must[int](k)(k.db.Prune(k.ctx, now, 100))
	equal(k, "told again", k.heard(), nil)
}
