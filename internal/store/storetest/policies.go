package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// decide saves what a team says of a client.
func decide(ctx context.Context, db *store.DB, t team.ID, c oauth.ClientID, row govern.Row) (govern.Effect, error) {
	return db.Decide(ctx, t, c, "", func(team.Role, govern.Row) (govern.Row, error) { return row, nil })
}

// block keeps a client out of a team.
func block(ctx context.Context, db *store.DB, t team.ID, c oauth.ClientID, reason string) error {
	_, err := decide(ctx, db, t, c, govern.Row{State: govern.Blocked, Reason: reason})
	return err
}

// unblock lifts a block. govern.ErrNoBlock.
func unblock(ctx context.Context, db *store.DB, t team.ID, c oauth.ClientID) error {
	_, err := db.Decide(ctx, t, c, "", func(_ team.Role, before govern.Row) (govern.Row, error) {
		if before.State != govern.Blocked {
			return before, govern.ErrNoBlock
		}
		return govern.Row{}, nil
	})
	return err
}

// setPolicy gives Acme a policy and does what change says beside it.
func (k *kit) setPolicy(rule govern.Rule, strict bool, change govern.Change) govern.Effect {
	k.Helper()
	change.Policy = govern.Policy{Rule: rule, Strict: strict}
	return must[govern.Effect](k)(k.db.SetPolicy(k.ctx, acme.ID, ada.ID, func(govern.Standing) (govern.Change, error) { return change, nil }))
}

// rotates reports whether the refresh token of a family works, and with which scope.
func (k *kit) rotates(id string, generation int64) (scope string, alive bool) {
	k.Helper()
	rotated, err := k.db.Rotate(k.ctx, authz.Rotation{
		Family: authz.FamilyID(id), Client: global.ID, Generation: generation, At: now, TokenDeadAt: now.Add(time.Hour),
		Rule: authz.RefreshRule{Idle: time.Hour, Absolute: time.Hour, Grace: time.Second},
	})
	if err == nil {
		return rotated.Family.Scope.String(), true
	}
	if err != authz.ErrNoFamily && err != authz.ErrNotLive {
		k.Fatal(err)
	}
	return "", false
}

// A policy that leaves nothing of a grant suspends it: what was issued ends, the consent stays, and a policy that allows it brings it back.
func testPolicies(k *kit) {
	k.populate()
	g := k.granted("g1", bob, global, acme, "read", "write")
	other := k.granted("g2", ada, global, beta, "read")
	k.redeemed("f1", g)
	k.redeemed("f2", other)

	standing := govern.Standing{}
	_, err := k.db.SetPolicy(k.ctx, acme.ID, ada.ID, func(s govern.Standing) (govern.Change, error) {
		standing = s
		return govern.Change{}, context.Canceled
	})
	k.is(err, context.Canceled)
	equal(k, "the standing", standing, govern.Standing{
		Role: team.Admin, Policy: govern.Policy{Rule: govern.Everyone},
		Uses:    []govern.Use{{Client: global.ID, Role: team.Member, Consented: g.Scope, Scope: g.Scope, People: 1}},
		Clients: []client.Client{{ID: global.ID, Name: global.Name}}, Rows: []govern.Row{{Team: acme.ID, Client: global.ID}},
	})
	equal(k, "Uses", must[[]govern.Use](k)(k.db.Uses(k.ctx, acme.ID)), standing.Uses)

	equal(k, "nobody", k.setPolicy(govern.Nobody, false, govern.Change{}), govern.Effect{Suspended: 1})
	equal(k, "Policy", must[govern.Policy](k)(k.db.Policy(k.ctx, acme.ID)), govern.Policy{Rule: govern.Nobody})
	if _, alive := k.rotates("f1", 0); alive {
		k.Error("the refresh token of a suspended grant works")
	}
	_, err = k.db.Redeem(k.ctx, family("f3", g))
	k.is(err, authz.ErrNotLive)
	_, err = k.db.Connection(k.ctx, "f1", now)
	k.is(err, authz.ErrNoFamily)
	equal(k, "the connection elsewhere", must[authz.Connection](k)(k.db.Connection(k.ctx, "f2", now)).Family.ID, authz.FamilyID("f2"))
	equal(k, "what is published", must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)), []authz.Ending{{
		Kind: authz.EndedFamily, ID: "f1", At: k.at(k.db), Expires: now.Add(30 * time.Minute),
	}})
	_, err = k.db.SaveGrant(k.ctx, g, false)
	k.is(err, authz.ErrNotLive)
	equal(k, "again", k.setPolicy(govern.Nobody, false, govern.Change{}), govern.Effect{})

	equal(k, "everyone", k.setPolicy(govern.Everyone, false, govern.Change{}), govern.Effect{Resumed: 1})
	if _, alive := k.rotates("f1", 0); alive {
		k.Error("a refresh token came back")
	}
	k.redeemed("f4", g)

	equal(k, "approve first", k.setPolicy(govern.ApproveFirst, false, govern.Change{
		Approve: []govern.Row{{Client: global.ID, State: govern.Approved, Scope: g.Scope, UsedSince: true, ReviewBy: later}},
	}), govern.Effect{})
	if _, alive := k.rotates("f4", 0); !alive {
		k.Error("what is approved does not go on")
	}
	equal(k, "cut", k.setPolicy(govern.ListedOnly, false, govern.Change{Cut: []oauth.ClientID{global.ID}}), govern.Effect{Ended: 1})
	equal(k, "grants", k.rows("gh_grants", "id = 'g1'"), 0)
	var kinds []audit.Kind
	for _, e := range k.events(audit.Filter{Team: string(acme.ID)}) {
		if e.Kind == audit.PolicyChanged || e.Kind == audit.ClientCut {
			kinds = append(kinds, e.Kind)
		}
	}
	equal(k, "events", kinds, []audit.Kind{audit.ClientCut, audit.PolicyChanged, audit.PolicyChanged, audit.PolicyChanged, audit.PolicyChanged, audit.PolicyChanged})
	_, err = k.db.SetPolicy(k.ctx, "nowhere", "", func(govern.Standing) (govern.Change, error) { return govern.Change{}, nil })
	k.is(err, team.ErrNoTeam)
	_, err = k.db.Policy(k.ctx, "nowhere")
	k.is(err, team.ErrNoTeam)
}

