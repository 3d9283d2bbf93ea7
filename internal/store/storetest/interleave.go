package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A step is a unit of work that meets another, and what it may answer besides success.
type step struct {
	name string
	do   func(ctx context.Context, db *store.DB) error
	may  error
}

// A meeting is two units of work at the same time, and what must be so when both have returned, whichever was first.
// The first process does a, and the second, whose clock is behind, does b.
type meeting struct {
	a, b  step
	check func(k *kit)
}

// testInterleavings starts one unit of work before each statement of another, and before its commit; then the other way
// round. It needs row locks: with a single writer, units of work do not overlap.
func testInterleavings(k *kit) {
	if k.h.Waiting == nil {
		k.Skip("units of work do not overlap on this database")
	}
	for _, m := range k.meetings() {
		k.interleave(m.a, k.db, m.b, k.second(), m.check)
		k.interleave(m.b, k.second(), m.a, k.db, m.check)
	}
}

// interleave lets inner begin on innerDB at each statement of outer on outerDB.
func (k *kit) interleave(outer step, outerDB *store.DB, inner step, innerDB *store.DB, check func(k *kit)) {
	k.Helper()
	for point := 1; ; point++ {
		k.wipe()
		k.populate()
		g := k.granted("g1", ada, global, acme, "read")
		k.redeemed("f-old", g)
		k.redeemed("f-late", g)
		_, err := k.h.SQL(k.db).ExecContext(k.ctx, "UPDATE gh_families SET generation = 1, rotated_at = $1 WHERE id = 'f-late'", now.Add(-time.Hour).UnixMilli())
		k.ok(err)
		k.invite(acme, deesEmail, ada.ID)
		var innerErr error
		innerDone := make(chan struct{})
		reached := 0
		k.h.Fail(outerDB, func(string) error {
			if reached++; reached == point {
				go func() {
					defer close(innerDone)
					innerErr = inner.do(k.ctx, innerDB)
				}()
				k.untilDoneOrWaiting(innerDone)
			}
			return nil
		})
		outerErr := outer.do(k.ctx, outerDB)
		k.h.Fail(outerDB, nil)
		if reached < point {
			return
		}
		<-innerDone
		for s, err := range map[*step]error{&outer: outerErr, &inner: innerErr} {
			if err != nil && !errors.Is(err, s.may) {
				k.Fatalf("%s begins at step %d of %s: %s answers %v", inner.name, point, outer.name, s.name, err)
			}
		}
		check(k)
	}
}

// untilDoneOrWaiting returns when a unit of work has ended or waits for a lock that somebody else has.
func (k *kit) untilDoneOrWaiting(done <-chan struct{}) {
	k.Helper()
	for {
		select {
		case <-done:
			return
		case <-k.ctx.Done():
			return
		case <-time.After(time.Millisecond):
			if k.h.Waiting(k.h.SQL(k.db)) {
				return
			}
		}
	}
}

// wipe removes everything. Only where k.h.SQL can write.
func (k *kit) wipe() {
	k.Helper()
	for _, table := range []string{"gh_teams", "gh_clients", "gh_users", "gh_throttle", "gh_keyring", "gh_endings", "gh_assertions", "gh_used_requests", "gh_former_slugs", "gh_links", "gh_notices", "gh_audit"} {
		_, err := k.h.SQL(k.db).ExecContext(k.ctx, "DELETE FROM "+table)
		k.ok(err)
	}
}

