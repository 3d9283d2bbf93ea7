package team_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newDirectory(t *testing.T) *team.Directory {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &team.Directory{Store: db, Now: func() time.Time { return now.Add(123 * time.Microsecond) }}
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
	d := newDirectory(t)
	u := must[team.User](t)(d.AddUser(t.Context(), " Ada@Example.com", " Ada Lovelace ", true))
	want := team.User{ID: u.ID, Email: "ada@example.com", Name: "Ada Lovelace", Operator: true, CreatedAt: now}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Errorf("as returned (-want +got):\n%s", diff)
	}
	found := must[team.User](t)(d.UserByEmail(t.Context(), "ADA@example.COM "))
	if diff := cmp.Diff(u, found); diff != "" {
		t.Errorf("as found (-want +got):\n%s", diff)
	}
	if len(u.ID) < 22 || strings.Contains(string(u.ID), "ada") {
		t.Errorf("got id %q, want an opaque one of 128 bits", u.ID)
	}
	if _, err := d.AddUser(t.Context(), "aDa@example.com", "Another Ada", false); !errors.Is(err, team.ErrUserTaken) {
		t.Errorf("the same e-mail again: got %v, want ErrUserTaken", err)
	}
	if _, err := d.UserByEmail(t.Context(), "eve@example.com"); !errors.Is(err, team.ErrNoUser) {
		t.Errorf("an unknown e-mail: got %v, want ErrNoUser", err)
	}
}

func TestNamesAreChecked(t *testing.T) {
	d := newDirectory(t)
	for _, name := range []string{"", "  ", "a\x00b", "a\nb", "a\x1b[31mb", "a\u202eb", "a\u2028b", "a\xffb", strings.Repeat("é", 101)} {
		if _, err := d.AddUser(t.Context(), "ada@example.com", name, false); err == nil {
			t.Errorf("user name %q was taken", name)
		}
		if _, err := d.AddTeam(t.Context(), "acme", name); err == nil {
			t.Errorf("team name %q was taken", name)
		}
	}
	for i, name := range []string{"A", "O'Neil <b>", "Société Générale", "नेहा", strings.Repeat("é", 100), "👩‍🚀"} {
		if _, err := d.AddTeam(t.Context(), strings.Repeat("x", 1+i), name); err != nil {
			t.Errorf("team name %q: %v", name, err)
		}
	}
}

func TestSlugs(t *testing.T) {
	d := newDirectory(t)
	for _, slug := range []string{"a", "acme", "acme-labs", "4chan", "a-b-c", strings.Repeat("a", 63)} {
		if _, err := d.AddTeam(t.Context(), slug, "A team"); err != nil {
			t.Errorf("%q: %v", slug, err)
		}
	}
	for _, slug := range []string{"", "-", "-a", "a-", "a--b", "Acme", "a_b", "a b", "a/b", "a.b", "é", "acme\n", " acme", strings.Repeat("a", 64)} {
		if _, err := d.AddTeam(t.Context(), slug, "A team"); err == nil {
			t.Errorf("%q was taken", slug)
		}
		if _, err := d.RenameTeam(t.Context(), "acme", slug, ""); err == nil && slug != "" {
			t.Errorf("acme could be renamed %q", slug)
		}
	}
}

func TestRenameTeam(t *testing.T) {
	d := newDirectory(t)
	acme := must[team.Team](t)(d.AddTeam(t.Context(), "acme", "Acme"))
	must[team.Team](t)(d.AddTeam(t.Context(), "taken", "Other"))

	got := must[team.Team](t)(d.RenameTeam(t.Context(), "acme", "acme-labs", ""))
	if want := (team.Team{ID: acme.ID, Slug: "acme-labs", Name: "Acme", CreatedAt: now}); got != want {
		t.Errorf("another slug: got %+v, want %+v", got, want)
	}
	got = must[team.Team](t)(d.RenameTeam(t.Context(), "acme-labs", "", "Acme Labs"))
	if want := (team.Team{ID: acme.ID, Slug: "acme-labs", Name: "Acme Labs", CreatedAt: now}); got != want {
		t.Errorf("another name: got %+v, want %+v", got, want)
	}
	if found := must[team.Team](t)(d.TeamBySlug(t.Context(), "acme-labs")); found != got {
		t.Errorf("as found: got %+v, want %+v", found, got)
	}
	if _, err := d.RenameTeam(t.Context(), "acme", "x", ""); !errors.Is(err, team.ErrNoTeam) {
		t.Errorf("by the old slug: got %v, want ErrNoTeam", err)
	}
	if _, err := d.RenameTeam(t.Context(), "acme-labs", "taken", ""); !errors.Is(err, team.ErrSlugTaken) {
		t.Errorf("to another team's slug: got %v, want ErrSlugTaken", err)
	}
}

