package bench

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
)

var tiny = Scale{Users: 300, Teams: 40, Clients: 10, Families: 1000, Events: 500}

// A full database is measured beside an empty one, has all its rows and indexes, and is found again by the next run.
func TestFullDatabaseIsMeasuredBesideAnEmptyOne(t *testing.T) {
	for _, kind := range Databases {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := openDir(t)
			plan := Plan{Setup: Setup{Dir: dir, Database: kind, Scale: tiny}, Each: 3, Operations: []string{"flow", "refresh", "introspect"}}
			text := measured(t, plan)
			if !strings.Contains(text, tiny.String()) || !strings.Contains(text, "empty per second") {
				t.Errorf("the report does not say what was compared:\n%s", text)
			}
			again(t, dir, kind)
		})
	}
}

// openDir is a folder that the user of PostgreSQL can get to.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "gatehouse-bench-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// again starts Gatehouse once more on the full database in dir.
func again(t *testing.T, dir, kind string) {
	t.Helper()
	s, err := house{dir: dir, programs: built}.startGatehouse(t.Context(), wanted{name: "full", kind: kind, scale: tiny, accounts: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	counts, err := rowCounts(t.Context(), s.database)
	if err != nil {
		t.Fatal(err)
	}
	if counts["gh_families"] <= tiny.Families {
		t.Errorf("there are %d families, want more than %d: those of the flows that were measured before", counts["gh_families"], tiny.Families)
	}
	if got := asked(t, s.database, "SELECT count(*) FROM gh_families f JOIN gh_grants g ON g.id = f.grant_id JOIN gh_memberships m ON m.user_id = g.user_id AND m.team_id = g.team_id "+
		"JOIN gh_users u ON u.id = g.user_id JOIN gh_teams t ON t.id = g.team_id JOIN gh_clients c ON c.id = g.client_id"); got != strconv.Itoa(counts["gh_families"]) {
		t.Errorf("%s of %d families belong to a grant, a membership, a person, a team and a client that exist", got, counts["gh_families"])
	}
}

func asked(t *testing.T, d database, query string) string {
	t.Helper()
	values, err := d.ask(t.Context(), query)
	if err != nil || len(values) != 1 {
		t.Fatalf("%s: %v, %v", query, values, err)
	}
	return values[0]
}

// Filling leaves the schema as it was.
func TestFillingBringsTheIndexesBack(t *testing.T) {
	t.Parallel()
	h := house{dir: t.TempDir(), programs: built}
	schema := func(s Scale) string {
		server, err := h.startGatehouse(t.Context(), wanted{name: "gatehouse", kind: "sqlite", scale: s, accounts: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer server.stop()
		lines, err := server.database.ask(t.Context(), "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master ORDER BY 1")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	if empty, full := schema(Scale{}), schema(tiny); full != empty {
		t.Errorf("the schema of the full database is\n%s\nwant\n%s", full, empty)
	}
}

func TestParseScale(t *testing.T) {
	for text, want := range map[string]string{
		"users=10,teams=2,clients=1,families=50":             "users=10,teams=2,clients=1,families=50,events=50",
		"users=10, teams=2, clients=1, families=50,events=0": "users=10,teams=2,clients=1,families=50,events=0",
		"users=10":                             "are all needed",
		"users=10,teams=2,clients=1,roles=50":  `"roles=50" is not one of`,
		"users=ten,teams=2,clients=1,roles=50": `"ten" is no number`,
		"users=-1,teams=2,clients=1,roles=50":  `"-1" is no number`,
		"":                                     `"" is not one of`,
	} {
		s, err := ParseScale(text)
		got := s.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestUnknownDatabaseIsAnError(t *testing.T) {
	err := (Plan{Setup: Setup{Database: "oracle"}, Connections: []int{1}}).Report(context.WithoutCancel(t.Context()), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "oracle") {
		t.Errorf("got %v, want an error that names it", err)
	}
}