// meetings is the pairs of units of work that must not slip past each other.
func (k *kit) meetings() []meeting {
	save := step{"SaveGrant", func(ctx context.Context, db *store.DB) error {
		_, err := db.SaveGrant(ctx, grant("g-new", ada, global, acme, "write"), false)
		return err
	}, authz.ErrNotLive}
	first := step{"SaveGrant of a new grant", func(ctx context.Context, db *store.DB) error {
		_, err := db.SaveGrant(ctx, grant("g-first", bob, global, acme, "write"), false)
		return err
	}, authz.ErrNotLive}
	more := step{"another SaveGrant", func(ctx context.Context, db *store.DB) error {
		_, err := db.SaveGrant(ctx, grant("g-more", bob, global, acme, "more"), false)
		return err
	}, nil}
	redeem := step{"Redeem", func(ctx context.Context, db *store.DB) error {
		f := family("f1", grant("g1", ada, global, acme, "read"))
		f.TokenDeadAt = now.Add(40 * time.Minute)
		_, err := db.Redeem(ctx, f)
		return err
	}, authz.ErrNotLive}

	burn := step{"Burn", func(ctx context.Context, db *store.DB) error {
		return db.Burn(ctx, family("f1", grant("g1", ada, global, acme, "read")))
	}, nil}

	rotate := step{"Rotate", func(ctx context.Context, db *store.DB) error {
		_, err := db.Rotate(ctx, rotation("f-old", global.ID, 0, now.Add(time.Minute)))
		return err
	}, authz.ErrNoFamily}

	retryLate := step{"Rotate, a late retry", func(ctx context.Context, db *store.DB) error {
		_, err := db.Rotate(ctx, lateRotation("f-late", 0, now.Add(time.Minute)))
		return err
	}, authz.ErrNoFamily}

	list := append(append(invitationMeetings(), slugMeetings()...), rotateTwice(rotate), k.rotateMeetsEndFamily(rotate), retryLateTwice(retryLate))
	for _, end := range k.enders() {
		nothingLeft := func(k *kit) {
			k.Helper()
			equal(k, "grants that outlive "+end.name, k.rows("gh_grants", "1 = 1"), 0)
			equal(k, "families that outlive "+end.name, k.rows("gh_families", "1 = 1"), 0)
			// The grant had families, so its end is told; and for as long as the last token lives, if the other was first.
			equal(k, "endings of the grant", k.rows("gh_endings", "kind = 'grant' AND id = 'g1'"), 1)
			equal(k, "endings that outlive the token of a refresh", k.rows("gh_endings", "expires_at = $1", now.Add(31*time.Minute+grace).UnixMilli()),
				k.rows("gh_audit", "kind IN ('token.refreshed', 'refresh.retried')"))
			equal(k, "endings that outlive the token of a redemption", k.rows("gh_endings", "expires_at = $1", now.Add(40*time.Minute).UnixMilli()),
				k.rows("gh_audit", "kind = 'token.issued' AND family_id = 'f1'"))
		}
		list = append(list, meeting{redeem, end, nothingLeft}, meeting{rotate, end, nothingLeft}, meeting{retryLate, end, nothingLeft})
		if end.name != "RevokeGrant" { // after which a new grant may be made
			list = append(list, meeting{save, end, nothingLeft})
		}
	}
	for _, end := range k.enders()[:3] {
		list = append(list, meeting{first, end, func(k *kit) {
			k.Helper()
			equal(k, "grants that outlive "+end.name, k.rows("gh_grants", "1 = 1"), 0)
		}})
	}
	return append(append(list, k.machineMeetings()...), meeting{burn, revoke, func(k *kit) {
		k.Helper()
		equal(k, "families of a grant that has ended", k.rows("gh_families", "1 = 1"), 0)
	}},
		meeting{first, more, func(k *kit) {
			k.Helper()
			equal(k, "grants", k.rows("gh_grants", "user_id = 'u-bob' AND scope IN ('write more', 'more write')"), 1)
		}},
		replayMeeting(redeem), burnMeeting(redeem, burn), sessionMeeting(), secretMeeting(), throttleMeeting(), memberMeeting(), clientMeeting())
}

var revoke = step{"RevokeGrant", func(ctx context.Context, db *store.DB) error { return db.RevokeGrant(ctx, "g1") }, nil}

