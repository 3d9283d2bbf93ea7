package team_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

// company is a team with its people, as actors.
type company struct {
	*testing.T
	*team.Service
	people map[string]team.User
}

func newCompany(t *testing.T, roles map[string]team.Role) *company {
	t.Helper()
	c := &company{t, newService(t), map[string]team.User{}}
	must[team.Team](t)(c.AddTeam(t.Context(), team.CommandLine, "acme", "Acme"))
	must[team.Team](t)(c.AddTeam(t.Context(), team.CommandLine, "other", "Other"))
	for name, role := range roles {
		c.people[name] = must[team.User](t)(c.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: name + "@example.com", Name: name, EmailVerified: true}))
		if role != "" {
			must[team.Membership](t)(c.AddMember(t.Context(), team.CommandLine, "acme", name+"@example.com", role))
		}
	}
	return c
}

// as is a person with their roles as they are now.
func (c *company) as(name string) team.Actor {
	c.Helper()
	actor, _, err := c.Acting(c.Context(), c.people[name])
	if err != nil {
		c.Fatal(err)
	}
	return actor
}

func (c *company) roles() map[string]team.Role {
	c.Helper()
	roles := map[string]team.Role{}
	for _, p := range must[[]team.Person](c.T)(c.Members(c.Context(), team.CommandLine, "acme")) {
		roles[p.User.Name] = p.Role
	}
	return roles
}

// TestLastAdminStays: nobody but the operator can leave a team without an admin who can sign in.
func TestLastAdminStays(t *testing.T) {
	everybody := map[string]team.Role{"ada": team.Admin, "bob": team.Developer, "off": team.Admin, "out": team.Member, "eve": ""}
	c := newCompany(t, everybody)
	must[team.User](t)(c.DisableUser(t.Context(), team.CommandLine, "off@example.com"))
	must[team.User](t)(c.DisableUser(t.Context(), team.CommandLine, "out@example.com"))
	ada := c.as("ada")
	for what, do := range map[string]func() error{
		"leave":          func() error { return c.Leave(t.Context(), ada, "acme") },
		"remove herself": func() error { return c.RemoveMember(t.Context(), ada, "acme", "ada@example.com") },
		"demote herself": func() error {
			_, err := c.SetRole(t.Context(), ada, "acme", "ada@example.com", team.Member)
			return err
		},
		"develop instead": func() error {
			_, err := c.SetRole(t.Context(), ada, "acme", "ada@example.com", team.Developer)
			return err
		},
		"hand over to somebody who cannot sign in": func() error { _, err := c.HandOver(t.Context(), ada, "acme", "off@example.com"); return err },
		"hand over to a member who cannot sign in": func() error { _, err := c.HandOver(t.Context(), ada, "acme", "out@example.com"); return err },
	} {
		if err := do(); !errors.Is(err, team.ErrLastAdmin) {
			t.Errorf("%s: got %v, want ErrLastAdmin", what, err)
		}
	}
	delete(everybody, "eve")
	if diff := cmp.Diff(everybody, c.roles()); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	for _, email := range []string{"eve@example.com", "nobody@example.com"} {
		if _, err := c.HandOver(t.Context(), ada, "acme", email); !errors.Is(err, team.ErrNoMember) {
			t.Errorf("hand over to %s: got %v, want ErrNoMember", email, err)
		}
	}
	if _, err := c.HandOver(t.Context(), ada, "acme", "ada@example.com"); err == nil || errors.Is(err, team.ErrLastAdmin) {
		t.Errorf("handed over to herself: got %v, want that this is herself", err)
	}
	must[team.User](t)(c.HandOver(t.Context(), ada, "acme", "bob@example.com"))
	if diff := cmp.Diff(map[string]team.Role{"ada": team.Member, "bob": team.Admin, "off": team.Admin, "out": team.Member}, c.roles()); diff != "" {
		t.Errorf("handed over (-want +got):\n%s", diff)
	}
	// What she could do before is decided anew under the lock.
	if err := c.RemoveMember(t.Context(), ada, "acme", "bob@example.com"); !errors.Is(err, team.ErrForbidden) {
		t.Errorf("an admin of before removes: got %v, want ErrForbidden", err)
	}
	if _, err := c.RenameTeam(t.Context(), ada, "acme", "mine", ""); !errors.Is(err, team.ErrForbidden) {
		t.Errorf("an admin of before renames: got %v, want ErrForbidden", err)
	}
	if _, err := c.RemoveTeam(t.Context(), ada, "acme"); !errors.Is(err, team.ErrForbidden) {
		t.Errorf("an admin of before removes the team: got %v, want ErrForbidden", err)
	}
	if err := c.Leave(t.Context(), ada, "acme"); err != nil {
		t.Error(err)
	}
	// The operator has to be able to keep somebody out at once.
	if err := c.RemoveMember(t.Context(), team.CommandLine, "acme", "bob@example.com"); err != nil {
		t.Error(err)
	}
}

