package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// listed is a client as lists show it.
func listed(c client.Client) client.Client {
	c.Secrets = nil
	return c
}

func testClients(k *kit) {
	k.populate()
	for _, c := range []client.Client{global, acmes, public} {
		equal(k, "Client", must[client.Client](k)(k.db.Client(k.ctx, c.ID)), c)
	}
	equal(k, "Clients", must[[]client.Client](k)(k.db.Clients(k.ctx)), []client.Client{listed(acmes), listed(global), listed(public)})
	k.is(k.db.AddClient(k.ctx, client.Client{ID: "c-new", Team: team.Team{ID: "nowhere"}}), team.ErrNoTeam)
	_, err := k.db.Client(k.ctx, "c-new")
	k.is(err, client.ErrNoClient)

	changed := global
	changed.Name, changed.Scope, changed.RedirectURIs = "New name", oauth.Scope{"read"}, []string{"https://new.example/é?\"x\"=\\"}
	changed.ResourceServer, changed.Resources = "https://api.example/", []string{"https://api.example/", "urn:x"}
	changed.JWKS, changed.JWKSURI, changed.IDTokenAlgorithm = `{"keys":[]}`, "https://keys.example/", "ES256"
	changed.PostLogoutRedirectURIs, changed.BackchannelLogoutURI = []string{"https://bye.example/", "https://b.example/?a=1"}, "https://logout.example/"
	changed.InitiateLoginURI = "https://start.example/?a=1"
	changed.RequirePAR, changed.RequireDPoP = true, true
	ignored := changed
	ignored.Owner, ignored.Public, ignored.Team, ignored.Secrets = "x", true, acme, nil
	k.ok(updateClient(k.ctx, k.db, ignored))
	equal(k, "updated", must[client.Client](k)(k.db.Client(k.ctx, global.ID)), changed)
	added := changed
	added.ID = "c-added"
	k.ok(k.db.AddClient(k.ctx, added))
	equal(k, "added with everything", must[client.Client](k)(k.db.Client(k.ctx, added.ID)), added)
	equal(k, "and listed", must[[]client.Client](k)(k.db.Clients(k.ctx))[1], listed(added))
	k.is(updateClient(k.ctx, k.db, client.Client{ID: "nothing"}), client.ErrNoClient)
}

func testClientSecrets(k *kit) {
	k.populate()
	hashes := func(want ...string) {
		k.Helper()
		var got []string
		for _, s := range must[client.Client](k)(k.db.Client(k.ctx, global.ID)).Secrets {
			got = append(got, s.Hash)
		}
		equal(k, "secrets", got, want)
	}
	add := func(hash string, at, expires time.Time, keep int) {
		k.Helper()
		k.ok(k.db.AddClientSecret(k.ctx, global.ID, client.Secret{Hash: hash, CreatedAt: at, ExpiresAt: expires}, keep))
	}
	// All are made in one millisecond. They keep the order in which they were made.
	add("hash-2", now, time.Time{}, 1)
	hashes("hash-1", "hash-2")
	add("hash-3", now, now.Add(time.Hour), 1)
	hashes("hash-2", "hash-3")
	equal(k, "expiry", must[client.Client](k)(k.db.Client(k.ctx, global.ID)).Secrets[1].ExpiresAt, now.Add(time.Hour))
	add("hash-4", now.Add(time.Hour), time.Time{}, 1) // hash-3 has just expired, so the one before it is kept
	hashes("hash-2", "hash-4")
	add("hash-5", now, time.Time{}, 0)
	hashes("hash-5")
	k.is(k.db.AddClientSecret(k.ctx, "nothing", client.Secret{Hash: "x"}, 1), client.ErrNoClient)
	equal(k, "secrets of nothing", k.rows("gh_client_secrets", "client_id = 'nothing'"), 0)
}

