package team_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newService(t *testing.T) *team.Service {
	t.Helper()
	return serviceAt(t, func() time.Time { return now })
}

// serviceAt is a service whose store has a clock.
func serviceAt(t *testing.T, clock func() time.Time) *team.Service {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{Lease: time.Millisecond, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &team.Service{People: db, Teams: db, Audit: db, Now: func() time.Time { return now.Add(123 * time.Microsecond) }}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestAddUser(t *testing.T) {
	s := newService(t)
	u := must[team.User](t)(s.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: " Ada@Example.com", Name: " Ada Lovelace ", Operator: true}))
	want := team.User{ID: u.ID, Email: "Ada@Example.com", Name: "Ada Lovelace", Operator: true, CreatedAt: now}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Errorf("as returned (-want +got):\n%s", diff)
	}
	found := must[team.User](t)(s.UserByEmail(t.Context(), team.CommandLine, "ADA@example.COM "))
	if diff := cmp.Diff(u, found); diff != "" {
		t.Errorf("as found (-want +got):\n%s", diff)
	}
	if len(u.ID) < 22 || strings.Contains(string(u.ID), "ada") {
		t.Errorf("got id %q, want an opaque one of 128 bits", u.ID)
	}
	if _, err := s.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "aDa@example.com", Name: "Another Ada"}); !errors.Is(err, team.ErrUserTaken) {
		t.Errorf("the same e-mail again: got %v, want ErrUserTaken", err)
	}
	if _, err := s.UserByEmail(t.Context(), team.CommandLine, "eve@example.com"); !errors.Is(err, team.ErrNoUser) {
		t.Errorf("an unknown e-mail: got %v, want ErrNoUser", err)
	}
}

func TestNamesAreChecked(t *testing.T) {
	s := newService(t)
	for _, name := range []string{"", "  ", "a\x00b", "a\nb", "a\x1b[31mb", "a\u202eb", "a\u2028b", "a\xffb", strings.Repeat("é", 101)} {
		if _, err := s.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "ada@example.com", Name: name}); err == nil {
			t.Errorf("user name %q was taken", name)
		}
		if _, err := s.AddTeam(t.Context(), team.CommandLine, "acme", name); err == nil {
			t.Errorf("team name %q was taken", name)
		}
	}
	for i, name := range []string{"A", "O'Neil <b>", "Société Générale", "नेहा", strings.Repeat("é", 100), "👩‍🚀"} {
		if _, err := s.AddTeam(t.Context(), team.CommandLine, strings.Repeat("x", 1+i), name); err != nil {
			t.Errorf("team name %q: %v", name, err)
		}
	}
}

func TestSlugs(t *testing.T) {
	s := newService(t)
	for _, slug := range []string{"a", "acme", "acme-labs", "4chan", "a-b-c", strings.Repeat("a", 63)} {
		if _, err := s.AddTeam(t.Context(), team.CommandLine, slug, "A team"); err != nil {
			t.Errorf("%q: %v", slug, err)
		}
	}
	for _, slug := range []string{"", "-", "-a", "a-", "a--b", "Acme", "a_b", "a b", "a/b", "a.b", "é", "acme\n", " acme", strings.Repeat("a", 64)} {
		if _, err := s.AddTeam(t.Context(), team.CommandLine, slug, "A team"); err == nil {
			t.Errorf("%q was taken", slug)
		}
		if _, err := s.RenameTeam(t.Context(), team.CommandLine, "acme", slug, ""); err == nil && slug != "" {
			t.Errorf("acme could be renamed %q", slug)
		}
	}
}