// enders is everything that ends Ada's grant of the global client in Acme, at the time of the process that does it. The first three end Bob's too.
func (k *kit) enders() []step {
	return []step{
		{"DisableClient", func(ctx context.Context, db *store.DB) error { return db.DisableClient(ctx, global.ID, k.at(db)) }, nil},
		{"Block", func(ctx context.Context, db *store.DB) error {
			return block(ctx, db, acme.ID, global.ID, "")
		}, nil},
		{"RemoveTeam", func(ctx context.Context, db *store.DB) error { return db.RemoveTeam(ctx, acme.ID, "", nil) }, nil},
		{"RemoveClient", func(ctx context.Context, db *store.DB) error { return db.RemoveClient(ctx, global.ID) }, nil},
		{"DisableUser", func(ctx context.Context, db *store.DB) error { return db.DisableUser(ctx, ada.ID, k.at(db)) }, nil},
		{"RemoveUser", func(ctx context.Context, db *store.DB) error {
			_, err := db.RemoveUser(ctx, ada.ID, k.at(db), nil)
			return err
		}, nil},
		{"ChangeMembers", func(ctx context.Context, db *store.DB) error { return changeMember(ctx, db, ada.ID, "") }, nil},
		{"RemoveMember", func(ctx context.Context, db *store.DB) error { return db.RemoveMember(ctx, acme.ID, ada.ID) }, nil},
		revoke,
	}
}

// machineEnders is everything that ends Acme's machine, at the time of the process that does it. After the first two the client is still there.
func (k *kit) machineEnders() []step {
	return []step{
		{"DisableClient", func(ctx context.Context, db *store.DB) error { return db.DisableClient(ctx, acmes.ID, k.at(db)) }, nil},
		{"Block", func(ctx context.Context, db *store.DB) error {
			return block(ctx, db, acme.ID, acmes.ID, "")
		}, nil},
		{"RemoveClient", func(ctx context.Context, db *store.DB) error { return db.RemoveClient(ctx, acmes.ID) }, nil},
		{"RemoveTeam", func(ctx context.Context, db *store.DB) error { return db.RemoveTeam(ctx, acme.ID, "", nil) }, nil},
	}
}

// machineMeetings is a machine's token and everything that ends the machine. The end is published in either order, and it is not before the token.
func (k *kit) machineMeetings() (list []meeting) {
	issue := step{"IssueMachine", func(ctx context.Context, db *store.DB) error { return db.IssueMachine(ctx, acmes.ID, now, nil) }, authz.ErrNotLive}
	for _, end := range k.machineEnders() {
		end.name += " of a machine"
		list = append(list, meeting{issue, end, func(k *kit) {
			k.Helper()
			equal(k, "endings of the machine", k.rows("gh_endings", "kind = 'client' AND id = 'c-acme'"), 1)
			equal(k, "endings of the machine that are not before its token", k.rows("gh_endings", "kind = 'client' AND at >= $1", now.UnixMilli()),
				k.rows("gh_audit", "kind = 'token.machine'"))
			k.is(k.db.IssueMachine(k.ctx, acmes.ID, now, nil), authz.ErrNotLive)
		}})
	}
	return list
}

func rotateTwice(rotate step) meeting {
	return meeting{rotate, rotate, func(k *kit) {
		k.Helper()
		equal(k, "refreshes", k.rows("gh_families", "id = 'f-old' AND generation = 1 AND ended_at = 0"), 1)
		equal(k, "their events", k.rows("gh_audit", "kind = 'token.refreshed'"), 1)
	}}
}

func retryLateTwice(retryLate step) meeting {
	return meeting{retryLate, retryLate, func(k *kit) {
		k.Helper()
		equal(k, "late retries", k.rows("gh_families", "id = 'f-late' AND generation = 1 AND late_retry_at > 0 AND ended_at = 0"), 1)
		equal(k, "their events", k.rows("gh_audit", "kind = 'refresh.retried'"), 1)
	}}
}

func (k *kit) rotateMeetsEndFamily(rotate step) meeting {
	end := step{"EndFamily", func(ctx context.Context, db *store.DB) error {
		_, err := db.EndFamily(ctx, "f-old", global.ID, k.at(db))
		return err
	}, nil}
	return meeting{rotate, end, func(k *kit) {
		k.Helper()
		equal(k, "families that ended", k.rows("gh_families", "id = 'f-old' AND ended_at > 0"), 1)
		equal(k, "endings", k.rows("gh_endings", "kind = 'family'"), 1)
		equal(k, "endings that outlive the token of a refresh", k.rows("gh_endings", "expires_at = $1", now.Add(31*time.Minute+grace).UnixMilli()),
			k.rows("gh_audit", "kind = 'token.refreshed'"))
	}}
}