// A ceiling that is lowered takes scopes from what exists: the next refresh has less, and access tokens from before are dead.
func testCeilings(k *kit) {
	k.populate()
	k.setPolicy(govern.ApproveFirst, false, govern.Change{})
	_, err := k.db.SaveGrant(k.ctx, grant("g0", bob, global, acme, "read"), false)
	k.is(err, authz.ErrNotLive)
	approved := func(scope ...string) govern.Effect {
		k.Helper()
		return must[govern.Effect](k)(decide(k.ctx, k.db, acme.ID, global.ID, govern.Row{State: govern.Approved, Scope: scope}))
	}
	equal(k, "nothing to reach", approved("read", "write"), govern.Effect{})
	g := k.granted("g1", bob, global, acme, "read", "write")
	k.redeemed("f1", g)
	onlyWrites := family("f2", g)
	onlyWrites.Scope = oauth.Scope{"write"}
	_, err = k.db.Redeem(k.ctx, onlyWrites)
	k.ok(err)

	equal(k, "lowered", approved("read"), govern.Effect{Narrowed: 1})
	if scope, alive := k.rotates("f1", 0); !alive || scope != "read" {
		k.Errorf("the refresh token has %q, %t; want read", scope, alive)
	}
	if _, alive := k.rotates("f2", 0); alive {
		k.Error("a connection of which nothing is left works")
	}
	_, err = k.db.Redeem(k.ctx, family("f3", g)) // its code was issued before
	k.is(err, authz.ErrNotLive)
	equal(k, "what is published", must[[]authz.Ending](k)(k.db.Endings(k.ctx, now)), []authz.Ending{
		{Kind: authz.EndedFamily, ID: "f2", At: k.at(k.db), Expires: now.Add(30 * time.Minute)},
		{Kind: authz.NarrowedGrant, ID: "g1", At: now, Expires: now.Add(30 * time.Minute)},
	})
	statuses := must[[]authz.TeamStatus](k)(k.db.TeamStatuses(k.ctx, bob.ID, global.ID))
	equal(k, "the grant", statuses[0].Grant.Scope, oauth.Scope{"read"})

	equal(k, "raised", approved("read", "write"), govern.Effect{})
	statuses = must[[]authz.TeamStatus](k)(k.db.TeamStatuses(k.ctx, bob.ID, global.ID))
	equal(k, "the consent is back", statuses[0].Grant.Scope, oauth.Scope{"read", "write"})

	// An admin's own connection needs no approval, until they are no admin.
	own := must[govern.Effect](k)(decide(k.ctx, k.db, acme.ID, global.ID, govern.Row{}))
	equal(k, "the approval is taken back", own, govern.Effect{Ended: 1})
	k.granted("g4", ada, global, acme, "read")
	k.ok(changeMember(k.ctx, k.db, ada.ID, team.Member))
	equal(k, "suspended", k.rows("gh_grants", "id = 'g4' AND suspended_at > 0"), 1)
	k.ok(changeMember(k.ctx, k.db, ada.ID, team.Admin))
	equal(k, "resumed", k.rows("gh_grants", "id = 'g4' AND suspended_at = 0"), 1)

	// An admin approves with their own consent: others may connect it then.
	must[authz.Grant](k)(k.db.SaveGrant(k.ctx, grant("g5", ada, global, acme, "write"), true))
	rows := must[[]govern.Row](k)(k.db.Rows(k.ctx, acme.ID))
	equal(k, "the approval", rows[0].Scope, oauth.Scope{"write"})
	equal(k, "by", rows[0].By, ada.ID)
	k.granted("g6", bob, global, acme, "write")
	_, err = k.db.SaveGrant(k.ctx, grant("g7", bob, public, acme, "write"), true)
	k.is(err, authz.ErrNotLive) // a member cannot approve
	k.setPolicy(govern.Everyone, false, govern.Change{})
	must[authz.Grant](k)(k.db.SaveGrant(k.ctx, grant("g8", bob, public, acme, "write"), true)) // and where nothing has to be approved, nothing is
	equal(k, "rows", len(must[[]govern.Row](k)(k.db.Rows(k.ctx, acme.ID))), 1)
}

