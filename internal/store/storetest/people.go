package storetest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

func testUsers(k *kit) {
	k.ok(k.db.AddUser(k.ctx, bob))
	k.ok(k.db.AddUser(k.ctx, ada))
	k.is(k.db.AddUser(k.ctx, team.User{ID: "another", Email: ada.Email}), team.ErrUserTaken)
	k.is(k.db.AddUser(k.ctx, team.User{ID: ada.ID, Email: "another@example.com"}), team.ErrUserTaken)

	equal(k, "User", must[team.User](k)(k.db.User(k.ctx, ada.ID)), ada)
	equal(k, "UserByEmail", must[team.User](k)(k.db.UserByEmail(k.ctx, bob.Email)), bob)
	equal(k, "Users", must[[]team.User](k)(k.db.Users(k.ctx)), []team.User{ada, bob})

	_, err := k.db.User(k.ctx, "nobody")
	k.is(err, team.ErrNoUser)
	typed := team.User{ID: "u-typed", Email: "J\u00d6rg@M\u00fcller.example", Name: "J", CreatedAt: now}
	k.ok(k.db.AddUser(k.ctx, typed))
	for _, email := range []string{typed.Email, "jo\u0308rg@mu\u0308ller.example", "j\u00f6rg@xn--mller-kva.example"} {
		equal(k, "UserByEmail "+email, must[team.User](k)(k.db.UserByEmail(k.ctx, email)), typed)
		k.is(k.db.AddUser(k.ctx, team.User{ID: "u-twice", Email: email, Name: "J", CreatedAt: now}), team.ErrUserTaken)
	}
	_, err = k.db.UserByEmail(k.ctx, "nobody@example.com")
	k.is(err, team.ErrNoUser)
}

func testDisableUser(k *kit) {
	k.populate()
	mine := k.granted("g1", ada, global, acme, "read")
	other := k.granted("g2", bob, global, acme, "read")
	k.redeemed("f1", mine)
	k.redeemed("f2", other)
	k.ok(k.db.StartSession(k.ctx, session("s1", ada), ""))
	k.ok(k.db.StartSession(k.ctx, session("s2", bob), ""))

	k.ok(k.db.DisableUser(k.ctx, ada.ID, later))
	equal(k, "DisabledAt", must[team.User](k)(k.db.User(k.ctx, ada.ID)).DisabledAt, later)
	equal(k, "sessions of others", k.rows("gh_sessions", "id = 's2'"), 1)
	equal(k, "grants and families of others", k.rows("gh_families", "id = 'f2'"), 1)

	_, err := k.db.SaveGrant(k.ctx, grant("g3", ada, global, acme, "read"), false)
	k.is(err, authz.ErrNotLive)
	k.is(k.db.StartSession(k.ctx, session("s3", ada), ""), authn.ErrSignInFailed)

	k.ok(k.db.EnableUser(k.ctx, ada.ID))
	equal(k, "Enabled", must[team.User](k)(k.db.User(k.ctx, ada.ID)), ada)
	equal(k, "sessions revived", k.rows("gh_sessions", "user_id = 'u-ada'"), 0)
	equal(k, "grants revived", k.rows("gh_grants", "user_id = 'u-ada'"), 0)
	equal(k, "families revived", k.rows("gh_families", "id = 'f1'"), 0)
	equal(k, "memberships", len(must[[]team.Membership](k)(k.db.Memberships(k.ctx, ada.ID))), 2)

	k.is(k.db.DisableUser(k.ctx, "nobody", now), team.ErrNoUser)
	k.is(k.db.EnableUser(k.ctx, "nobody"), team.ErrNoUser)
}