func TestMembers(t *testing.T) {
	d := newDirectory(t)
	must[team.Team](t)(d.AddTeam(t.Context(), "acme", "Acme"))
	ada := must[team.User](t)(d.AddUser(t.Context(), "ada@example.com", "Ada", false))
	must[team.Membership](t)(d.AddMember(t.Context(), "acme", "ADA@example.com", team.Admin))

	people := must[[]team.Person](t)(d.Members(t.Context(), "acme"))
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
		if _, err := d.AddMember(t.Context(), test.slug, test.email, test.role); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
	if _, err := d.AddMember(t.Context(), "acme", "ada@example.com", "owner"); err == nil || errors.Is(err, team.ErrIsMember) {
		t.Errorf("role owner: got %v, want it refused for the role", err)
	}
	if err := d.RemoveMember(t.Context(), "acme", "ada@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := d.RemoveMember(t.Context(), "acme", "ada@example.com"); !errors.Is(err, team.ErrNoMember) {
		t.Errorf("removing twice: got %v, want ErrNoMember", err)
	}
	if people := must[[]team.Person](t)(d.Members(t.Context(), "acme")); len(people) != 0 {
		t.Errorf("got %d members, want none", len(people))
	}
}

func TestRemovedTeamIsGone(t *testing.T) {
	d := newDirectory(t)
	old := must[team.Team](t)(d.AddTeam(t.Context(), "acme", "Acme"))
	must[team.User](t)(d.AddUser(t.Context(), "ada@example.com", "Ada", false))
	must[team.Membership](t)(d.AddMember(t.Context(), "acme", "ada@example.com", team.Member))
	must[team.Team](t)(d.RemoveTeam(t.Context(), "acme"))
	if _, err := d.RemoveTeam(t.Context(), "acme"); !errors.Is(err, team.ErrNoTeam) {
		t.Errorf("removing twice: got %v, want ErrNoTeam", err)
	}
	again := must[team.Team](t)(d.AddTeam(t.Context(), "acme", "Acme"))
	if again.ID == old.ID {
		t.Error("a team with a reused slug got the old team's id")
	}
	if people := must[[]team.Person](t)(d.Members(t.Context(), "acme")); len(people) != 0 {
		t.Errorf("a team with a reused slug has %d members of the old one", len(people))
	}
}

func TestDisableUser(t *testing.T) {
	d := newDirectory(t)
	must[team.User](t)(d.AddUser(t.Context(), "ada@example.com", "Ada", false))
	first := must[team.User](t)(d.DisableUser(t.Context(), "Ada@example.com"))
	if !first.DisabledAt.Equal(now) {
		t.Errorf("disabled at %v, want %v", first.DisabledAt, now)
	}
	d.Now = func() time.Time { return now.Add(time.Hour) }
	if again := must[team.User](t)(d.DisableUser(t.Context(), "ada@example.com")); !again.DisabledAt.Equal(now) {
		t.Errorf("disabled again: at %v, want the first time", again.DisabledAt)
	}
	if u := must[team.User](t)(d.EnableUser(t.Context(), "ada@example.com")); !u.DisabledAt.IsZero() {
		t.Errorf("enabled, and disabled at %v", u.DisabledAt)
	}
	if u := must[team.User](t)(d.UserByEmail(t.Context(), "ada@example.com")); !u.DisabledAt.IsZero() {
		t.Errorf("found enabled, and disabled at %v", u.DisabledAt)
	}
	for name, do := range map[string]func() (team.User, error){
		"disable": func() (team.User, error) { return d.DisableUser(t.Context(), "eve@example.com") },
		"enable":  func() (team.User, error) { return d.EnableUser(t.Context(), "eve@example.com") },
	} {
		if _, err := do(); !errors.Is(err, team.ErrNoUser) {
			t.Errorf("%s a stranger: got %v, want ErrNoUser", name, err)
		}
	}
}
