package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// changeMember gives a member of Acme a role, or none, without looking.
func changeMember(ctx context.Context, db *store.DB, user team.UserID, role team.Role) error {
	return db.ChangeMembers(ctx, acme.ID, []team.UserID{user}, func(now team.Standing) (map[team.UserID]team.Role, error) {
		if now.Roles[user] == "" {
			return nil, team.ErrNoMember
		}
		return map[team.UserID]team.Role{user: role}, nil
	})
}

func testCreateTeam(k *kit) {
	k.populate()
	made := team.Team{ID: "t-new", Slug: "new", Name: "New", CreatedAt: now}
	k.is(k.db.CreateTeam(k.ctx, made, ada.ID, 2), team.ErrTooManyTeams) // she is in two
	k.is(k.db.CreateTeam(k.ctx, made, "nobody", 9), team.ErrNoUser)
	k.is(k.db.CreateTeam(k.ctx, team.Team{ID: "t-new", Slug: acme.Slug}, ada.ID, 9), team.ErrSlugTaken)
	_, err := k.db.TeamBySlug(k.ctx, "new")
	k.is(err, team.ErrNoTeam)
	k.ok(k.db.CreateTeam(k.ctx, made, ada.ID, 3))
	equal(k, "the team", must[team.Team](k)(k.db.TeamBySlug(k.ctx, "new")), made)
	equal(k, "its members", must[[]team.Person](k)(k.db.Members(k.ctx, made.ID)), []team.Person{{User: ada, Role: team.Admin, CreatedAt: now}})

	// Those that are created at once count each other.
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			err := k.db.CreateTeam(k.ctx, team.Team{ID: team.ID(fmt.Sprint("t-", n)), Slug: fmt.Sprint("t-", n), Name: "T", CreatedAt: now}, bob.ID, 4)
			if err != nil && !errors.Is(err, team.ErrTooManyTeams) {
				k.Error(err)
			}
		})
	}
	wg.Wait()
	equal(k, "Bob's teams", len(must[[]team.Membership](k)(k.db.Memberships(k.ctx, bob.ID))), 4)
	k.ok(k.db.DisableUser(k.ctx, bob.ID, now))
	k.is(k.db.CreateTeam(k.ctx, team.Team{ID: "t-off", Slug: "off"}, bob.ID, 9), team.ErrNoUser)
}

func testChangeMembers(k *kit) {
	k.populate()
	f := family("f1", k.granted("g1", ada, global, acme, "read"))
	k.redeemed("f1", k.granted("g1", ada, global, acme, "read"))
	k.redeemed("f2", k.granted("g2", ada, global, beta, "read"))
	k.redeemed("f3", k.granted("g3", bob, global, acme, "read"))

	// A role ends nothing, and two change as one.
	k.ok(k.db.ChangeMembers(k.ctx, acme.ID, []team.UserID{ada.ID, bob.ID}, func(team.Standing) (map[team.UserID]team.Role, error) {
		return map[team.UserID]team.Role{ada.ID: team.Member, bob.ID: team.Admin}, nil
	}))
	equal(k, "Members", must[[]team.Person](k)(k.db.Members(k.ctx, acme.ID)), []team.Person{
		{User: ada, Role: team.Member, CreatedAt: now}, {User: bob, Role: team.Admin, CreatedAt: now},
	})
	equal(k, "grants", k.rows("gh_grants", "1 = 1"), 3)
	equal(k, "events", k.rows("gh_audit", "kind = 'member.role_changed' AND team_id = 't-acme'"), 2)
	equal(k, "what was told", k.rows("gh_notices", "kind <> 'mail.connected'"), 0)

	no := errors.New("no")
	k.is(k.db.ChangeMembers(k.ctx, acme.ID, nil, func(team.Standing) (map[team.UserID]team.Role, error) { return nil, no }), no)
	k.is(k.db.ChangeMembers(k.ctx, "nowhere", nil, func(team.Standing) (map[team.UserID]team.Role, error) { return nil, nil }), team.ErrNoTeam)
	k.is(k.db.ChangeMembers(k.ctx, beta.ID, nil, func(team.Standing) (map[team.UserID]team.Role, error) {
		return map[team.UserID]team.Role{bob.ID: team.Admin}, nil
	}), team.ErrNoMember)

	k.ok(changeMember(k.ctx, k.db, ada.ID, ""))
	equal(k, "grants and families", k.rows("gh_grants", "id = 'g1'")+k.rows("gh_families", "id = 'f1'"), 0)
	equal(k, "what stays", k.rows("gh_families", "id IN ('f2', 'f3')"), 2)
	equal(k, "endings", k.rows("gh_endings", "kind = 'grant' AND id = 'g1'"), 1)
	equal(k, "mails", k.rows("gh_notices", "kind = 'mail.member_removed' AND user_id = 'u-ada'"), 1)
	_, err := k.db.Connection(k.ctx, f.ID, now)
	if err == nil {
		k.Error("a connection of somebody who was removed is alive")
	}
	k.is(changeMember(k.ctx, k.db, ada.ID, ""), team.ErrNoMember)
}