// testRemoveUser: all that is a person's ends, and nothing of others.
func testRemoveUser(k *kit) {
	k.populate()
	mine, other := k.granted("g1", ada, global, acme, "read"), k.granted("g2", bob, global, acme, "read")
	k.redeemed("f1", mine)
	k.redeemed("f2", other)
	k.ok(k.db.StartSession(k.ctx, session("s1", ada), ""))
	k.ok(k.db.StartSession(k.ctx, session("s2", bob), ""))
	k.ok(k.db.SavePicture(k.ctx, ada.ID, team.Picture{Name: "ada"}))
	k.ok(saveProfile(k.ctx, k.db, ada.ID, ada.Name, team.Profile{Language: "de"}))
	k.ok(changeMember(k.ctx, k.db, ada.ID, team.Admin))
	must[authn.Session](k)(k.db.Session(k.ctx, "s1", now)) // and in the cache

	orphans := must[[]team.Orphan](k)(k.db.RemoveUser(k.ctx, ada.ID, now, nil))
	if len(orphans) == 0 || orphans[0].ID != acme.ID {
		k.Errorf("without an admin: %v, want Acme among them", orphans)
	}
	_, err := k.db.User(k.ctx, ada.ID)
	k.is(err, team.ErrNoUser)
	_, err = k.db.Session(k.ctx, "s1", now)
	k.is(err, authn.ErrNoSession)
	for _, table := range []string{"gh_sessions", "gh_grants", "gh_memberships", "gh_pictures", "gh_profiles"} {
		equal(k, "rows of hers in "+table, k.rows(table, "user_id = 'u-ada'"), 0)
	}
	equal(k, "families of hers", k.rows("gh_families", "id = 'f1'"), 0)
	equal(k, "published ends of her grants", k.rows("gh_endings", "id = 'g1'"), 1)
	equal(k, "what the audit trail says of her", k.rows("gh_audit", "user_id = 'u-ada' AND kind = 'user.removed'"), 1)
	equal(k, "sessions and families of others", k.rows("gh_sessions", "id = 's2'")+k.rows("gh_families", "id = 'f2'"), 2)
	_, err = k.db.RemoveUser(k.ctx, ada.ID, later, nil)
	k.is(err, team.ErrNoUser)
	k.is(k.db.StartSession(k.ctx, session("s3", ada), ""), authn.ErrSignInFailed)

	// Of two operators, one stays; one who is disabled does not count, and may go.
	for _, id := range []team.UserID{"u-op1", "u-op2", "u-op3"} {
		k.ok(k.db.AddUser(k.ctx, team.User{ID: id, Email: string(id) + "@example.com", Operator: true}))
	}
	k.ok(k.db.DisableUser(k.ctx, "u-op3", now))
	must[[]team.Orphan](k)(k.db.RemoveUser(k.ctx, bob.ID, now, nil)) // an operator too
	var gone, kept atomic.Int32
	k.together(2, func(i int, db *store.DB) {
		switch _, err := db.RemoveUser(k.ctx, []team.UserID{"u-op1", "u-op2"}[i], now, nil); {
		case err == nil:
			gone.Add(1)
		case errors.Is(err, team.ErrLastOperator):
			kept.Add(1)
		default:
			k.Error(err)
		}
	})
	equal(k, "operators who went", gone.Load(), 1)
	equal(k, "operators who stayed", kept.Load(), 1)
	must[[]team.Orphan](k)(k.db.RemoveUser(k.ctx, "u-op3", now, nil))
}