func TestRenameTeam(t *testing.T) {
	s := newService(t)
	acme := must[team.Team](t)(s.AddTeam(t.Context(), team.CommandLine, "acme", "Acme"))
	must[team.Team](t)(s.AddTeam(t.Context(), team.CommandLine, "taken", "Other"))

	got := must[team.Team](t)(s.RenameTeam(t.Context(), team.CommandLine, "acme", "acme-labs", ""))
	if want := (team.Team{ID: acme.ID, Slug: "acme-labs", Name: "Acme", CreatedAt: now}); got != want {
		t.Errorf("another slug: got %+v, want %+v", got, want)
	}
	got = must[team.Team](t)(s.RenameTeam(t.Context(), team.CommandLine, "acme-labs", "", "Acme Labs"))
	if want := (team.Team{ID: acme.ID, Slug: "acme-labs", Name: "Acme Labs", CreatedAt: now}); got != want {
		t.Errorf("another name: got %+v, want %+v", got, want)
	}
	if found := must[team.Team](t)(s.TeamBySlug(t.Context(), team.CommandLine, "acme-labs")); found != got {
		t.Errorf("as found: got %+v, want %+v", found, got)
	}
	if _, err := s.RenameTeam(t.Context(), team.CommandLine, "acme", "x", ""); !errors.Is(err, team.ErrNoTeam) {
		t.Errorf("by the old slug: got %v, want ErrNoTeam", err)
	}
	if _, err := s.RenameTeam(t.Context(), team.CommandLine, "acme-labs", "taken", ""); !errors.Is(err, team.ErrSlugTaken) {
		t.Errorf("to another team's slug: got %v, want ErrSlugTaken", err)
	}
}

func TestMembers(t *testing.T) {
	s := newService(t)
	must[team.Team](t)(s.AddTeam(t.Context(), team.CommandLine, "acme", "Acme"))
	ada := must[team.User](t)(s.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "ada@example.com", Name: "Ada"}))
	must[team.Membership](t)(s.AddMember(t.Context(), team.CommandLine, "acme", "ADA@example.com", team.Admin))

	people := must[[]team.Person](t)(s.Members(t.Context(), team.CommandLine, "acme"))
	if diff := cmp.Diff([]team.Person{{User: ada, Role: team.Admin, CreatedAt: now}}, people); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	for name, test := range map[string]struct {
		slug, email string
		role        team.Role
		want        error
	}{
		"twice":        {"acme", "ada@example.com", team.Member, team.ErrIsMember},
		"no such team": {"nowhere", "ada@example.com", team.Member, team.ErrNoTeam},
		"no such user": {"acme", "eve@example.com", team.Member, team.ErrNoUser},
	} {
		if _, err := s.AddMember(t.Context(), team.CommandLine, test.slug, test.email, test.role); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	if _, err := s.AddMember(t.Context(), team.CommandLine, "acme", "ada@example.com", "owner"); err == nil || errors.Is(err, team.ErrIsMember) {
		t.Errorf("role owner: got %v, want it refused for the role", err)
	}
	if err := s.RemoveMember(t.Context(), team.CommandLine, "acme", "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveMember(t.Context(), team.CommandLine, "acme", "ada@example.com"); !errors.Is(err, team.ErrNoMember) {
		t.Errorf("removing twice: got %v, want ErrNoMember", err)
	}
	if people := must[[]team.Person](t)(s.Members(t.Context(), team.CommandLine, "acme")); len(people) != 0 {
		t.Errorf("got %d members, want none", len(people))
	}
}

func TestRemovedTeamIsGone(t *testing.T) {
	clock := now
	s := serviceAt(t, func() time.Time { return clock })
	old := must[team.Team](t)(s.AddTeam(t.Context(), team.CommandLine, "acme", "Acme"))
	must[team.User](t)(s.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "ada@example.com", Name: "Ada"}))
	must[team.Membership](t)(s.AddMember(t.Context(), team.CommandLine, "acme", "ada@example.com", team.Member))
	must[team.Team](t)(s.RemoveTeam(t.Context(), team.CommandLine, "acme"))
	if _, err := s.RemoveTeam(t.Context(), team.CommandLine, "acme"); !errors.Is(err, team.ErrNoTeam) {
		t.Errorf("removing twice: got %v, want ErrNoTeam", err)
	}
	if _, err := s.AddTeam(t.Context(), team.CommandLine, "acme", "Acme"); !errors.Is(err, team.ErrSlugTaken) {
		t.Errorf("the slug at once: got %v, want ErrSlugTaken", err)
	}
	clock = clock.Add(team.SlugRest)
	again := must[team.Team](t)(s.AddTeam(t.Context(), team.CommandLine, "acme", "Acme"))
	if again.ID == old.ID {
		t.Error("a team with a reused slug got the old team's id")
	}
	if people := must[[]team.Person](t)(s.Members(t.Context(), team.CommandLine, "acme")); len(people) != 0 {
		t.Errorf("a team with a reused slug has %d members of the old one", len(people))
	}
}

