package store_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
)

// A list that may be narrowed in several ways must still find its rows by an index, whatever its parameters are.
func TestListsUseTheirIndex(t *testing.T) {
	for _, tt := range []struct{ query, args, sqlite, postgres string }{
		{"eventsOfTeam", "'t', '', '', '', 9, 0, 0, 10", "gh_audit_team", "gh_audit_team"},
		{"notableEventsOfTeam", "'t', '', '', 'k', 9, 0, 0, 10", "gh_audit_notable", "gh_audit_notable"},
		{"notableEventsOfUser", "'', 'u', '', 'k', 9, 0, 0, 10", "gh_audit_user", "gh_audit_user"},
		{"machineEventsOfClient", "'', '', 'c', 'k', 9, 0, 0, 10", "gh_audit_machine", "gh_audit_machine"},
		{"endMachine", "'c', 1, 1", "gh_audit_machine (client_id=?)", "Index Only Scan Backward using gh_audit_machine"},
		{"endMachinesOfTeam", "'t', 1, 1", "gh_audit_machine (client_id=?)", "Index Only Scan Backward using gh_audit_machine"},
		{"endMachineInTeam", "'c', 't', 1, 1", "gh_audit_machine (client_id=?)", "Index Only Scan Backward using gh_audit_machine"},
		{"eventsFromNewest", "'', '', '', '', 9, 0, 0, 10", "sqlite_autoindex_gh_audit_1", "gh_audit_pkey"},
		{"teamClients", "'t'", "gh_grants_team (team_id=?)", "gh_grants_team"},
		{"grantsOfUser", "'u', '', ''", "sqlite_autoindex_gh_grants_2 (user_id=?)", "gh_grants_user_id_team_id_client_id_key"},
		{"grantsOfClient", "'', '', 'c'", "gh_grants_client (client_id=?)", "gh_grants_client"},
		{"grantsOfTeam", "'', 't', ''", "gh_grants_team (team_id=?)", "gh_grants_team"},
	} {
		t.Run(tt.query, func(t *testing.T) {
			storetest.OnBoth(t, func(t *testing.T, url string) {
				query, found := store.Lists[tt.query]
				if !found {
					t.Fatal("no such list")
				}
				db := open(t, url).SQL()
				var steps []string
				want := tt.sqlite
				if strings.HasPrefix(url, "postgres") {
					steps, want = genericPlan(t, db, query, tt.args), tt.postgres
				} else {
					steps = plan(t, db, query)
				}
				if !slices.ContainsFunc(steps, func(step string) bool { return strings.Contains(step, want) }) {
					t.Errorf("it does not use %s:\n%s", want, strings.Join(steps, "\n"))
				}
				if sorts := "USE TEMP B-TREE FOR ORDER BY"; strings.HasSuffix(tt.args, "10") && slices.Contains(steps, sorts) {
					t.Error("it sorts all events")
				}
			})
		})
	}
}

// genericPlan is PostgreSQL's plan for any parameters, on a table that is too small for an index to pay.
func genericPlan(t *testing.T, db *sql.DB, query, args string) (steps []string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range []string{"SET enable_seqscan = off", "SET enable_bitmapscan = off", "SET plan_cache_mode = force_generic_plan", "PREPARE list AS " + query} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := conn.QueryContext(t.Context(), "EXPLAIN EXECUTE list ("+args+")")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var step string
		if err := rows.Scan(&step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}