// testCloseAccount: what a person leaves behind is decided under the lock, and the teams that end go with them.
func testCloseAccount(k *kit) {
	k.populate()
	k.ok(changeMember(k.ctx, k.db, ada.ID, team.Admin))
	solo := team.Team{ID: "t-solo", Slug: "solo", Name: "Solo", CreatedAt: now}
	k.ok(k.db.CreateTeam(k.ctx, solo, ada.ID, 9))
	orphans, last, err := k.db.Leaves(k.ctx, ada.ID)
	k.ok(err)
	others := map[team.ID]int{}
	for _, o := range orphans {
		others[o.ID] = o.Others
	}
	equal(k, "others in Solo", others[solo.ID], 0)
	equal(k, "others in Acme", others[acme.ID] > 0, true)
	equal(k, "the last operator", last, false)

	refused := errors.New("refused")
	_, err = k.db.RemoveUser(k.ctx, ada.ID, now, func(got []team.Orphan) ([]team.ID, error) {
		equal(k, "what is decided about", got, orphans)
		return []team.ID{solo.ID}, refused
	})
	k.is(err, refused)
	equal(k, "the team stays", k.rows("gh_teams", "id = 't-solo'"), 1)
	must[[]team.Orphan](k)(k.db.RemoveUser(k.ctx, ada.ID, now, func([]team.Orphan) ([]team.ID, error) { return []team.ID{solo.ID}, nil }))
	equal(k, "the team is gone", k.rows("gh_teams", "id = 't-solo'"), 0)
	equal(k, "the other team stays", k.rows("gh_teams", "id = $1", string(acme.ID)), 1)
	_, err = k.db.User(k.ctx, ada.ID)
	k.is(err, team.ErrNoUser)
	equal(k, "the goodbye", k.rows("gh_notices", "kind = 'mail.account_closed' AND email = $1", ada.Email), 1)

	// Of the two admins of a team who close their accounts at once, one stays.
	crew := []team.UserID{"u-x", "u-y"}
	for _, id := range append(crew, "u-z") {
		k.ok(k.db.AddUser(k.ctx, team.User{ID: id, Email: string(id) + "@example.com"}))
	}
	ship := team.Team{ID: "t-ship", Slug: "ship", Name: "Ship", CreatedAt: now}
	k.ok(k.db.CreateTeam(k.ctx, ship, crew[0], 9))
	k.ok(k.db.AddMember(k.ctx, team.Membership{User: crew[1], Team: ship, Role: team.Admin, CreatedAt: now}))
	k.ok(k.db.AddMember(k.ctx, team.Membership{User: "u-z", Team: ship, Role: team.Member, CreatedAt: now}))
	var gone atomic.Int32
	k.together(2, func(i int, db *store.DB) {
		_, err := db.RemoveUser(k.ctx, crew[i], now, func(orphans []team.Orphan) ([]team.ID, error) {
			if len(orphans) > 0 {
				return nil, refused
			}
			return nil, nil
		})
		if err == nil {
			gone.Add(1)
		} else {
			k.is(err, refused)
		}
	})
	equal(k, "admins who went", gone.Load(), 1)
}

func testVerifyEmail(k *kit) {
	k.populate()
	k.ok(k.db.VerifyEmail(k.ctx, bob.ID, bob.Email))
	verified := bob
	verified.EmailVerified = true
	equal(k, "Bob", must[team.User](k)(k.db.User(k.ctx, bob.ID)), verified)
	k.ok(k.db.VerifyEmail(k.ctx, bob.ID, bob.Email))
	k.is(k.db.VerifyEmail(k.ctx, "u-off", bob.Email), team.ErrNoUser) // that is the address of another
	k.is(k.db.VerifyEmail(k.ctx, "nobody", bob.Email), team.ErrNoUser)
	for _, u := range must[[]team.User](k)(k.db.Users(k.ctx)) {
		equal(k, u.Email, u.EmailVerified, u.ID == ada.ID || u.ID == bob.ID)
	}
}

func testTeams(k *kit) {
	k.ok(k.db.AddTeam(k.ctx, beta))
	k.ok(k.db.AddTeam(k.ctx, acme))
	k.is(k.db.AddTeam(k.ctx, team.Team{ID: "another", Slug: "acme"}), team.ErrSlugTaken)
	equal(k, "Teams", must[[]team.Team](k)(k.db.Teams(k.ctx)), []team.Team{acme, beta})
	equal(k, "TeamBySlug", must[team.Team](k)(k.db.TeamBySlug(k.ctx, "beta")), beta)
	_, err := k.db.TeamBySlug(k.ctx, "nowhere")
	k.is(err, team.ErrNoTeam)

	k.is(renameTeam(k.ctx, k.db, acme.ID, "beta", "Acme"), team.ErrSlugTaken)
	k.is(renameTeam(k.ctx, k.db, "nowhere", "new", "New"), team.ErrNoTeam)
	k.ok(renameTeam(k.ctx, k.db, acme.ID, "apex", "Apex"))
	_, err = k.db.TeamBySlug(k.ctx, "acme")
	k.is(err, team.ErrNoTeam)
	renamed := team.Team{ID: acme.ID, Slug: "apex", Name: "Apex", CreatedAt: now}
	equal(k, "renamed", must[team.Team](k)(k.db.TeamBySlug(k.ctx, "apex")), renamed)
}