func testDisableClient(k *kit) {
	k.populate()
	gone, stays := k.granted("g1", ada, global, acme, "read"), k.granted("g2", ada, public, acme, "read")
	k.redeemed("f1", gone)
	k.redeemed("f2", stays)
	k.ok(k.db.DisableClient(k.ctx, global.ID, later))
	equal(k, "DisabledAt", must[client.Client](k)(k.db.Client(k.ctx, global.ID)).DisabledAt, later)
	_, err := k.db.SaveGrant(k.ctx, grant("g3", ada, global, acme, "read"), false)
	k.is(err, authz.ErrNotLive)
	k.ok(k.db.EnableClient(k.ctx, global.ID))
	equal(k, "enabled", must[client.Client](k)(k.db.Client(k.ctx, global.ID)), global)
	equal(k, "grants and families", k.rows("gh_grants", "id = 'g1'")+k.rows("gh_families", "id = 'f1'"), 0)
	equal(k, "what stays", k.rows("gh_families", "id = 'f2'"), 1)
	k.is(k.db.DisableClient(k.ctx, "nothing", now), client.ErrNoClient)
	k.is(k.db.EnableClient(k.ctx, "nothing"), client.ErrNoClient)
}

func testRemoveClient(k *kit) {
	k.populate()
	gone, stays := k.granted("g1", ada, global, acme, "read"), k.granted("g2", ada, public, acme, "read")
	k.redeemed("f1", gone)
	k.redeemed("f2", stays)
	k.ok(block(k.ctx, k.db, beta.ID, global.ID, "no"))
	k.ok(k.db.RemoveClient(k.ctx, global.ID))
	_, err := k.db.Client(k.ctx, global.ID)
	k.is(err, client.ErrNoClient)
	for _, table := range []string{"gh_client_secrets", "gh_grants", "gh_team_applications", "gh_application_requests"} {
		equal(k, table, k.rows(table, "client_id = 'c-global'"), 0)
	}
	equal(k, "families", k.rows("gh_families", "id = 'f1'"), 0)
	equal(k, "what stays", k.rows("gh_families", "id = 'f2'"), 1)
	k.is(k.db.RemoveClient(k.ctx, global.ID), client.ErrNoClient)
}

func testPublicRedirectURIs(k *kit) {
	k.populate()
	k.ok(k.db.AddClient(k.ctx, client.Client{ID: "c2", Name: "2", Public: true, RedirectURIs: []string{"https://spa.example/"}}))
	k.ok(k.db.AddClient(k.ctx, client.Client{ID: "c3", Name: "3", Public: true, RedirectURIs: []string{"https://disabled.example/"}}))
	k.ok(k.db.DisableClient(k.ctx, "c3", now))
	equal(k, "PublicRedirectURIs", must[[]string](k)(k.db.PublicRedirectURIs(k.ctx)), []string{"https://a.example/cb", "https://spa.example/"})
}

func testSaveGrant(k *kit) {
	k.populate()
	first := grant("g1", ada, global, acme, "read")
	equal(k, "a new grant", must[authz.Grant](k)(k.db.SaveGrant(k.ctx, first, false)), first)

	again := grant("g2", ada, global, acme, "write", "read")
	again.CreatedAt, again.UpdatedAt = later, later
	widened := first
	widened.Scope, widened.UpdatedAt = oauth.Scope{"read", "write"}, later
	equal(k, "a widened grant", must[authz.Grant](k)(k.db.SaveGrant(k.ctx, again, false)), widened)
	equal(k, "the grant as stored", must[[]authz.GrantDetail](k)(k.db.Grants(k.ctx, authz.GrantFilter{}))[0].Grant, widened)

	k.granted("g3", ada, global, beta, "read")
	k.granted("g4", bob, global, acme, "read")
	k.granted("g5", ada, acmes, acme, "read")
	for _, listed := range must[[]authz.GrantDetail](k)(k.db.Grants(k.ctx, authz.GrantFilter{})) {
		equal(k, "the grant "+string(listed.ID), must[authz.GrantDetail](k)(k.db.Grant(k.ctx, listed.ID)), listed)
	}
	_, err := k.db.Grant(k.ctx, "nothing")
	k.is(err, authz.ErrNoGrant)
	equal(k, "grants", k.rows("gh_grants", "1 = 1"), 4)
}

