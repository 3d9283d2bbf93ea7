package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// firstPrefixed is the first schema whose tables, that of its version included, have a prefix.
const firstPrefixed = 4

// firstSeen is the first schema whose grants have what was seen of the client. Those of before take the client as it is.
const firstSeen = 16

// TestEverySchemaIsUpgraded: a database of any earlier release has the same schema as a new one once it has been
// opened, and still holds its rows.
func TestEverySchemaIsUpgraded(t *testing.T) {
	for version := int64(1); version < latestSchema(t); version++ {
		t.Run(fmt.Sprint("from ", version), func(t *testing.T) {
			storetest.OnBoth(t, func(t *testing.T, url string) {
				fresh := storetest.SQLiteURL(t)
				if isPostgres(url) {
					fresh = pgtest.URL(t)
					dropSchema(t, url)
				}
				oldDatabase(t, url, version)
				db := open(t, url)
				if _, err := db.UserByEmail(t.Context(), "u@example.com"); err != nil {
					t.Errorf("the person: %v", err)
				}
				if c, err := db.Connection(t.Context(), "f", time.UnixMilli(1)); err != nil || c.Family.Grant != "g" {
					t.Errorf("the connection: %+v, %v", c, err)
				}
				status, err := db.TeamStatuses(t.Context(), "u", "c")
				want := authz.Seen{Name: "C", RedirectURIs: []string{"https://c.example/"}}
				if version >= firstSeen {
					want = authz.Seen{RedirectURIs: []string{}}
				}
				if err != nil || len(status) != 1 || status[0].Grant == nil || !cmp.Equal(status[0].Grant.Seen, want) {
					t.Errorf("what was seen of the client: %+v, %v", status, err)
				}
				if diff := cmp.Diff(schemaOf(t, open(t, fresh).SQL(), fresh), schemaOf(t, db.SQL(), url)); diff != "" {
					t.Errorf("the schema of a new database (-) and of the one that was upgraded (+):\n%s", diff)
				}
			})
		})
	}
}

// An old release does not know that the tables were renamed. It must not make its own anew.
func TestAnOldReleaseRefusesAnUpgradedDatabase(t *testing.T) {
	storetest.OnBoth(t, func(t *testing.T, url string) {
		if isPostgres(url) {
			dropSchema(t, url)
		}
		oldDatabase(t, url, firstPrefixed-1)
		open(t, url)
		provider := migrations(t, connect(t, url), url, firstPrefixed-1)
		applied, err := provider.Up(t.Context())
		if err != nil || len(applied) > 0 {
			t.Errorf("it applies %v, %v", applied, err)
		}
		if current, known, err := provider.GetVersions(t.Context()); err != nil || current <= known {
			t.Errorf("it finds schema %d and knows %d, %v; want a newer schema than it knows", current, known, err)
		}
	})
}

// Another program that shares the database may use goose with its default table.
func TestAnotherProgramsVersionsAreLeftAlone(t *testing.T) {
	storetest.OnBoth(t, func(t *testing.T, url string) {
		if isPostgres(url) {
			dropSchema(t, url)
		}
		theirs := connect(t, url)
		for _, statement := range []string{
			`CREATE TABLE goose_db_version (id BIGINT PRIMARY KEY, version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL, tstamp TIMESTAMP)`,
			`INSERT INTO goose_db_version (id, version_id, is_applied) VALUES (1, 77, TRUE)`,
			`CREATE TABLE users (id TEXT)`,
		} {
			if _, err := theirs.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			id := fmt.Sprint("u", time.Now().UnixNano())
			if err := open(t, url).AddUser(t.Context(), team.User{ID: team.UserID(id), Email: id}); err != nil {
				t.Error(err)
			}
		}
		var version int
		if err := theirs.QueryRow(`SELECT MAX(version_id) FROM goose_db_version`).Scan(&version); err != nil || version != 77 {
			t.Errorf("their version is %d, %v; want 77", version, err)
		}
	})
}

// TestIDsAreComparedByBytes, whatever the locale of the database.
func TestIDsAreComparedByBytes(t *testing.T) {
	storetest.OnBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		want := []string{"A-1", "A1", "B", "a", "á"}
		for _, id := range want {
			if err := db.AddTeam(t.Context(), team.Team{ID: team.ID(id), Slug: id}); err != nil {
				t.Fatal(err)
			}
		}
		got := column(t, db.SQL(), `SELECT id FROM gh_teams ORDER BY id`)
		if !slices.Equal(got, want) {
			t.Errorf("the order of ids is %q, want %q", got, want)
		}
		if isPostgres(url) {
			others := column(t, db.SQL(), `SELECT table_name || '.' || column_name FROM information_schema.columns
				WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`)
			if len(others) > 0 {
				t.Errorf("these columns depend on the locale: %q", others)
			}
		}
	})
}