// testStanding: the decision gets what it needs.
func testStanding(k *kit) {
	k.populate()
	cy := team.User{ID: "u-cy", Email: "cy@example.com", Name: "Cy", CreatedAt: now}
	k.ok(k.db.AddUser(k.ctx, cy))
	k.ok(k.db.AddMember(k.ctx, team.Membership{User: cy.ID, Team: acme, Role: team.Admin, CreatedAt: now}))
	read := func() (now team.Standing) {
		k.ok(k.db.ChangeMembers(k.ctx, acme.ID, []team.UserID{bob.ID, cy.ID, "nobody"}, func(s team.Standing) (map[team.UserID]team.Role, error) {
			now = s
			return nil, nil
		}))
		return now
	}
	equal(k, "standing", read(), team.Standing{
		Roles: map[team.UserID]team.Role{bob.ID: team.Member, cy.ID: team.Admin}, Admins: []team.UserID{ada.ID, cy.ID},
	})
	equal(k, "events", k.rows("gh_audit", "kind LIKE 'member.r%'"), 0)
	k.ok(k.db.DisableUser(k.ctx, cy.ID, now))
	equal(k, "standing", read(), team.Standing{
		Roles: map[team.UserID]team.Role{bob.ID: team.Member, cy.ID: team.Admin}, Admins: []team.UserID{ada.ID}, CannotSignIn: []team.UserID{cy.ID},
	})
}

// testLastAdminRace has all admins of a team demote each other, leave, and remove each other at once, through two processes: one is left.
func testLastAdminRace(k *kit) {
	k.populate()
	services := []*team.Service{{People: k.db, Teams: k.db, Now: nowAt}, {People: k.second(), Teams: k.second(), Now: nowAt}}
	admins := []team.User{ada}
	for n := range 7 {
		u := team.User{ID: team.UserID(fmt.Sprint("u-", n)), Email: fmt.Sprintf("n%d@example.com", n), Name: "N", CreatedAt: now}
		k.ok(k.db.AddUser(k.ctx, u))
		k.ok(k.db.AddMember(k.ctx, team.Membership{User: u.ID, Team: acme, Role: team.Admin, CreatedAt: now}))
		admins = append(admins, u)
	}
	var wg sync.WaitGroup
	for n, u := range admins {
		other := admins[(n+1)%len(admins)]
		s := services[n%2]
		actor := team.ActingUser(u, []team.Membership{{Team: acme, Role: team.Admin}})
		wg.Go(func() {
			var err error
			switch n % 3 {
			case 0:
				_, err = s.SetRole(k.ctx, actor, acme.Slug, other.Email, team.Member)
			case 1:
				err = s.Leave(k.ctx, actor, acme.Slug)
			case 2:
				err = s.RemoveMember(k.ctx, actor, acme.Slug, other.Email)
			}
			if err != nil && !errors.Is(err, team.ErrLastAdmin) && !errors.Is(err, team.ErrForbidden) && !errors.Is(err, team.ErrNoMember) {
				k.Error(err)
			}
		})
	}
	wg.Wait()
	if n := k.rows("gh_memberships", "team_id = 't-acme' AND role = 'admin'"); n == 0 {
		k.Error("no admin is left")
	}

	// Two demote each other, until both have tried.
	for round := range 5 {
		for _, u := range admins[:2] {
			_, err := services[0].AddMember(k.ctx, team.CommandLine, acme.Slug, u.Email, team.Admin)
			if errors.Is(err, team.ErrIsMember) {
				_, err = services[0].SetRole(k.ctx, team.CommandLine, acme.Slug, u.Email, team.Admin)
			}
			k.ok(err)
		}
		for _, u := range admins[2:] {
			if err := services[0].RemoveMember(k.ctx, team.CommandLine, acme.Slug, u.Email); err != nil {
				k.is(err, team.ErrNoMember)
			}
		}
		for n := range 2 {
			actor := team.ActingUser(admins[n], []team.Membership{{Team: acme, Role: team.Admin}})
			wg.Go(func() {
				_, err := services[n].SetRole(k.ctx, actor, acme.Slug, admins[1-n].Email, team.Member)
				if err != nil && !errors.Is(err, team.ErrForbidden) { // the other one was first
					k.Error(err)
				}
			})
		}
		wg.Wait()
		equal(k, fmt.Sprint("admins after round ", round), k.rows("gh_memberships", "team_id = 't-acme' AND role = 'admin'"), 1)
	}
}

func nowAt() time.Time { return now }
