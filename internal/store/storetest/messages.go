package storetest

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// due takes every notice that is due.
func (k *kit) due(at, retry time.Time) []outbox.Message {
	k.Helper()
	return must[[]outbox.Message](k)(k.db.DueMessages(k.ctx, at, retry, 100))
}

func testMail(k *kit) {
	k.populate()
	k.granted("g1", ada, global, acme, "read")
	k.granted("g2", ada, global, acme, "read", "write") // the same connection, wider
	got := k.due(now, later)
	equal(k, "notices", len(got), 1)
	equal(k, "the notice", got[0], outbox.Message{
		ID: got[0].ID, Kind: outbox.MailConnected, User: string(ada.ID), Client: string(global.ID), Team: string(acme.ID),
		CreatedAt: now, Tries: 1, NextTry: later, ExpiresAt: now.Add(72 * time.Hour),
	})
}

func testBackchannelLogout(k *kit) {
	k.populate()
	listener := client.Client{ID: "c-listens", Name: "Listener", BackchannelLogoutURI: "https://listener.example/logout", CreatedAt: now}
	k.ok(k.db.AddClient(k.ctx, listener))
	sid, other := authn.Session{ID: "s1"}.SID(), authn.Session{ID: "s2"}.SID()
	connect := func(id, sid string, g authz.Grant, scope ...string) {
		k.Helper()
		f := family(id, g)
		f.SessionID, f.Scope = sid, scope
		_, err := k.db.Redeem(k.ctx, f)
		k.ok(err)
	}
	inAcme, inBeta := k.granted("g1", ada, listener, acme, "openid", "read"), k.granted("g2", ada, listener, beta, "openid")
	connect("f1", sid, inAcme, "openid", "read")
	connect("f2", sid, inBeta, "openid")                                         // the same application and sign-in: told once
	connect("f3", sid, k.granted("g3", ada, global, acme, "openid"), "openid")   // does not listen
	connect("f4", other, inAcme, "openid")                                       // another sign-in
	connect("f5", sid, k.granted("g4", bob, listener, acme, "openid"), "openid") // cannot be, but is no reason to fail
	for _, id := range []string{"s1", "s2"} {
		k.ok(k.db.StartSession(k.ctx, session(id, ada), ""))
	}
	k.ok(k.db.RevokeGrant(k.ctx, "g4"))
	for _, n := range k.due(now, later) { // about the connections
		k.ok(k.db.Delivered(k.ctx, n.ID))
	}

	k.ok(k.db.EndSession(k.ctx, "unknown"))
	equal(k, "notices of a session that was not there", len(k.due(now, later)), 0)
	k.ok(k.db.EndSession(k.ctx, "s1"))
	logout := outbox.Message{
		Kind: outbox.BackchannelLogout, User: string(ada.ID), Client: string(listener.ID), SessionID: sid, CreatedAt: now, Tries: 1, NextTry: later, ExpiresAt: now.Add(24 * time.Hour),
	}
	got := k.due(now, later)
	equal(k, "notices after EndSession", len(got), 1)
	logout.ID = got[0].ID
	equal(k, "the notice", got[0], logout)

	k.ok(k.db.DisableUser(k.ctx, ada.ID, now))
	got = logouts(k.due(now, later))
	equal(k, "notices after DisableUser", len(got), 1) // s1's is there already
	logout.ID, logout.SessionID = got[0].ID, other
	equal(k, "the notice", got[0], logout)

	// A new password ends every sign-in as well.
	connect("f6", "sid of bob's", k.granted("g5", bob, listener, acme, "openid"), "openid")
	for _, n := range k.due(now, later) {
		k.ok(k.db.Delivered(k.ctx, n.ID))
	}
	k.ok(k.db.SetPassword(k.ctx, bob.ID, "hash", now))
	got = k.due(now, later)
	equal(k, "notices after SetPassword", len(got), 1)
	logout.ID, logout.User, logout.SessionID = got[0].ID, string(bob.ID), "sid of bob's"
	equal(k, "the notice", got[0], logout)
}

// logouts is the back-channel logouts of a list.
func logouts(list []outbox.Message) []outbox.Message {
	return slices.DeleteFunc(list, func(m outbox.Message) bool { return m.Kind != outbox.BackchannelLogout })
}