// A strict policy is also for the team's own machines: approved, and for no more than that. Their tokens of before end with it.
func testStrictPolicy(k *kit) {
	k.populate()
	issue := func(at time.Time, scope ...string) error { return k.db.IssueMachine(k.ctx, acmes.ID, at, scope) }
	live := func() bool {
		_, err := k.db.MachineLive(k.ctx, "m.1", acmes.ID, now)
		return err == nil
	}
	k.setPolicy(govern.Nobody, false, govern.Change{})
	k.ok(issue(now, "read", "write"))
	equal(k, "exempt", live(), true)
	for _, rule := range []govern.Rule{govern.ApproveFirst, govern.ListedOnly, govern.Nobody} {
		k.setPolicy(rule, true, govern.Change{})
		equal(k, "a token of before "+string(rule), live(), false)
		k.is(issue(now, "read"), authz.ErrNotLive)
	}
	k.setPolicy(govern.ListedOnly, true, govern.Change{Approve: []govern.Row{{Client: acmes.ID, State: govern.Approved, Scope: oauth.Scope{"read", "write"}}}})
	k.ok(issue(now, "read", "write"))
	must[govern.Effect](k)(decide(k.ctx, k.db, acme.ID, acmes.ID, govern.Row{State: govern.Approved, Scope: oauth.Scope{"read"}}))
	equal(k, "a token of before the ceiling", live(), false)
	k.is(issue(now, "read", "write"), authz.ErrNotLive)
	k.ok(issue(now, "read"))
	k.setPolicy(govern.Nobody, true, govern.Change{})
	k.is(issue(now, "read"), authz.ErrNotLive) // although it is approved
	k.setPolicy(govern.Everyone, true, govern.Change{})
	k.ok(issue(now, "read", "write"))
}

// Whatever is changed in whatever order, each grant says what Rest says of it.
func testVerdicts(k *kit) {
	k.populate()
	random := rand.New(rand.NewPCG(13, 1)) //nolint:gosec // repeatable
	pick := func(n int) int { return random.IntN(n) }
	people := []team.User{ada, bob}
	for i := range 4 {
		u := team.User{ID: team.UserID(fmt.Sprint("u", i)), Email: fmt.Sprintf("u%d@example.com", i), CreatedAt: now}
		k.ok(k.db.AddUser(k.ctx, u))
		k.ok(k.db.AddMember(k.ctx, team.Membership{User: u.ID, Team: acme, Role: team.Roles()[pick(3)], CreatedAt: now}))
		people = append(people, u)
	}
	clients := []client.Client{global, public, {ID: "c-own", Name: "Own", Team: acme, CreatedAt: now}}
	k.ok(k.db.AddClient(k.ctx, clients[2]))
	scopes := []oauth.Scope{{"read"}, {"write"}, {"read", "write"}, {"write", "more"}, {"read", "write", "more"}}
	for step := range 400 {
		u, c, scope := people[pick(len(people))], &clients[pick(len(clients))], scopes[pick(len(scopes))]
		what := ""
		switch pick(8) {
		case 0, 1, 2:
			what = "grant"
			_, err := k.db.SaveGrant(k.ctx, grant(fmt.Sprint("g", step), u, *c, acme, scope...), pick(4) == 0)
			if err != nil && err != authz.ErrNotLive {
				k.Fatal(err)
			}
		case 3:
			what = "policy"
			k.setPolicy(govern.Rules()[pick(4)], pick(3) == 0, govern.Change{})
		case 4, 5:
			what = "decision"
			row := []govern.Row{{}, {State: govern.Approved, Scope: scope}, {State: govern.Approved, Scope: scope}, {State: govern.Declined, Scope: scope}, {State: govern.Blocked}}[pick(5)]
			must[govern.Effect](k)(decide(k.ctx, k.db, acme.ID, c.ID, row))
		case 6:
			what = "role"
			if u.ID != ada.ID { // somebody stays an admin
				k.ok(changeMember(k.ctx, k.db, u.ID, team.Roles()[pick(3)]))
			}
		case 7:
			what = "client"
			c.FirstParty, c.OptionalScope = pick(2) == 0, scope
			k.ok(updateClient(k.ctx, k.db, *c))
		}
		k.verdictsHold(fmt.Sprint("step ", step, ": ", what), people, clients)
		if k.Failed() {
			return
		}
	}
	equal(k, "grants at the end, so that this has looked at something", k.rows("gh_grants", "1 = 1") > 0, true)
}