// TestWhoManagesATeam walks through everything that is done with a team's members, by everybody.
func TestWhoManagesATeam(t *testing.T) {
	acts := map[string]func(ctx context.Context, c *company, a team.Actor) error{
		"see members": func(ctx context.Context, c *company, a team.Actor) error {
			_, err := c.Members(ctx, a, "acme")
			return err
		},
		"set a role": func(ctx context.Context, c *company, a team.Actor) error {
			_, err := c.SetRole(ctx, a, "acme", "cy@example.com", team.Admin)
			return err
		},
		"remove": func(ctx context.Context, c *company, a team.Actor) error {
			return c.RemoveMember(ctx, a, "acme", "cy@example.com")
		},
		"leave": func(ctx context.Context, c *company, a team.Actor) error { return c.Leave(ctx, a, "acme") },
		"hand over": func(ctx context.Context, c *company, a team.Actor) error {
			_, err := c.HandOver(ctx, a, "acme", "cy@example.com")
			return err
		},
		"rename": func(ctx context.Context, c *company, a team.Actor) error {
			_, err := c.RenameTeam(ctx, a, "acme", "", "Apex")
			return err
		},
		"remove the team": func(ctx context.Context, c *company, a team.Actor) error {
			_, err := c.RemoveTeam(ctx, a, "acme")
			return err
		},
		"add": func(ctx context.Context, c *company, a team.Actor) error {
			_, err := c.AddMember(ctx, a, "acme", "eve@example.com", team.Member)
			return err
		},
	}
	may := map[string][]string{
		"ada": {"see members", "set a role", "remove", "leave", "hand over", "rename", "remove the team"},
		"bob": {"see members", "leave"}, "mia": {"see members", "leave"}, "new": {"see members", "leave"},
		"eve": nil, "otto": nil,
		"the command line": {"see members", "set a role", "remove", "rename", "remove the team", "add"},
	}
	for who, allowed := range may {
		for act, do := range acts {
			c := newCompany(t, map[string]team.Role{"ada": team.Admin, "cy": team.Admin, "bob": team.Developer, "mia": team.Member, "eve": "", "otto": ""})
			must[team.Membership](t)(c.AddMember(t.Context(), team.CommandLine, "other", "otto@example.com", team.Admin))
			u := must[team.User](t)(c.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "new@example.com", Name: "new"}))
			c.people["new"] = u
			acme := must[team.Team](t)(c.TeamBySlug(t.Context(), team.CommandLine, "acme"))
			if err := c.Teams.AddMember(t.Context(), team.Membership{User: u.ID, Team: acme, Role: "owner"}); err != nil { // of a newer release
				t.Fatal(err)
			}
			actor := team.CommandLine
			if who != "the command line" {
				actor = c.as(who)
			}
			err := do(t.Context(), c, actor)
			want := false
			for _, a := range allowed {
				want = want || a == act
			}
			if want && err != nil || !want && !errors.Is(err, team.ErrForbidden) {
				t.Errorf("%s: %s: got %v, want allowed: %v", who, act, err, want)
			}
		}
	}
}

// TestCreateTeam: who may, and with what.
func TestCreateTeam(t *testing.T) {
	c := newCompany(t, map[string]team.Role{"ada": ""})
	c.people["root"] = must[team.User](t)(c.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "root@example.com", Name: "root", Operator: true}))
	c.people["new"] = must[team.User](t)(c.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "new@example.com", Name: "new"}))
	if _, err := c.CreateTeam(t.Context(), c.as("ada"), "adas", "Ada's"); !errors.Is(err, team.ErrForbidden) {
		t.Errorf("a person: got %v, want ErrForbidden", err)
	}
	must[team.Team](t)(c.CreateTeam(t.Context(), c.as("root"), "roots", "Root's"))
	c.TeamCreation = team.CreationAnyone
	made := must[team.Team](t)(c.CreateTeam(t.Context(), c.as("ada"), "adas", "Ada's"))
	if role := c.as("ada").Teams[made.ID]; role != team.Admin {
		t.Errorf("she is %q in it, want admin", role)
	}
	if _, err := c.CreateTeam(t.Context(), c.as("new"), "news", "New's"); !errors.Is(err, team.ErrUnproven) {
		t.Errorf("an address that nobody proved: got %v, want ErrUnproven", err)
	}
	if _, err := c.CreateTeam(t.Context(), c.as("ada"), "acme", "Mine"); !errors.Is(err, team.ErrSlugTaken) {
		t.Errorf("a slug that is taken: got %v, want ErrSlugTaken", err)
	}
	for _, slug := range []string{"", "..", "../acme", "a/b", "%2e%2e", "new/"} {
		if _, err := c.CreateTeam(t.Context(), c.as("ada"), slug, "Mine"); err == nil {
			t.Errorf("the slug %q was taken", slug)
		}
	}
	for _, actor := range []team.Actor{team.CommandLine, {}, {Kind: team.KindClient, Client: "c"}} {
		if _, err := c.CreateTeam(t.Context(), actor, "x", "X"); !errors.Is(err, team.ErrForbidden) {
			t.Errorf("%+v: got %v, want ErrForbidden", actor, err)
		}
	}
}

// A role that is set again changes nothing, and one that does not exist is refused.
func TestSetRole(t *testing.T) {
	c := newCompany(t, map[string]team.Role{"ada": team.Admin, "bob": team.Member})
	for range 2 {
		must[team.User](t)(c.SetRole(t.Context(), c.as("ada"), "acme", "bob@example.com", team.Developer))
	}
	must[team.User](t)(c.SetRole(t.Context(), c.as("ada"), "acme", "ada@example.com", team.Admin))
	if _, err := c.SetRole(t.Context(), c.as("ada"), "acme", "bob@example.com", "owner"); err == nil || errors.Is(err, team.ErrForbidden) {
		t.Errorf("role owner: got %v, want it refused for the role", err)
	}
	if _, err := c.SetRole(t.Context(), team.CommandLine, "acme", "nobody@example.com", team.Member); !errors.Is(err, team.ErrNoUser) {
		t.Errorf("the operator and nobody: got %v, want ErrNoUser", err)
	}
	events := must[[]audit.Entry](t)(c.History(t.Context(), team.CommandLine, audit.Filter{Kind: "member.role_changed"}))
	if len(events) != 1 || events[0].Detail != "developer, before: member" {
		t.Errorf("got the events %+v, want one", events)
	}
}