// told is who was told what, sorted: "KIND PERSON TEAM-NAME [APPLICATIONS]" for a mail, "PERSON CLIENT SID" for a logout.
func (k *kit) told() (list []string) {
	k.Helper()
	for _, m := range k.due(now, later) {
		equal(k, "created at", m.CreatedAt, now)
		lifetime := 72 * time.Hour
		if m.Kind == outbox.BackchannelLogout {
			lifetime = 24 * time.Hour
			list = append(list, m.User+" "+m.Client+" "+m.SessionID)
		} else {
			list = append(list, fmt.Sprintf("%s %s %s %q", m.Kind, m.User, m.TeamName, m.Applications))
		}
		equal(k, "expires at", m.ExpiresAt, now.Add(lifetime))
		k.ok(k.db.Delivered(k.ctx, m.ID))
	}
	slices.Sort(list)
	return list
}

// When a membership, a team or an account ends, its people get a mail, and the applications that they signed in to get a back-channel
// logout. Nobody else is told.
func testEndOfMembershipIsTold(k *kit) {
	k.populate()
	listener := client.Client{ID: "c-listens", Name: "Listener", BackchannelLogoutURI: "https://listener.example/logout", CreatedAt: now}
	k.ok(k.db.AddClient(k.ctx, listener))
	connect := func(user team.User, c client.Client, in team.Team, sid string) {
		k.Helper()
		id := string(user.ID) + string(c.ID) + string(in.ID)
		f := family("f"+id, k.granted("g"+id, user, c, in, "openid"))
		f.SessionID, f.Scope = sid, oauth.Scope{"openid"}
		_, err := k.db.Redeem(k.ctx, f)
		k.ok(err)
	}
	cy := team.User{ID: "u-cy", Email: "cy@example.com", Name: "Cy", CreatedAt: now}
	k.ok(k.db.AddUser(k.ctx, cy))
	k.ok(k.db.AddMember(k.ctx, team.Membership{Team: acme, User: cy.ID, Role: team.Member, CreatedAt: now}))
	k.ok(k.db.DisableUser(k.ctx, cy.ID, now))
	connect(ada, listener, acme, "ada's sid")
	connect(ada, global, acme, "ada's sid") // does not listen
	connect(ada, listener, beta, "ada's other sid")
	connect(bob, listener, acme, "bob's sid")
	k.told()

	k.ok(k.db.RemoveMember(k.ctx, acme.ID, ada.ID))
	equal(k, "told of the removal of a member", k.told(), []string{
		fmt.Sprintf("mail.member_removed %s %s %q", ada.ID, acme.Name, []string{global.Name, listener.Name}),
		string(ada.ID) + " c-listens ada's sid",
	})
	k.ok(k.db.RemoveTeam(k.ctx, acme.ID, "", nil))
	equal(k, "told of the removal of a team", k.told(), []string{
		fmt.Sprintf("mail.team_removed %s %s %q", bob.ID, acme.Name, []string{listener.Name}),
		string(bob.ID) + " c-listens bob's sid",
	})
	k.ok(k.db.DisableUser(k.ctx, ada.ID, now))
	equal(k, "told of a person's end", k.told(), []string{
		fmt.Sprintf("mail.user_disabled %s  %q", ada.ID, []string(nil)),
		string(ada.ID) + " c-listens ada's other sid",
	})
}