func testSaveGrantRefuses(k *kit) {
	k.populate()
	k.ok(block(k.ctx, k.db, beta.ID, public.ID, "no"))
	for name, g := range map[string]authz.Grant{
		"a person who is no member":  grant("g1", bob, global, beta, "read"),
		"nobody":                     grant("g1", team.User{ID: "nobody"}, global, acme, "read"),
		"another team's client":      grant("g1", ada, acmes, beta, "read"),
		"a client that is not there": grant("g1", ada, client.Client{ID: "nothing"}, acme, "read"),
		"a team that is not there":   grant("g1", ada, global, team.Team{ID: "nowhere"}, "read"),
		"a blocked client":           grant("g1", ada, public, beta, "read"),
	} {
		if _, err := k.db.SaveGrant(k.ctx, g, false); err != authz.ErrNotLive {
			k.Errorf("SaveGrant for %s: got the error %v, want ErrNotLive", name, err)
		}
	}
	equal(k, "grants", k.rows("gh_grants", "1 = 1"), 0)
}

func testGrants(k *kit) {
	k.populate()
	save := func(g authz.Grant, at time.Time) authz.Grant {
		k.Helper()
		g.CreatedAt, g.UpdatedAt = at, at
		return must[authz.Grant](k)(k.db.SaveGrant(k.ctx, g, false))
	}
	detail := func(g authz.Grant, u team.User, t team.Team, c client.Client) authz.GrantDetail {
		c.RedirectURIs, c.Secrets = nil, nil
		return authz.GrantDetail{Grant: g, User: u, Team: t, Client: c}
	}
	oldest := detail(save(grant("g-z", ada, global, acme, "read"), now), ada, acme, global)
	middle := detail(save(grant("g-a", bob, acmes, acme, "write"), now.Add(time.Minute)), bob, acme, acmes)
	newest := detail(save(grant("g-m", ada, global, beta), now.Add(time.Hour)), ada, beta, global)
	for _, tt := range []struct {
		filter authz.GrantFilter
		want   []authz.GrantDetail
	}{
		{authz.GrantFilter{}, []authz.GrantDetail{newest, middle, oldest}},
		{authz.GrantFilter{User: ada.ID}, []authz.GrantDetail{newest, oldest}},
		{authz.GrantFilter{Team: acme.ID}, []authz.GrantDetail{middle, oldest}},
		{authz.GrantFilter{Client: global.ID}, []authz.GrantDetail{newest, oldest}},
		{authz.GrantFilter{User: ada.ID, Team: acme.ID}, []authz.GrantDetail{oldest}},
		{authz.GrantFilter{Team: acme.ID, Client: acmes.ID}, []authz.GrantDetail{middle}},
		{authz.GrantFilter{User: bob.ID, Team: acme.ID, Client: global.ID}, nil},
	} {
		equal(k, "Grants", must[[]authz.GrantDetail](k)(k.db.Grants(k.ctx, tt.filter)), tt.want)
	}

	used := func(want time.Time) {
		k.Helper()
		equal(k, "LastUsed", must[[]authz.GrantDetail](k)(k.db.Grants(k.ctx, authz.GrantFilter{User: ada.ID, Team: acme.ID}))[0].LastUsed, want)
	}
	k.ok(k.db.Burn(k.ctx, family("f-burnt", oldest.Grant)))
	used(time.Time{})
	k.redeemed("f1", oldest.Grant)
	used(now)
	second := family("f2", oldest.Grant)
	second.CreatedAt = now.Add(time.Minute)
	_, err := k.db.Redeem(k.ctx, second)
	k.ok(err)
	used(now.Add(time.Minute))
	k.rotated(rotation("f1", global.ID, 0, now.Add(time.Hour-time.Second)))
	used(now.Add(time.Hour - time.Second))
}