// verdictsHold compares what is written on the grants in Acme with Rest.
func (k *kit) verdictsHold(after string, people []team.User, clients []client.Client) {
	k.Helper()
	for _, u := range people {
		for _, c := range clients {
			for _, s := range must[[]authz.TeamStatus](k)(k.db.TeamStatuses(k.ctx, u.ID, c.ID)) {
				if s.Grant == nil || s.Team.ID != acme.ID {
					continue
				}
				var consented string
				k.ok(k.h.SQL(k.db).QueryRowContext(k.ctx, "SELECT consented FROM gh_grants WHERE id = '"+string(s.Grant.ID)+"'").Scan(&consented))
				agreed, err := oauth.ParseScope(consented)
				k.ok(err)
				scope, suspended := govern.Rest(s.Policy, s.Row, c, s.Role, agreed)
				if scope.String() != s.Grant.Scope.String() || suspended == s.Grant.SuspendedAt.IsZero() {
					k.Errorf("%s: %s with %s, policy %v, row %v, role %s: the grant of %q says %q, suspended %v; want %q, %t",
						after, u.ID, c.ID, s.Policy, s.Row.State, s.Role, consented, s.Grant.Scope, s.Grant.SuspendedAt, scope, suspended)
				}
			}
		}
	}
}

func testApplicationRequests(k *kit) {
	k.populate()
	asked := func(u team.User, c client.Client, at time.Time, scope ...string) govern.Request {
		return govern.Request{
			Team: acme.ID, Client: c.ID, User: u.ID, Name: u.Name, Email: u.Email, Scope: scope, Note: "for the\nreport", AskedAt: at, ExpiresAt: at.Add(time.Hour),
		}
	}
	first, second := asked(bob, global, now, "read"), asked(ada, global, now.Add(time.Minute), "read", "write")
	k.ok(k.db.AskFor(k.ctx, second, 1, 2))
	k.ok(k.db.AskFor(k.ctx, first, 1, 2))
	k.is(k.db.AskFor(k.ctx, asked(bob, public, now, "read"), 1, 3), govern.ErrTooManyAsked) // of the person
	k.is(k.db.AskFor(k.ctx, asked(bob, public, now, "read"), 2, 2), govern.ErrTooManyAsked) // of the team
	first.Note = "again"
	k.ok(k.db.AskFor(k.ctx, first, 1, 2)) // replaces
	equal(k, "Requests", must[[]govern.Request](k)(k.db.Requests(k.ctx, acme.ID, now)), []govern.Request{first, second})
	equal(k, "Asked", must[govern.Request](k)(k.db.Asked(k.ctx, acme.ID, global.ID, bob.ID, now)), first)
	_, err := k.db.Asked(k.ctx, acme.ID, global.ID, bob.ID, first.ExpiresAt)
	k.is(err, govern.ErrNoRequest)
	k.is(k.db.AskFor(k.ctx, govern.Request{Team: beta.ID, Client: global.ID, User: bob.ID}, 9, 9), team.ErrNoMember)
	equal(k, "known to the team", len(must[[]client.Used](k)(k.db.TeamClients(k.ctx, acme.ID))), 2)

	// A decision answers everybody who asks for the client, and nobody else.
	other := asked(bob, public, now, "read")
	k.ok(k.db.AskFor(k.ctx, other, 9, 9))
	left := func(what string, want ...govern.Request) {
		equal(k, what, must[[]govern.Request](k)(k.db.Requests(k.ctx, acme.ID, now)), want)
	}
	must[govern.Effect](k)(decide(k.ctx, k.db, acme.ID, global.ID, govern.Row{State: govern.Approved, Scope: oauth.Scope{"read"}}))
	left("after an approval", other)
	k.ok(k.db.AskFor(k.ctx, second, 9, 9))
	_, err = k.db.Decide(k.ctx, acme.ID, global.ID, "", func(_ team.Role, before govern.Row) (govern.Row, error) { return before, nil })
	k.ok(err)
	left("after what goes beyond the approval was declined", other)
	if rows := must[[]govern.Row](k)(k.db.Rows(k.ctx, acme.ID)); len(rows) != 1 || rows[0].State != govern.Approved {
		k.Errorf("the approval has become %v", rows)
	}
	k.ok(k.db.AskFor(k.ctx, second, 9, 9))
	must[govern.Effect](k)(decide(k.ctx, k.db, acme.ID, global.ID, govern.Row{State: govern.Declined, Scope: oauth.Scope{"write"}}))
	left("after a refusal", other)
	k.ok(k.db.WithdrawRequest(k.ctx, acme.ID, public.ID, bob.ID))

	k.ok(k.db.AskFor(k.ctx, first, 9, 9))
	k.ok(k.db.WithdrawRequest(k.ctx, acme.ID, global.ID, bob.ID))
	k.is(k.db.WithdrawRequest(k.ctx, acme.ID, global.ID, bob.ID), govern.ErrNoRequest)
	k.ok(k.db.AskFor(k.ctx, first, 9, 9))
	k.ok(k.db.RemoveMember(k.ctx, acme.ID, bob.ID))
	equal(k, "of who left", k.rows("gh_application_requests", "1 = 1"), 0)
	k.ok(k.db.AskFor(k.ctx, second, 9, 9))
	must[int](k)(k.db.Prune(k.ctx, later, 100))
	equal(k, "expired", k.rows("gh_application_requests", "1 = 1"), 0)
}