func TestVerifyEmail(t *testing.T) {
	s := newService(t)
	must[team.User](t)(s.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "ada@example.com", Name: "Ada"}))
	must[team.User](t)(s.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "bob@example.com", Name: "Bob", EmailVerified: true}))
	for email, want := range map[string]bool{"ada@example.com": false, "bob@example.com": true} {
		if u := must[team.User](t)(s.UserByEmail(t.Context(), team.CommandLine, email)); u.EmailVerified != want {
			t.Errorf("the address of %s, as added: verified %v, want %v", u.Name, u.EmailVerified, want)
		}
	}
	for range 2 {
		if u := must[team.User](t)(s.VerifyEmail(t.Context(), team.CommandLine, "ADA@example.com")); !u.EmailVerified {
			t.Error("the address is not verified, as returned")
		}
		if u := must[team.User](t)(s.UserByEmail(t.Context(), team.CommandLine, "ada@example.com")); !u.EmailVerified {
			t.Error("the address is not verified, as found")
		}
	}
	if _, err := s.VerifyEmail(t.Context(), team.CommandLine, "eve@example.com"); !errors.Is(err, team.ErrNoUser) {
		t.Errorf("a stranger: got %v, want ErrNoUser", err)
	}
	ada := team.ActingUser(must[team.User](t)(s.UserByEmail(t.Context(), team.CommandLine, "ada@example.com")), nil)
	if _, err := s.VerifyEmail(t.Context(), ada, "ada@example.com"); !errors.Is(err, team.ErrForbidden) {
		t.Errorf("by herself, without proof: got %v, want ErrForbidden", err)
	}
}

func TestDisableUser(t *testing.T) {
	s := newService(t)
	must[team.User](t)(s.AddUser(t.Context(), team.CommandLine, team.NewUser{Email: "ada@example.com", Name: "Ada"}))
	first := must[team.User](t)(s.DisableUser(t.Context(), team.CommandLine, "Ada@example.com"))
	if !first.DisabledAt.Equal(now) {
		t.Errorf("disabled at %v, want %v", first.DisabledAt, now)
	}
	s.Now = func() time.Time { return now.Add(time.Hour) }
	if again := must[team.User](t)(s.DisableUser(t.Context(), team.CommandLine, "ada@example.com")); !again.DisabledAt.Equal(now) {
		t.Errorf("disabled again: at %v, want the first time", again.DisabledAt)
	}
	if events := must[[]audit.Entry](t)(s.Audit.Events(t.Context(), audit.Filter{Kind: audit.UserDisabled})); len(events) != 1 {
		t.Errorf("%d events say that the person was disabled, want 1: each is told by mail", len(events))
	}
	if u := must[team.User](t)(s.EnableUser(t.Context(), team.CommandLine, "ada@example.com")); !u.DisabledAt.IsZero() {
		t.Errorf("enabled, and disabled at %v", u.DisabledAt)
	}
	if u := must[team.User](t)(s.UserByEmail(t.Context(), team.CommandLine, "ada@example.com")); !u.DisabledAt.IsZero() {
		t.Errorf("found enabled, and disabled at %v", u.DisabledAt)
	}
	for name, do := range map[string]func() (team.User, error){
		"disable": func() (team.User, error) { return s.DisableUser(t.Context(), team.CommandLine, "eve@example.com") },
		"enable":  func() (team.User, error) { return s.EnableUser(t.Context(), team.CommandLine, "eve@example.com") },
	} {
		if _, err := do(); !errors.Is(err, team.ErrNoUser) {
			t.Errorf("%s a stranger: got %v, want ErrNoUser", name, err)
		}
	}
}