func testRevokeGrant(k *kit) {
	k.populate()
	gone, stays := k.granted("g1", ada, global, acme, "read"), k.granted("g2", ada, global, beta, "read")
	k.redeemed("f1", gone)
	k.redeemed("f2", stays)
	k.ok(k.db.RevokeGrant(k.ctx, gone.ID))
	equal(k, "grants and families", k.rows("gh_grants", "id = 'g1'")+k.rows("gh_families", "id = 'f1'"), 0)
	equal(k, "what stays", k.rows("gh_families", "id = 'f2'"), 1)
	k.is(k.db.RevokeGrant(k.ctx, gone.ID), authz.ErrNoGrant)
	if again := k.granted("g3", ada, global, acme, "read"); again.ID != "g3" {
		k.Fatalf("connecting again revived the grant %s", again.ID)
	}
}

func testTeamStatuses(k *kit) {
	k.populate()
	teams := func(u team.User, c client.Client, want ...authz.TeamStatus) {
		k.Helper()
		equal(k, "TeamStatuses", must[[]authz.TeamStatus](k)(k.db.TeamStatuses(k.ctx, u.ID, c.ID)), want)
	}
	teams(ada, global, authz.TeamStatus{Team: acme, Role: team.Admin}, authz.TeamStatus{Team: beta, Role: team.Member})
	g := k.granted("g1", ada, global, acme, "read", "write")
	k.granted("g2", bob, global, acme, "read")
	k.granted("g3", ada, public, beta, "read")
	k.ok(block(k.ctx, k.db, beta.ID, global.ID, "no contract"))
	k.ok(block(k.ctx, k.db, acme.ID, public.ID, ""))
	teams(ada, global, authz.TeamStatus{Team: acme, Role: team.Admin, Grant: &g}, authz.TeamStatus{Team: beta, Role: team.Member, Row: govern.Row{State: govern.Blocked, Reason: "no contract", At: k.at(k.db)}})
	teams(team.User{ID: "nobody"}, global)

	_, err := k.db.SetPolicy(k.ctx, acme.ID, "", func(govern.Standing) (govern.Change, error) {
		return govern.Change{Policy: govern.Policy{Rule: govern.Nobody, Strict: true}}, nil
	})
	k.ok(err)
	got := must[[]authz.TeamStatus](k)(k.db.TeamStatuses(k.ctx, bob.ID, global.ID))
	equal(k, "the policy", got[0].Policy, govern.Policy{Rule: govern.Nobody, Strict: true})
	equal(k, "suspended since", got[0].Grant.SuspendedAt, k.at(k.db))
}

// A user is a session and its person's teams, in one query.
func testSignedInUser(k *kit) {
	k.populate()
	k.granted("g1", ada, global, acme, "read", "write")
	k.ok(block(k.ctx, k.db, beta.ID, global.ID, "no contract"))
	loner := team.User{ID: "u-loner", Email: "loner@example.com", CreatedAt: now}
	k.ok(k.db.AddUser(k.ctx, loner))
	for _, u := range []team.User{ada, bob, loner} {
		want := session("s-"+string(u.ID), u)
		k.ok(k.db.StartSession(k.ctx, want, ""))
		k.count.reset()
		got := must[authz.SignedInUser](k)(k.db.SignedInUser(k.ctx, want.ID, global.ID, now))
		equal(k, "queries", k.count.get("SignedInUser"), 1)
		equal(k, "the session", got.Session, want)
		equal(k, "the teams of "+u.Email, got.Teams, must[[]authz.TeamStatus](k)(k.db.TeamStatuses(k.ctx, u.ID, global.ID)))
	}

	absent := func(id string, at time.Time) {
		k.Helper()
		_, err := k.db.SignedInUser(k.ctx, id, global.ID, at)
		k.is(err, authn.ErrNoSession)
	}
	absent("nobody", now)
	absent("s-"+string(ada.ID), now.Add(time.Hour)) // expired
	k.ok(k.db.EndSession(k.ctx, "s-"+string(bob.ID)))
	absent("s-"+string(bob.ID), now)
	k.ok(k.db.DisableUser(k.ctx, loner.ID, now))
	absent("s-u-loner", now)
}