func replayMeeting(redeem step) meeting {
	redeem.may = authz.ErrReplayed
	return meeting{redeem, redeem, func(k *kit) {
		k.Helper()
		equal(k, "families that ended", k.rows("gh_families", "id = 'f1' AND ended_at > 0"), 1)
	}}
}

func burnMeeting(redeem, burn step) meeting {
	redeem.may = authz.ErrReplayed
	return meeting{redeem, burn, func(k *kit) {
		k.Helper()
		equal(k, "families", k.rows("gh_families", "id = 'f1'"), 1)
	}}
}

func sessionMeeting() meeting {
	return meeting{
		step{"StartSession", func(ctx context.Context, db *store.DB) error { return db.StartSession(ctx, session("s1", ada), "s0") }, authn.ErrSignInFailed},
		step{"DisableUser", func(ctx context.Context, db *store.DB) error { return db.DisableUser(ctx, ada.ID, now) }, nil},
		func(k *kit) {
			k.Helper()
			equal(k, "sessions that outlive DisableUser", k.rows("gh_sessions", "1 = 1"), 0)
		},
	}
}

func secretMeeting() meeting {
	add := func(hash string) step {
		return step{"AddClientSecret", func(ctx context.Context, db *store.DB) error {
			return db.AddClientSecret(ctx, global.ID, client.Secret{Hash: hash, CreatedAt: now}, 1)
		}, nil}
	}
	return meeting{add("x"), add("y"), func(k *kit) {
		k.Helper()
		equal(k, "secrets", k.rows("gh_client_secrets", "hash IN ('x', 'y')"), 2)
		equal(k, "older secrets", k.rows("gh_client_secrets", "hash = 'hash-1'"), 0)
	}}
}

func throttleMeeting() meeting {
	errFull := errors.New("full")
	count := func(first, second string) step {
		return step{"Count", func(ctx context.Context, db *store.DB) error {
			refusal, err := db.Count(ctx, []limit.Bucket{{Key: first, Limit: 1, Window: time.Hour}, {Key: second, Limit: 1, Window: time.Hour}}, now)
			if err == nil && refusal.Wait > 0 {
				return errFull
			}
			return err
		}, errFull}
	}
	return meeting{count("a", "b"), count("b", "a"), func(k *kit) {
		k.Helper()
		equal(k, "buckets with one failure", k.rows("gh_throttle", "failures = 1"), 2)
	}}
}

func memberMeeting() meeting {
	return meeting{
		step{"AddMember", func(ctx context.Context, db *store.DB) error {
			return db.AddMember(ctx, team.Membership{User: bob.ID, Team: beta, Role: team.Member, CreatedAt: now})
		}, team.ErrNoTeam},
		step{"RemoveTeam", func(ctx context.Context, db *store.DB) error { return db.RemoveTeam(ctx, beta.ID, "", nil) }, nil},
		func(k *kit) {
			k.Helper()
			equal(k, "members of a team that is gone", k.rows("gh_memberships", "team_id = 't-beta'"), 0)
		},
	}
}

func clientMeeting() meeting {
	return meeting{
		step{"AddClient", func(ctx context.Context, db *store.DB) error {
			return db.AddClient(ctx, client.Client{ID: "c-new", Name: "new", Team: beta, Secrets: []client.Secret{{Hash: "x"}}})
		}, team.ErrNoTeam},
		step{"RemoveTeam", func(ctx context.Context, db *store.DB) error { return db.RemoveTeam(ctx, beta.ID, "", nil) }, nil},
		func(k *kit) {
			k.Helper()
			equal(k, "clients of a team that is gone", k.rows("gh_clients", "id = 'c-new'"), 0)
		},
	}
}
