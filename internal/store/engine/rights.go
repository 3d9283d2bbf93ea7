package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// place is where a role's tables are, and what the role may do there. Other programs may use the same database.
type place struct {
	role       string
	schema     string // "" when the search path leads nowhere
	searchPath string
	mayCreate  bool
}

// ownSchema is the advice for a role without a place for its tables.
func (p place) ownSchema() string {
	return fmt.Sprintf("make it a schema of its own: CREATE SCHEMA gatehouse AUTHORIZATION %[1]s; ALTER ROLE %[1]s SET search_path = gatehouse", quoted(p.role))
}

// exists is the error of a search path that leads nowhere.
func (p place) exists() error {
	if p.schema != "" {
		return nil
	}
	return fmt.Errorf("no schema of the search_path (%s) exists that the role %s may use; %s", p.searchPath, p.role, p.ownSchema())
}

// takesTables is the error of a role that cannot make its tables.
func (p place) takesTables() error {
	if p.mayCreate {
		return nil
	}
	return fmt.Errorf("the role %s may not create tables in the schema %s; run as the schema's owner: GRANT CREATE ON SCHEMA %s TO %s; or %s",
		p.role, p.schema, quoted(p.schema), quoted(p.role), p.ownSchema())
}

func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }

// mayUseTables is the error of a role that lacks a right on one of our tables, which another role owns.
func (f first) mayUseTables(ctx context.Context, prefix string) error {
	const query = `SELECT t.relname, r.name FROM pg_class t, (VALUES (1, 'SELECT'), (2, 'INSERT'), (3, 'UPDATE'), (4, 'DELETE')) r (place, name)
		WHERE t.relkind = 'r' AND t.relnamespace = quote_ident(current_schema())::regnamespace AND starts_with(t.relname, $1)
			AND (t.relname <> $1 || 'schema_version' OR r.name = 'SELECT') AND NOT has_table_privilege(t.oid, r.name)
		ORDER BY t.relname, r.place`
	rows, err := f.Query(ctx, query, prefix)
	if err != nil {
		return err
	}
	var missing []string
	var table, right string
	_, err = pgx.ForEachRow(rows, []any{&table, &right}, func() error {
		missing = append(missing, right+" on "+table)
		return nil
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	shown := strings.Join(missing[:min(3, len(missing))], ", ")
	if more := len(missing) - 3; more > 0 {
		shown += fmt.Sprintf(" and %d more rights", more)
	}
	return fmt.Errorf("the role %s lacks %s; run as the tables' owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %s TO %s",
		f.place.role, shown, quoted(f.place.schema), quoted(f.place.role))
}

// explained is the error of a change of the schema, with what the operator can do.
func (f first) explained(ctx context.Context, err error, prefix string) error {
	switch postgresCode(err) {
	case "42501": // insufficient_privilege
		owner := "their owner"
		const query = `SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = quote_ident(current_schema())::regnamespace AND relname = $1 || 'schema_version'`
		if f.QueryRow(ctx, query, prefix).Scan(&owner) == nil {
			owner = "their owner, " + owner
		}
		return fmt.Errorf("%w; a role that may change the tables has to do this once: run a command such as \"gatehouse key list\" as %s", err, owner)
	case "42P07", "42710": // duplicate_table, duplicate_object
		return fmt.Errorf("%w; another program has it in the schema %s: give Gatehouse another schema", err, f.place.schema)
	}
	return err
}

// errReadOnly is the error of a server, or a role, that takes no writes.
type errReadOnly struct{ reason string }

func (e errReadOnly) Error() string { return "it takes no writes: " + e.reason }

func (e errReadOnly) Unwrap() error { return pgconn.ErrReadOnlyConnection }

// takesWrites refuses a server that takes no writes. Of several hosts, this finds the primary.
func takesWrites(ctx context.Context, conn *pgconn.PgConn) error {
	results, err := conn.Exec(ctx, `SELECT pg_is_in_recovery(), current_setting('transaction_read_only'), current_user`).ReadAll()
	if err != nil {
		return err
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return errors.New("it does not say whether it takes writes")
	}
	row := results[0].Rows[0]
	switch {
	case string(row[0]) == "t":
		return errReadOnly{"it is a standby"}
	case string(row[1]) == "on":
		return errReadOnly{fmt.Sprintf("default_transaction_read_only is on for the role %s, the database, or the server", row[2])}
	}
	return nil
}