func testRemoveTeam(k *kit) {
	k.populate()
	gone := k.granted("g1", ada, global, acme, "read")
	stays := k.granted("g2", ada, global, beta, "read")
	k.redeemed("f1", gone)
	k.redeemed("f2", stays)
	k.ok(block(k.ctx, k.db, acme.ID, public.ID, "no"))

	k.ok(k.db.RemoveTeam(k.ctx, acme.ID, "", nil))
	_, err := k.db.Client(k.ctx, acmes.ID)
	k.is(err, client.ErrNoClient)
	equal(k, "memberships", k.rows("gh_memberships", "team_id = 't-acme'"), 0)
	equal(k, "blocks", k.rows("gh_team_applications", "1 = 1"), 0)
	equal(k, "families", k.rows("gh_families", "id = 'f1'"), 0)
	equal(k, "families elsewhere", k.rows("gh_families", "id = 'f2'"), 1)
	k.is(k.db.RemoveTeam(k.ctx, acme.ID, "", nil), team.ErrNoTeam)

	// A slug used again is another team.
	k.ok(k.openAt(func() time.Time { return now.Add(team.SlugRest) }).AddTeam(k.ctx, team.Team{ID: "t-new", Slug: "acme", Name: "Acme", CreatedAt: now}))
	_, err = k.db.Redeem(k.ctx, family("f3", gone))
	k.is(err, authz.ErrNotLive)
}

func testMembers(k *kit) {
	k.populate()
	k.is(k.db.AddMember(k.ctx, team.Membership{User: ada.ID, Team: acme, Role: team.Member}), team.ErrIsMember)
	k.is(k.db.AddMember(k.ctx, team.Membership{User: "nobody", Team: acme, Role: team.Member}), team.ErrNoUser)
	k.is(k.db.AddMember(k.ctx, team.Membership{User: ada.ID, Team: team.Team{ID: "nowhere"}, Role: team.Member}), team.ErrNoTeam)

	equal(k, "Members", must[[]team.Person](k)(k.db.Members(k.ctx, acme.ID)), []team.Person{
		{User: ada, Role: team.Admin, CreatedAt: now}, {User: bob, Role: team.Member, CreatedAt: now},
	})
	equal(k, "Members of nothing", must[[]team.Person](k)(k.db.Members(k.ctx, "nowhere")), nil)

	// By name, whatever the case: "apple" comes before "Beta".
	k.ok(renameTeam(k.ctx, k.db, acme.ID, "z", "apple"))
	apple := team.Team{ID: acme.ID, Slug: "z", Name: "apple", CreatedAt: now}
	equal(k, "Memberships", must[[]team.Membership](k)(k.db.Memberships(k.ctx, ada.ID)), []team.Membership{
		{User: ada.ID, Team: apple, Role: team.Admin, CreatedAt: now}, {User: ada.ID, Team: beta, Role: team.Member, CreatedAt: now},
	})
	equal(k, "Memberships of nobody", must[[]team.Membership](k)(k.db.Memberships(k.ctx, "nobody")), nil)
}

func testRemoveMember(k *kit) {
	k.populate()
	gone := k.granted("g1", ada, global, acme, "read")
	elsewhere := k.granted("g2", ada, global, beta, "read")
	others := k.granted("g3", bob, global, acme, "read")
	for id, g := range map[string]authz.Grant{"f1": gone, "f2": elsewhere, "f3": others} {
		k.redeemed(id, g)
	}
	k.ok(k.db.RemoveMember(k.ctx, acme.ID, ada.ID))
	equal(k, "grants and families", k.rows("gh_grants", "id = 'g1'")+k.rows("gh_families", "id = 'f1'"), 0)
	equal(k, "what stays", k.rows("gh_families", "id IN ('f2', 'f3')"), 2)
	k.is(k.db.RemoveMember(k.ctx, acme.ID, ada.ID), team.ErrNoMember)

	// Who comes back starts anew.
	k.ok(k.db.AddMember(k.ctx, team.Membership{User: ada.ID, Team: acme, Role: team.Member, CreatedAt: now}))
	_, err := k.db.Redeem(k.ctx, family("f4", gone))
	k.is(err, authz.ErrNotLive)
}