func testDueMessages(k *kit) {
	k.populate()
	for _, t := range []time.Duration{3 * time.Minute, time.Minute, 2 * time.Minute} {
		g := grant("g-"+t.String(), ada, global, acme, "read")
		g.CreatedAt, g.UpdatedAt = now.Add(t), now.Add(t)
		must[authz.Grant](k)(k.db.SaveGrant(k.ctx, g, false))
		k.ok(k.db.RevokeGrant(k.ctx, g.ID))
	}
	at := func(list []outbox.Message) (minutes []int) {
		for _, n := range list {
			minutes = append(minutes, int(n.CreatedAt.Sub(now).Minutes()))
		}
		return minutes
	}
	equal(k, "before any is due", at(k.due(now, later)), nil)
	retry := now.Add(time.Hour)
	equal(k, "the first", at(must[[]outbox.Message](k)(k.db.DueMessages(k.ctx, now.Add(3*time.Minute), retry, 1))), []int{1})
	equal(k, "the rest", at(k.due(now.Add(3*time.Minute), retry)), []int{2, 3})
	equal(k, "until the retry", at(k.due(retry.Add(-time.Millisecond), retry)), nil)
	again := k.due(retry, retry.Add(time.Hour))
	equal(k, "the retry", len(again), 3)
	equal(k, "tries", again[0].Tries, 2)
	k.ok(k.db.Postpone(k.ctx, again[1].ID, retry.Add(time.Minute)))
	equal(k, "sooner", at(k.due(retry.Add(time.Minute), retry.Add(time.Hour))), at(again[1:2]))
	k.ok(k.db.Delivered(k.ctx, again[0].ID))
	k.ok(k.db.Delivered(k.ctx, again[0].ID))
	equal(k, "after a delivery", len(k.due(retry.Add(time.Hour), retry.Add(2*time.Hour))), 2)
	equal(k, "when their time is over", len(k.due(now.Add(73*time.Hour), later)), 0)
}

// Messages for applications come before mails, and one of each destination before the second of another. What is skipped is left alone.
func testMessageDestinations(k *kit) {
	k.populate()
	driver, dsn := "pgx", k.url+"&default_query_exec_mode=exec" // which works behind a pooler
	if path, ok := strings.CutPrefix(k.url, "sqlite:"); ok {
		driver, dsn = "sqlite", path
	}
	other := must[*sql.DB](k)(sql.Open(driver, dsn))
	defer other.Close()
	insert := func(query string, args ...any) {
		_, err := other.ExecContext(k.ctx, query, args...)
		k.ok(err)
	}
	for i, client := range []string{"many", "many", "many", "one", "skipped"} {
		insert(`INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at) VALUES ($1, 'backchannel_logout', '', $2, '', '', 0, $3, $4)`,
			fmt.Sprintf("n%d", i), client, now.UnixMilli()+int64(i), now.Add(time.Hour).UnixMilli())
	}
	insert(`INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at) VALUES ('mail', 'mail.connected', '', 'one', '', '', 0, $1, $2)`,
		now.UnixMilli()-1000, now.Add(2*time.Hour).UnixMilli())
	ids := func(list []outbox.Message) (ids []string) {
		for _, m := range list {
			ids = append(ids, m.ID)
		}
		return ids
	}
	at := now.Add(time.Second)
	equal(k, "two of each", ids(must[[]outbox.Message](k)(k.db.DueMessages(k.ctx, at, later, 2, "skipped"))), []string{"n0", "n3", "n1", "mail"})
	equal(k, "the rest", ids(must[[]outbox.Message](k)(k.db.DueMessages(k.ctx, at, later, 2))), []string{"n2", "n4"})
	k.ok(k.db.PutBack(k.ctx, []string{"n1", "mail", "gone"}, at))
	again := must[[]outbox.Message](k)(k.db.DueMessages(k.ctx, at, later, 2, outbox.ToMailServer))
	equal(k, "what was put back", ids(again), []string{"n1"})
	equal(k, "its tries", again[0].Tries, 1)
	equal(k, "expired", len(must[[]outbox.Message](k)(k.db.ExpiredMessages(k.ctx, now.Add(time.Hour), 3))), 3)
	equal(k, "and the rest", len(must[[]outbox.Message](k)(k.db.ExpiredMessages(k.ctx, now.Add(time.Hour), 3))), 2)
	equal(k, "left", k.rows("gh_notices", "1 = 1"), 1)
}

func testNoticeRace(k *kit) {
	k.populate()
	const n = 20
	for range n {
		k.granted("g1", ada, global, acme, "read")
		k.ok(k.db.RevokeGrant(k.ctx, "g1"))
	}
	var mu sync.Mutex
	taken := map[string]int{}
	k.together(10, func(_ int, db *store.DB) {
		list, err := db.DueMessages(k.ctx, now, later, 15)
		if err != nil {
			k.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, notice := range list {
			taken[notice.ID]++
		}
	})
	for id, times := range taken {
		equal(k, "times that "+id+" was taken", times, 1)
	}
	for _, rest := range k.due(now, later) {
		taken[rest.ID]++
	}
	equal(k, "notices taken", len(taken), n)
}
