package govern_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

// governed is a team of three with three applications.
type governed struct {
	*testing.T
	db      *store.DB
	service *govern.Service
	people  []team.UserID
	clients []oauth.ClientID
	now     time.Time
	grants  int
}

func newGoverned(t *testing.T) *governed {
	t.Helper()
	g := &governed{T: t, now: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return g.now }
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{Lease: time.Millisecond, Now: clock})
	g.ok(err)
	t.Cleanup(func() { db.Close() })
	g.db, g.service = db, &govern.Service{Store: db, Clients: db, Now: clock}
	g.ok(db.AddTeam(t.Context(), team.Team{ID: "t", Slug: "t", Name: "T"}))
	for i, role := range team.Roles() {
		id := team.UserID(fmt.Sprint("u", i))
		g.ok(db.AddUser(t.Context(), team.User{ID: id, Email: string(id) + "@example.com"}))
		g.ok(db.AddMember(t.Context(), team.Membership{User: id, Team: team.Team{ID: "t"}, Role: role}))
		g.people = append(g.people, id)
	}
	for _, c := range []client.Client{{ID: "c0", Name: "Zero"}, {ID: "c1", Name: "One", OptionalScope: oauth.Scope{"write"}}, {ID: "c2", Name: "Own", FirstParty: true}} {
		g.ok(db.AddClient(t.Context(), c))
		g.clients = append(g.clients, c.ID)
	}
	return g
}

func (g *governed) ok(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

// connect lets a person connect a client, if the team allows it.
func (g *governed) connect(user team.UserID, c oauth.ClientID, scope ...string) {
	g.Helper()
	g.grants++
	_, err := g.db.SaveGrant(g.Context(), authz.Grant{ID: authz.GrantID(fmt.Sprint("g", g.grants)), User: user, Client: c, Team: "t", Scope: scope}, false)
	if err != nil && err != authz.ErrNotLive {
		g.Fatal(err)
	}
}

// A stricter policy ends nothing by itself: what is in use is approved with what is granted, to be reviewed, and what is cut ends.
func TestStricterPolicyKeepsWhatIsInUse(t *testing.T) {
	g := newGoverned(t)
	g.connect("u1", "c0", "read")
	g.connect("u2", "c0", "write")
	g.connect("u2", "c1", "read")
	g.connect("u2", "c2", "read")
	first := govern.Policy{Rule: govern.ApproveFirst}
	preview, err := g.service.Preview(t.Context(), team.CommandLine, "t", first, []oauth.ClientID{"c1"})
	g.ok(err)
	want := govern.Preview{From: govern.Policy{Rule: govern.Everyone}, To: first, Effect: govern.Effect{Ended: 1}, Applications: []govern.Affected{
		{Client: "c0", Name: "Zero", People: 2, Scope: oauth.Scope{"read", "write"}},
		{Client: "c1", Name: "One", People: 1, Scope: oauth.Scope{"read"}, Cut: true},
	}}
	if diff := cmp.Diff(want, preview); diff != "" {
		t.Errorf("the preview (-want +got):\n%s", diff)
	}
	if p, err := g.service.Policy(t.Context(), team.CommandLine, "t"); err != nil || p.Rule != govern.Everyone {
		t.Errorf("a preview has set the policy %v, %v", p, err)
	}
	effect, err := g.service.SetPolicy(t.Context(), team.CommandLine, "t", first, []oauth.ClientID{"c1"})
	g.ok(err)
	if effect != want.Effect {
		t.Errorf("it did %+v, want %+v", effect, want.Effect)
	}
	rows, err := g.service.Rows(t.Context(), team.CommandLine, "t")
	g.ok(err)
	wantRow := govern.Row{
		Team: "t", Client: "c0", State: govern.Approved, Scope: oauth.Scope{"read", "write"}, At: g.now, ReviewBy: g.now.Add(govern.FirstReview), UsedSince: true,
	}
	if diff := cmp.Diff([]govern.Row{wantRow}, rows); diff != "" {
		t.Errorf("what was decided (-want +got):\n%s", diff)
	}

	// What was approved already keeps its ceiling and its reason, with what is in use beyond it.
	_, err = g.service.SetPolicy(t.Context(), team.CommandLine, "t", govern.Policy{Rule: govern.Everyone}, nil)
	g.ok(err)
	_, err = g.service.Approve(t.Context(), team.CommandLine, "t", "c1", govern.Approval{Scope: oauth.Scope{"more"}, Reason: "reviewed"})
	g.ok(err)
	g.connect("u2", "c1", "read")
	_, err = g.service.SetPolicy(t.Context(), team.CommandLine, "t", govern.Policy{Rule: govern.ListedOnly}, nil)
	g.ok(err)
	rows, err = g.service.Rows(t.Context(), team.CommandLine, "t")
	g.ok(err)
	for _, row := range rows {
		if row.Client == "c1" && (row.Scope.String() != "more read" || row.Reason != "reviewed") {
			t.Errorf("the approval became %+v", row)
		}
	}
}

// Whatever there is: a change of policy does what its preview said.
func TestPolicyDoesWhatItsPreviewSaid(t *testing.T) {
	g := newGoverned(t)
	random := rand.New(rand.NewPCG(13, 3)) //nolint:gosec // repeatable
	scopes := []oauth.Scope{{"read"}, {"write"}, {"read", "write"}}
	var seen govern.Effect
	for step := range 300 {
		user, c, scope := g.people[random.IntN(3)], g.clients[random.IntN(3)], scopes[random.IntN(3)]
		switch random.IntN(4) {
		case 0, 1:
			g.connect(user, c, scope...)
		case 2:
			row := []govern.Row{{}, {State: govern.Approved, Scope: scope}, {State: govern.Blocked, Reason: "no"}}[random.IntN(3)]
			_, err := g.db.Decide(t.Context(), "t", c, "", func(team.Role, govern.Row) (govern.Row, error) { return row, nil })
			g.ok(err)
		case 3:
			to := govern.Policy{Rule: govern.Rules()[random.IntN(4)], Strict: random.IntN(3) == 0}
			var cut []oauth.ClientID
			if random.IntN(2) == 0 {
				cut = []oauth.ClientID{c}
			}
			preview, err := g.service.Preview(t.Context(), team.CommandLine, "t", to, cut)
			g.ok(err)
			effect, err := g.service.SetPolicy(t.Context(), team.CommandLine, "t", to, cut)
			g.ok(err)
			if effect != preview.Effect {
				t.Fatalf("step %d: from %s to %s it did %+v, and its preview said %+v", step, preview.From, to, effect, preview.Effect)
			}
			seen.Ended, seen.Suspended = seen.Ended+effect.Ended, seen.Suspended+effect.Suspended
			seen.Resumed, seen.Narrowed = seen.Resumed+effect.Resumed, seen.Narrowed+effect.Narrowed
		}
	}
	if seen.Ended == 0 || seen.Suspended == 0 || seen.Resumed == 0 {
		t.Errorf("only %+v happened, so this has looked at little", seen)
	}
}
