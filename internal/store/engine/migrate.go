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
)

// migrate brings the schema up to date. Several processes may do so at once on one SQLite database; on PostgreSQL the caller holds a lock (locked).
//
// A migration is one file for both databases, or one that ends in .sqlite.sql and one that ends in .postgres.sql.
func (db *DB) migrate(ctx context.Context, dialect goose.Dialect) error {
	if db.opts.Making == LeaveAlone {
		return db.compareSchema(ctx, dialect)
	}
	old, err := db.adoptOldSchema(ctx, dialect)
	if err != nil {
		return err
	}
	if old {
		provider, err := db.provider(dialect, db.opts.OldMigrations)
		if err != nil {
			return err
		}
		if err := up(ctx, provider, dialect); err != nil {
			return err
		}
	}
	provider, err := db.provider(dialect, db.opts.Migrations)
	if err != nil {
		return err
	}
	if err := up(ctx, provider, dialect); err != nil {
		return err
	}
	current, known, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if current > known {
		return fmt.Errorf("the database has schema %d, made by a newer release; this one knows schemas up to %d", current, known)
	}
	if dialect == goose.DialectPostgres {
		return db.compareByBytes(ctx)
	}
	return nil
}

// compareSchema is ErrSchema when the schema would have to be changed.
func (db *DB) compareSchema(ctx context.Context, dialect goose.Dialect) error {
	provider, err := db.provider(dialect, db.opts.Migrations)
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version
	version, err := db.version(ctx, db.handle)
	if err != nil {
		return fmt.Errorf("%w, or none that can be read: %w", ErrSchema, err)
	}
	if version != known {
		return fmt.Errorf("%w: it is %d, and this release needs %d", ErrSchema, version, known)
	}
	return nil
}

func (db *DB) provider(dialect goose.Dialect, migrations fs.FS) (*goose.Provider, error) {
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()), goose.WithTableName(db.opts.Prefix + "schema_version"),
	}
	others := "*.postgres.sql"
	if dialect == goose.DialectPostgres {
		others = "*.sqlite.sql"
	}
	excluded, err := fs.Glob(migrations, others)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(dialect, db.handle, migrations, append(options, goose.WithExcludeNames(excluded))...)
}

// up runs the migrations that are missing.
//
// SQLite has no lock that outlives a transaction. Each migration is one transaction together with its version, so when two
// processes run it, one succeeds and the other fails without a trace. The other finds it done when it tries again.
func up(ctx context.Context, provider *goose.Provider, dialect goose.Dialect) error {
	const attempts = 40
	for attempt := 1; ; attempt++ {
		// The first question makes the table of versions; its error is the true one when that fails.
		before, err := provider.GetDBVersion(ctx)
		if err == nil {
			_, err = provider.Up(ctx)
		}
		if err == nil {
			return nil
		}
		err = fmt.Errorf("migrate the schema: %w", err)
		if dialect == goose.DialectPostgres || attempt == attempts || ctx.Err() != nil {
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

// tableExists is the question whether there is a table with a name.
func tableExists(dialect goose.Dialect) string {
	if dialect == goose.DialectPostgres {
		return `SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1)`
	}
	return `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1)`
}

// hasSchema reports whether a database has tables of ours, of this release or an earlier one.
func (db *DB) hasSchema(ctx context.Context, dialect goose.Dialect) (bool, error) {
	found, err := haveTables(ctx, db.handle, dialect, db.opts.Prefix+"schema_version")
	if err != nil || found {
		return found, err
	}
	return haveTables(ctx, db.handle, dialect, db.opts.OldTables...)
}

// haveTables reports whether there are tables with all of the names.
func haveTables(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, dialect goose.Dialect, names ...string,
) (found bool, err error) {
	for _, name := range names {
		if err := db.QueryRowContext(ctx, tableExists(dialect), name).Scan(&found); err != nil || !found {
			return false, err
		}
	}
	return len(names) > 0, nil
}

// adoptOldSchema reports whether a database has tables without our prefix, and gives the table in which goose keeps the
// schema's version our name. Other programs that share the database may have tables with these names too. They are ours
// if there are all of Options.OldTables, and not yet under their new names.
//
// A copy with one more version stays under goose's own name: it makes an old release refuse the database, instead of
// making its own tables anew.
func (db *DB) adoptOldSchema(ctx context.Context, dialect goose.Dialect) (old bool, err error) {
	tx, err := db.handle.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	name := db.opts.Prefix + "schema_version"
	if len(db.opts.OldTables) == 0 {
		return false, nil
	}
	if found, err := haveTables(ctx, tx, dialect, append([]string{"goose_db_version"}, db.opts.OldTables...)...); err != nil || !found {
		return false, err
	}
	if found, err := haveTables(ctx, tx, dialect, db.opts.Prefix+db.opts.OldTables[0]); err != nil || found {
		return false, err
	}
	if found, err := haveTables(ctx, tx, dialect, name); err != nil || found {
		return found, err // the tables follow
	}
	changes := []string{`ALTER TABLE goose_db_version RENAME TO ` + name}
	if dialect == goose.DialectPostgres {
		changes = append(changes,
			`ALTER TABLE `+name+` RENAME CONSTRAINT goose_db_version_pkey TO `+name+`_pkey`,
			`ALTER SEQUENCE goose_db_version_id_seq RENAME TO `+name+`_id_seq`)
	}
	changes = append(changes,
		`CREATE TABLE goose_db_version (id BIGINT NOT NULL, version_id BIGINT NOT NULL, is_applied BOOLEAN NOT NULL, tstamp TIMESTAMP)`,
		`INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) SELECT id, version_id, is_applied, tstamp FROM `+name,
		`INSERT INTO goose_db_version (id, version_id, is_applied, tstamp) SELECT MAX(id) + 1, 1000000, TRUE, CURRENT_TIMESTAMP FROM goose_db_version`)
	for _, change := range changes {
		if _, err := tx.ExecContext(ctx, change); err != nil {
			return false, fmt.Errorf("rename the table of the schema's version: %w", err)
		}
	}
	return true, tx.Commit()
}

// compareByBytes gives each TEXT column of our tables in PostgreSQL the collation "C", which compares bytes, as SQLite
// does. By default the order of ids, and which index serves a condition, would depend on the database's locale.
// A migration can therefore be one text for both databases: SQLite knows no collation "C".
func (db *DB) compareByBytes(ctx context.Context) error {
	const outstanding = `SELECT format('ALTER TABLE %I %s', t.relname, string_agg(format('ALTER COLUMN %I TYPE TEXT COLLATE "C"', a.attname), ', ' ORDER BY a.attnum))
		FROM pg_class t JOIN pg_attribute a ON a.attrelid = t.oid
		WHERE t.relkind = 'r' AND t.relnamespace = quote_ident(current_schema())::regnamespace AND starts_with(t.relname, $1)
			AND a.atttypid = 'text'::regtype AND a.attcollation <> '"C"'::regcollation AND NOT a.attisdropped
		GROUP BY t.relname ORDER BY t.relname LIMIT 1`
	tx, err := db.handle.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for {
		var statement string
		err := tx.QueryRowContext(ctx, outstanding, db.opts.Prefix).Scan(&statement)
		if errors.Is(err, sql.ErrNoRows) {
			return tx.Commit()
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, statement)
		}
		if err != nil {
			return fmt.Errorf("compare ids by bytes: %w", err)
		}
	}
}