func session(id string, u team.User) authn.Session {
	return authn.Session{ID: id, User: u, AuthTime: now, Methods: []string{"pwd", "otp"}, ExpiresAt: now.Add(time.Hour)}
}

func testPasswords(k *kit) {
	k.populate()
	account := func(u team.User, hash string) {
		k.Helper()
		user, got, err := k.db.Password(k.ctx, u.Email)
		k.ok(err)
		equal(k, "Password's person", user, u)
		equal(k, "Password's hash", got, hash)
	}
	account(ada, "")
	k.ok(k.db.StartSession(k.ctx, session("s1", ada), ""))
	k.ok(k.db.StartSession(k.ctx, session("s2", bob), ""))
	k.ok(k.db.SetPassword(k.ctx, ada.ID, "hash", now))
	account(ada, "hash")
	equal(k, "sessions that ended", k.rows("gh_sessions", "id = 's1'"), 0)
	equal(k, "sessions of others", k.rows("gh_sessions", "id = 's2'"), 1)

	k.ok(k.db.StartSession(k.ctx, session("s1", ada), ""))
	k.ok(k.db.Rehash(k.ctx, ada.ID, "hash", "stronger"))
	account(ada, "stronger")
	equal(k, "sessions that ended", k.rows("gh_sessions", "id = 's1'"), 1)
	k.ok(k.db.Rehash(k.ctx, ada.ID, "hash", "late"))
	account(ada, "stronger")
	account(bob, "")

	_, _, err := k.db.Password(k.ctx, "nobody@example.com")
	k.is(err, team.ErrNoUser)
	k.is(k.db.SetPassword(k.ctx, "nobody", "hash", now), team.ErrNoUser)
}

func testSessions(k *kit) {
	k.populate()
	first, second := session("s1", ada), session("s2", ada)
	k.ok(k.db.StartSession(k.ctx, first, ""))
	equal(k, "Session", must[authn.Session](k)(k.db.Session(k.ctx, "s1", now)), first)
	last := first.ExpiresAt.Add(-time.Millisecond)
	equal(k, "Session at its last moment", must[authn.Session](k)(k.db.Session(k.ctx, "s1", last)), first)
	_, err := k.db.Session(k.ctx, "s1", first.ExpiresAt)
	k.is(err, authn.ErrNoSession)
	_, err = k.db.Session(k.ctx, "unknown", now)
	k.is(err, authn.ErrNoSession)

	k.ok(k.db.StartSession(k.ctx, second, "s1"))
	_, err = k.db.Session(k.ctx, "s1", now)
	k.is(err, authn.ErrNoSession)
	k.ok(k.db.EndSession(k.ctx, "s2"))
	k.ok(k.db.EndSession(k.ctx, "s2"))
	_, err = k.db.Session(k.ctx, "s2", now)
	k.is(err, authn.ErrNoSession)

	// The sid stays while the same person signs in again, before it was kept in the table and since, and is told when the session ends.
	sidOf := func(s authn.Session, replaces string) string {
		k.Helper()
		k.ok(k.db.StartSession(k.ctx, s, replaces))
		return must[authn.Session](k)(k.db.Session(k.ctx, s.ID, now)).SID()
	}
	public := func(id string, u team.User) authn.Session {
		s := session(id, u)
		s.Public = "sid of " + id
		return s
	}
	old := sidOf(session("s5", ada), "")
	equal(k, "the sid after signing in again", sidOf(public("s6", ada), "s5"), old)
	equal(k, "the sid after signing in once more", sidOf(public("s7", ada), "s6"), old)
	equal(k, "the sid of another person", sidOf(public("s8", bob), "s7"), "sid of s8")
	equal(k, "the sid of a browser that is new here", sidOf(public("s9", bob), ""), "sid of s9")
	equal(k, "the sid after one that has ended", sidOf(public("s10", bob), "s5"), "sid of s10")
	ended := public("s11", bob)
	ended.ExpiresAt = now
	k.ok(k.db.StartSession(k.ctx, ended, ""))
	equal(k, "the sid after one that has expired", sidOf(public("s12", bob), "s11"), "sid of s12")

	// One that cannot start ends nothing.
	k.ok(k.db.StartSession(k.ctx, session("s3", bob), ""))
	k.is(k.db.StartSession(k.ctx, session("s4", team.User{ID: "nobody"}), "s3"), authn.ErrSignInFailed)
	equal(k, "the session that was to be replaced", k.rows("gh_sessions", "id = 's3'"), 1)
}

