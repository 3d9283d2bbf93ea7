package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrate brings the schema up to date. Several processes may do so at once on one database.
//
// A migration is one file for both databases, or one that ends in .sqlite.sql and one that ends in .postgres.sql.
func (db *DB) migrate(ctx context.Context, dialect goose.Dialect) error {
	postgres := dialect == goose.DialectPostgres
	if err := db.adoptVersions(ctx, postgres); err != nil {
		return err
	}
	provider, err := db.provider(dialect)
	if err != nil {
		return err
	}
	// SQLite has no lock that outlives a transaction. Each migration is one transaction together with its version, so
	// when two processes run it, one succeeds and the other fails without a trace. The other finds it done when it tries again.
	const attempts = 40
	for attempt := 1; ; attempt++ {
		before, _ := provider.GetDBVersion(ctx)
		err := up(ctx, provider)
		if err == nil && postgres {
			return db.compareByBytes(ctx)
		}
		if err == nil || postgres || attempt == attempts || ctx.Err() != nil {
			return err
		}
		after, check := provider.GetDBVersion(ctx)
		if check == nil && after == before && !isTransient(err) { // no other process did it
			return err
		}
		select { // SQLite does not wait for a lock when it would have to upgrade one that it holds
		case <-ctx.Done():
		case <-time.After(rand.N(time.Duration(attempt) * 5 * time.Millisecond)):
		}
	}
}

func (db *DB) provider(dialect goose.Dialect) (*goose.Provider, error) {
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()), goose.WithTableName(db.opts.Prefix + "schema_version"),
	}
	others := "*.postgres.sql"
	if dialect == goose.DialectPostgres {
		others = "*.sqlite.sql"
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asks once a second, for five minutes
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	excluded, err := fs.Glob(db.opts.Migrations, others)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db.handle, db.opts.Migrations, append(options, goose.WithExcludeNames(excluded))...)
}

func up(ctx context.Context, provider *goose.Provider) error {
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the schema: %w", err)
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > known {
		return fmt.Errorf("the database has schema %d, made by a newer release; this one knows schemas up to %d", current, known)
	}
	return nil
}

// lockSchema is the key of an advisory lock of PostgreSQL. Only our own processes take it.
const lockSchema = 0x67617465 // "gate"

// adoptVersions gives the table in which goose keeps the schema's version its prefix. Old releases used goose's own name
// for it. Another program that shares the database may do so as well, so the table is ours only beside another table
// that only we have.
func (db *DB) adoptVersions(ctx context.Context, postgres bool) error {
	tables := `SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('goose_db_version', $1)
		AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = $2)`
	rename := []string{`ALTER TABLE goose_db_version RENAME TO ` + db.opts.Prefix + `schema_version`}
	if postgres {
		tables = `SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename IN ('goose_db_version', $1)
			AND NOT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = $2)`
		rename = append(rename,
			`ALTER TABLE `+db.opts.Prefix+`schema_version RENAME CONSTRAINT goose_db_version_pkey TO `+db.opts.Prefix+`schema_version_pkey`,
			`ALTER SEQUENCE goose_db_version_id_seq RENAME TO `+db.opts.Prefix+`schema_version_id_seq`)
	}
	begun, err := db.handle.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer begun.Rollback()
	if postgres {
		if _, err := begun.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, lockSchema); err != nil {
			return err
		}
	}
	var found int
	if err := begun.QueryRowContext(ctx, tables, db.opts.OldTable, db.opts.Prefix+"schema_version").Scan(&found); err != nil || found < 2 {
		return err
	}
	for _, statement := range rename {
		if _, err := begun.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("rename the table of the schema's version: %w", err)
		}
	}
	return begun.Commit()
}

// compareByBytes gives each TEXT column of our tables in PostgreSQL the collation "C", which compares bytes, as SQLite
// does. By default the order of ids, and which index serves a condition, would depend on the database's locale.
// A migration can therefore be one text for both databases: SQLite knows no collation "C".
func (db *DB) compareByBytes(ctx context.Context) error {
	const outstanding = `SELECT format('ALTER TABLE %I %s', t.relname, string_agg(format('ALTER COLUMN %I TYPE TEXT COLLATE "C"', a.attname), ', ' ORDER BY a.attnum))
		FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid
		WHERE t.relkind = 'r' AND t.relnamespace = current_schema()::regnamespace AND starts_with(t.relname, $1)
			AND a.atttypid = 'text'::regtype AND a.attcollation <> '"C"'::regcollation AND NOT a.attisdropped
		GROUP BY t.relname ORDER BY t.relname LIMIT 1`
	begun, err := db.handle.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer begun.Rollback()
	if _, err := begun.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, lockSchema); err != nil {
		return err
	}
	for {
		var statement string
		err := begun.QueryRowContext(ctx, outstanding, db.opts.Prefix).Scan(&statement)
		if errors.Is(err, sql.ErrNoRows) {
			return begun.Commit()
		}
		if err == nil {
			_, err = begun.ExecContext(ctx, statement)
		}
		if err != nil {
			return fmt.Errorf("compare ids by bytes: %w", err)
		}
	}
}
