package store_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

var sharedRoles atomic.Int64

// sharedDatabase is a database of other programs. In statements, $ROLE is the role of the URL, and OURS makes our tables as their owner.
func sharedDatabase(t *testing.T, statements ...string) (address, role string) {
	t.Helper()
	owner := pgtest.Empty(t, "")
	role = fmt.Sprintf("shared_%d", sharedRoles.Add(1))
	admin := connect(t, owner)
	for _, statement := range append([]string{"CREATE ROLE $ROLE LOGIN"}, statements...) {
		if statement == "OURS" {
			open(t, owner)
			continue
		}
		if _, err := admin.Exec(strings.ReplaceAll(statement, "$ROLE", role)); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	t.Cleanup(func() { // what it owns would keep the role from being removed
		for _, statement := range []string{"REASSIGN OWNED BY " + role + " TO postgres", "DROP OWNED BY " + role, "DROP ROLE " + role} {
			if _, err := admin.Exec(statement); err != nil {
				t.Error(err)
			}
		}
	})
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	return u.String(), role
}

// theirVersions is a table of goose's that another program has.
const theirVersions = `CREATE TABLE goose_db_version (id BIGINT PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL, tstamp TIMESTAMP)`

// In a database that other programs use too, the server starts, or its first error says what is missing.
func TestSharedDatabase(t *testing.T) {
	for name, tt := range map[string]struct {
		before []string
		want   string // of the error; "" when it starts
	}{
		"it may not create tables in public": {nil, "may not create tables in the schema public"},
		"its schema is not there":            {[]string{"ALTER ROLE $ROLE SET search_path = nowhere"}, "no schema of the search_path (nowhere) exists"},
		"its schema is another's":            {[]string{"CREATE SCHEMA theirs", "ALTER ROLE $ROLE SET search_path = theirs"}, "no schema of the search_path (theirs) exists that the role"},
		"it may use its schema only":         {[]string{"CREATE SCHEMA theirs", "GRANT USAGE ON SCHEMA theirs TO $ROLE", "ALTER ROLE $ROLE SET search_path = theirs"}, "may not create tables in the schema theirs"},
		"a schema named after the role":      {[]string{"CREATE SCHEMA AUTHORIZATION $ROLE"}, ""},
		"a search path":                      {[]string{`CREATE SCHEMA "Our place" AUTHORIZATION $ROLE`, `ALTER ROLE $ROLE SET search_path = "Our place"`}, ""},
		"a role that only reads":             {[]string{"CREATE SCHEMA AUTHORIZATION $ROLE", "ALTER ROLE $ROLE SET default_transaction_read_only = on"}, "default_transaction_read_only is on for the role"},
		"another isolation":                  {[]string{"CREATE SCHEMA AUTHORIZATION $ROLE", "ALTER ROLE $ROLE SET default_transaction_isolation = serializable"}, "SET default_transaction_isolation = 'read committed'"},
		"tables of others":                   {[]string{"GRANT CREATE ON SCHEMA public TO $ROLE", "CREATE TABLE clients (id INT)", "CREATE TABLE grants (id INT)", "CREATE TABLE team_blocks (id INT)", theirVersions}, ""},
		"a table of others with our name":    {[]string{"GRANT CREATE ON SCHEMA public TO $ROLE", "CREATE TABLE gh_users (id INT)"}, "another program has it in the schema public"},
		"tables that another role made":      {[]string{"OURS"}, "lacks SELECT on gh_application_requests, INSERT on gh_application_requests, UPDATE on gh_application_requests and"},
		"a role that may not write":          {[]string{"OURS", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO $ROLE"}, "lacks INSERT on gh_application_requests"},
		"a role that may not change tables":  {[]string{"OURS", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO $ROLE"}, ""},
		"an upgrade by such a role": {[]string{
			"OURS", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO $ROLE",
			"DELETE FROM gh_schema_version WHERE version_id = (SELECT MAX(version_id) FROM gh_schema_version)",
		}, "gatehouse key list\" as their owner, postgres"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, role := sharedDatabase(t, tt.before...)
			db, err := store.Open(t.Context(), address, store.Options{})
			if tt.want != "" {
				if err == nil {
					db.Close()
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), role) && !strings.Contains(tt.want, "as their owner") && !strings.Contains(tt.want, "another program") {
					t.Errorf("got the error %v, want one that says %q and names the role", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.AddUser(t.Context(), team.User{ID: "u", Email: "u@example.com"}); err != nil {
				t.Error(err)
			}
		})
	}
}

// The tables of another program are not taken for ours, even when its role is ours too.
func TestTablesOfOthersAreNotTakenForOurs(t *testing.T) {
	address := pgtest.Empty(t, "")
	theirs := connect(t, address)
	for _, statement := range []string{"CREATE TABLE clients (id INT)", "CREATE TABLE team_blocks (id INT)", "CREATE TABLE families (id INT)", theirVersions, "INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (1, 77, TRUE)"} {
		if _, err := theirs.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	open(t, address)
	if got := fmt.Sprint(column(t, theirs, `SELECT version_id::text FROM goose_db_version`)); got != "[77]" {
		t.Errorf("their versions are %s", got)
	}
}

// Every table, index, constraint, sequence and type that we make has a name of our own.
func TestAllNamesAreOurOwn(t *testing.T) {
	address := pgtest.Empty(t, "")
	others := column(t, open(t, address).SQL(), `
		WITH names AS (
			SELECT relname AS name FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace
			UNION ALL SELECT conname FROM pg_constraint WHERE connamespace = quote_ident(current_schema())::regnamespace
			UNION ALL SELECT ltrim(typname, '_') FROM pg_type WHERE typnamespace = quote_ident(current_schema())::regnamespace
			UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = quote_ident(current_schema())::regnamespace
			UNION ALL SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('public', 'information_schema')
		) SELECT name FROM names WHERE NOT starts_with(name, 'gh_') UNION ALL SELECT 'nothing' WHERE (SELECT COUNT(*) FROM names) < 100`)
	if len(others) > 0 {
		t.Errorf("these names are not ours: %q", others)
	}
}