func isPostgres(url string) bool { return strings.HasPrefix(url, "postgres") }

// connect opens a database beside the store.
func connect(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, dsn = "sqlite", path+"?_pragma=foreign_keys(1)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// migrations is how a release up to a schema brings a database up to date.
func migrations(t *testing.T, db *sql.DB, url string, upTo int64) *goose.Provider {
	t.Helper()
	dialect, others, table := goose.DialectSQLite3, "*.postgres.sql", "gh_schema_version"
	if isPostgres(url) {
		dialect, others = goose.DialectPostgres, "*.sqlite.sql"
	}
	folder := "migrations"
	if upTo < firstPrefixed {
		table, folder = goose.DefaultTablename, "migrations/unprefixed"
	}
	texts := os.DirFS(folder)
	excluded, err := fs.Glob(texts, others)
	if err != nil {
		t.Fatal(err)
	}
	var later []int64
	for version := upTo + 1; version <= latestSchema(t); version++ {
		later = append(later, version)
	}
	provider, err := goose.NewProvider(dialect, db, texts, goose.WithTableName(table), goose.WithExcludeNames(excluded), goose.WithExcludeVersions(later),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

func latestSchema(t *testing.T) (latest int64) {
	t.Helper()
	names, err := filepath.Glob("migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			t.Fatal(err)
		}
		latest = max(latest, version)
	}
	return latest
}

// oldDatabase makes an empty database one of an earlier schema, with one connection of one person.
func oldDatabase(t *testing.T, url string, version int64) {
	t.Helper()
	db := connect(t, url)
	if _, err := migrations(t, db, url, version).Up(context.Background()); err != nil {
		t.Fatal(err)
	}
	prefix := ""
	if version >= firstPrefixed {
		prefix = "gh_"
	}
	for _, row := range []string{
		`users (id, email, name, operator, created_at) VALUES ('u', 'u@example.com', 'U', FALSE, 1)`,
		`teams (id, slug, name, created_at) VALUES ('t', 't', 'T', 1)`,
		`memberships (user_id, team_id, role, created_at) VALUES ('u', 't', 'member', 1)`,
		`clients (id, name, owner, public, machine, redirect_uris, scope, created_at) VALUES ('c', 'C', '', FALSE, FALSE, '["https://c.example/"]', '', 1)`,
		`grants (id, user_id, team_id, client_id, scope, created_at, updated_at) VALUES ('g', 'u', 't', 'c', '', 1, 1)`,
		`families (id, grant_id, scope, auth_time, created_at, expires_at) VALUES ('f', 'g', '', 1, 1, 1000)`,
	} {
		if _, err := db.Exec("INSERT INTO " + prefix + row); err != nil {
			t.Fatal(err)
		}
	}
}

// schemaOf is what a database has: tables with their columns, indices and constraints. The table that keeps old releases
// out is only in one that was upgraded.
func schemaOf(t *testing.T, db *sql.DB, url string) []string {
	t.Helper()
	query := `
		WITH tables AS (SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('goose_db_version', 'sqlite_sequence'))
		SELECT 'column ' || t.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" || ' ' || COALESCE(c.dflt_value, '') || ' ' || c.pk || ' ' || c.cid AS line
			FROM tables t, pragma_table_info(t.name) c
		UNION ALL SELECT 'index ' || i.name || ' ' || i."unique" || ' ' || (SELECT group_concat(k.name) FROM pragma_index_info(i.name) k)
				|| COALESCE((SELECT substr(s.sql, instr(s.sql, ' WHERE ')) FROM sqlite_schema s WHERE s.name = i.name AND i.partial), '')
			FROM tables t, pragma_index_list(t.name) i
		UNION ALL SELECT 'foreign key ' || t.name || ' (' || f."from" || ') ' || f."table" || ' (' || f."to" || ') ' || f.on_delete || ' ' || f.seq
			FROM tables t, pragma_foreign_key_list(t.name) f
		ORDER BY line`
	if isPostgres(url) {
		query = `
			SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(column_default, '')
				|| ' ' || COALESCE(collation_name, '') || ' ' || ordinal_position AS line
				FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'goose_db_version'
			UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename <> 'goose_db_version'
			UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
				FROM pg_constraint WHERE connamespace = quote_ident(current_schema())::regnamespace
			UNION ALL SELECT 'sequence ' || sequencename FROM pg_sequences WHERE schemaname = current_schema()
			ORDER BY line`
	}
	lines := column(t, db, query)
	if len(lines) < 40 {
		t.Fatalf("the schema has only %d parts", len(lines))
	}
	return lines
}

// column reads a query of one column.
func column(t *testing.T, db *sql.DB, query string) (values []string) {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}