func testThrottle(k *kit) {
	a := limit.Bucket{Key: "a", Limit: 2, Window: time.Minute}
	b := limit.Bucket{Key: "b", Limit: 3, Window: time.Hour}
	count := func(at time.Time, want time.Duration, buckets ...limit.Bucket) {
		k.Helper()
		equal(k, "wait", must[limit.Refusal](k)(k.db.Count(k.ctx, buckets, at)).Wait, want)
	}
	count(now, 0, b, a)
	count(now.Add(10*time.Second), 0, a, b)
	count(now.Add(15*time.Second), 45*time.Second, a, b) // a is full; b, which has room, gets nothing
	count(now.Add(20*time.Second), 0, b)
	count(now.Add(20*time.Second), time.Hour-20*time.Second, a, b) // both are full: the longer wait
	count(now.Add(time.Minute), time.Hour-time.Minute, b)
	count(now.Add(time.Minute), 0, a) // a new window

	k.ok(k.db.Uncount(k.ctx, []limit.Bucket{b, a}, now.Add(2*time.Minute)))
	count(now.Add(2*time.Minute), 0, b)
	count(now.Add(2*time.Minute), 58*time.Minute, b)
	k.ok(k.db.Uncount(k.ctx, []limit.Bucket{{Key: "unknown"}}, now))

	none := limit.Bucket{Key: "none", Limit: 0, Window: time.Minute}
	count(now, time.Minute, none)
	equal(k, "buckets saved by a refusal", k.rows("gh_throttle", "bucket = 'none'"), 0)

	// The first refusal of a window is told.
	first := func(at time.Time, want limit.Refusal) {
		k.Helper()
		equal(k, "refusal", must[limit.Refusal](k)(k.db.Count(k.ctx, []limit.Bucket{{Key: "told", Limit: 1, Window: time.Minute}}, at)), want)
	}
	first(now, limit.Refusal{})
	first(now, limit.Refusal{Wait: time.Minute, First: true})
	first(now.Add(time.Second), limit.Refusal{Wait: 59 * time.Second})
	k.ok(k.db.Uncount(k.ctx, []limit.Bucket{{Key: "told"}}, now.Add(time.Second)))
	first(now.Add(time.Second), limit.Refusal{}) // one was taken back, so there is room
	first(now.Add(time.Second), limit.Refusal{Wait: 59 * time.Second})
	first(now.Add(time.Minute), limit.Refusal{}) // a new window
	first(now.Add(time.Minute), limit.Refusal{Wait: time.Minute, First: true})

	// It never goes below nothing.
	fresh := limit.Bucket{Key: "fresh", Limit: 1, Window: time.Minute}
	count(now, 0, fresh)
	for range 3 {
		k.ok(k.db.Uncount(k.ctx, []limit.Bucket{fresh}, now))
	}
	count(now, 0, fresh)
	count(now, time.Minute, fresh)
}

// renameTeam gives a team a slug and a name.
func renameTeam(ctx context.Context, db *store.DB, id team.ID, slug, name string) error {
	_, err := db.UpdateTeam(ctx, id, "", func(t team.Team, _ team.Role) (team.Team, error) {
		t.Slug, t.Name = slug, name
		return t, nil
	})
	return err
}