// Redemptions, refreshes and consents race with a policy that suspends, and with a ceiling that is lowered. When all have returned, nothing lives that is not
// allowed, and each grant says what Rest says of it.
func testPolicyRaces(k *kit) {
	k.populate()
	both := []string{"read", "write"}
	tighten := map[string]struct {
		do    func(db *store.DB) error
		alive string // the condition of families that must not be left
	}{
		"suspended": {func(db *store.DB) error {
			_, err := db.SetPolicy(k.ctx, acme.ID, "", func(govern.Standing) (govern.Change, error) {
				return govern.Change{Policy: govern.Policy{Rule: govern.Nobody}}, nil
			})
			return err
		}, "ended_at = 0"},
		"narrowed": {func(db *store.DB) error {
			_, err := decide(k.ctx, db, acme.ID, global.ID, govern.Row{State: govern.Approved, Scope: oauth.Scope{"read"}})
			return err
		}, "ended_at = 0 AND scope LIKE '%write%'"},
	}
	for name, t := range tighten {
		for round := range 15 {
			k.setPolicy(govern.ApproveFirst, false, govern.Change{Approve: []govern.Row{{Client: global.ID, State: govern.Approved, Scope: both}}})
			g := k.granted(fmt.Sprint(name, round), bob, global, acme, both...)
			old := family(fmt.Sprint("old", name, round), g)
			_, err := k.db.Redeem(k.ctx, old)
			k.ok(err)
			k.together(8, func(i int, db *store.DB) {
				var err error
				switch i % 4 {
				case 0:
					if i == round%2*4 {
						err = t.do(db)
					}
				case 1:
					_, err = db.SaveGrant(k.ctx, grant(fmt.Sprint(name, round, i), bob, global, acme, both...), false)
				case 2:
					_, err = db.Redeem(k.ctx, family(fmt.Sprint(name, round, i), g))
				case 3:
					_, err = db.Rotate(k.ctx, authz.Rotation{
						Family: old.ID, Client: global.ID, At: now, TokenDeadAt: now.Add(time.Hour), Rule: authz.RefreshRule{Idle: time.Hour, Absolute: time.Hour, Grace: time.Hour},
					})
				}
				if err != nil && err != authz.ErrNotLive && err != authz.ErrNoFamily {
					k.Errorf("%s: %v", name, err)
				}
			})
			equal(k, "families that outlived being "+name, k.rows("gh_families", t.alive), 0)
			k.verdictsHold(name, []team.User{ada, bob}, []client.Client{global})
		}
	}
}