// What a team has to do with is its own, what a member connected to it, and what it blocks: in that team, and no other.
func testTeamClients(k *kit) {
	k.populate()
	blocked, elsewhere := client.Client{ID: "c-blocked", Name: "Blocked", CreatedAt: now}, client.Client{ID: "c-elsewhere", Name: "Elsewhere", CreatedAt: now}
	k.ok(k.db.AddClient(k.ctx, blocked))
	k.ok(k.db.AddClient(k.ctx, elsewhere))
	k.granted("g1", ada, global, acme, "read")
	k.granted("g2", bob, global, acme, "read")
	k.granted("g3", ada, elsewhere, beta, "read")
	k.ok(block(k.ctx, k.db, acme.ID, blocked.ID, "no"))
	for i := range 2 {
		at := now.Add(time.Duration(i) * time.Minute)
		k.ok(k.db.IssueMachine(k.ctx, acmes.ID, at, nil))
	}
	ids := func(t team.Team) (list []string) {
		k.Helper()
		for _, c := range must[[]client.Used](k)(k.db.TeamClients(k.ctx, t.ID)) {
			list = append(list, fmt.Sprintf("%s %v %d", c.ID, c.LastToken.IsZero(), len(c.Secrets)))
			if !c.LastToken.IsZero() {
				equal(k, "the last token", c.LastToken, now.Add(time.Minute))
			}
		}
		return list
	}
	equal(k, "clients of acme", ids(acme), []string{"c-acme false 0", "c-blocked true 0", "c-global true 0"})
	equal(k, "clients of beta", ids(beta), []string{"c-elsewhere true 0"})
}

func testBlocks(k *kit) {
	k.populate()
	gone, elsewhere, others := k.granted("g1", ada, global, acme, "read"), k.granted("g2", ada, global, beta, "read"), k.granted("g3", ada, public, acme, "read")
	k.redeemed("f1", gone)
	k.redeemed("f2", elsewhere)
	k.redeemed("f3", others)
	k.ok(block(k.ctx, k.db, acme.ID, global.ID, "no contract"))
	equal(k, "grants and families", k.rows("gh_grants", "id = 'g1'")+k.rows("gh_families", "id = 'f1'"), 0)
	equal(k, "what stays", k.rows("gh_families", "id IN ('f2', 'f3')"), 2)

	k.ok(block(k.ctx, k.db, acme.ID, global.ID, "not any more"))
	k.ok(block(k.ctx, k.db, acme.ID, acmes.ID, "noisy"))
	row := func(c client.Client, reason string) govern.Row {
		return govern.Row{Team: acme.ID, Client: c.ID, State: govern.Blocked, Reason: reason, At: k.at(k.db)}
	}
	equal(k, "Rows", must[[]govern.Row](k)(k.db.Rows(k.ctx, acme.ID)), []govern.Row{row(acmes, "noisy"), row(global, "not any more")})
	equal(k, "Rows elsewhere", must[[]govern.Row](k)(k.db.Rows(k.ctx, beta.ID)), nil)

	k.ok(unblock(k.ctx, k.db, acme.ID, global.ID))
	k.is(unblock(k.ctx, k.db, acme.ID, global.ID), govern.ErrNoBlock)
	equal(k, "grants revived", k.rows("gh_grants", "id = 'g1'"), 0)
	k.granted("g4", ada, global, acme, "read")
	k.is(block(k.ctx, k.db, "nowhere", global.ID, ""), team.ErrNoTeam)
	k.is(block(k.ctx, k.db, acme.ID, "nothing", ""), client.ErrNoClient)
}

// updateClient replaces everything about a client that can be replaced.
func updateClient(ctx context.Context, db *store.DB, c client.Client) error {
	_, err := db.UpdateClient(ctx, c.ID, func(client.Client) (client.Client, error) { return c, nil })
	return err
}
