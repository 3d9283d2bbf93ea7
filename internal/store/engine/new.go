package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
)

// Making says what Open does when there is no database of ours yet. A typo in a path must not start an empty server.
type Making int

const (
	MakeMissing Making = iota // makes one
	MakeInEmpty               // makes one where there is nothing else: in an empty directory, or an empty PostgreSQL schema
	MakeNever                 // ErrNoDatabase
	MakeNew                   // makes one; when there is one already, ErrDatabaseExists
	LeaveAlone                // ErrNoDatabase; and when its schema is not of this release, ErrSchema
)

var (
	// ErrNoDatabase means that there is no database of ours, and that Open was not allowed to make one.
	ErrNoDatabase = errors.New("there is no Gatehouse database")
	// ErrSchema means that the schema is not the one of this release, and that Open was not allowed to change it.
	ErrSchema = errors.New("the database has the schema of another release")
	// ErrDatabaseExists means that a new database was asked for, and there is one already. Nothing was changed.
	ErrDatabaseExists = errors.New("there is a Gatehouse database already")
)

func (m Making) never() bool { return m == MakeNever || m == LeaveAlone }

// Made reports whether Open has made the database.
func (db *DB) Made() bool { return db.made }

// Place is where the database is: the path of a file, or the name of a PostgreSQL database and its host.
func (db *DB) Place() string { return db.place }

// mayOpenFile is called before SQLite makes a file.
func (db *DB) mayOpenFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() == 0 && db.opts.Making.never():
		return fmt.Errorf("%w: the file is empty", ErrNoDatabase)
	case err == nil:
		return nil // mayMigrate looks at what is in it
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case db.opts.Making.never():
		return ErrNoDatabase
	case db.opts.Making == MakeInEmpty:
		return onlyFile(path)
	}
	return nil
}

// onlyFile reports ErrNoDatabase when there is something beside a database in its directory.
func onlyFile(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, e := range entries {
		// A new file system has lost+found. A first start that was interrupted has left the other names.
		if e.Name() != "lost+found" && !strings.HasPrefix(e.Name(), filepath.Base(path)) {
			return fmt.Errorf("%w, and its directory is not empty: there is %s", ErrNoDatabase, e.Name())
		}
	}
	return nil
}

// mayMigrate is called before the schema is made or changed. path is "" on PostgreSQL.
func (db *DB) mayMigrate(ctx context.Context, dialect goose.Dialect, path string) error {
	// What there is besides comes first: when another process makes the database meanwhile, there is a schema afterwards.
	var besides error
	switch {
	case db.opts.Making != MakeInEmpty:
	case path != "":
		besides = onlyFile(path)
	default:
		besides = db.onlyTables(ctx)
	}
	exists, err := db.hasSchema(ctx, dialect)
	if err != nil {
		return err
	}
	db.made = !exists
	switch {
	case exists && db.opts.Making == MakeNew:
		return ErrDatabaseExists
	case !exists && db.opts.Making.never():
		return ErrNoDatabase
	case !exists:
		return besides
	}
	return nil
}

// mayMigratePostgres is mayMigrate, and looks at the rights of our role first: what a statement says that fails for that is not the cause.
func (db *DB) mayMigratePostgres(ctx context.Context, first first) error {
	if err := first.place.exists(); err != nil {
		return err
	}
	if err := db.mayMigrate(ctx, goose.DialectPostgres, ""); err != nil {
		return err
	}
	if db.made {
		return first.place.takesTables()
	}
	return first.mayUseTables(ctx, db.opts.Prefix)
}

// onlyTables reports ErrNoDatabase when there is a table in the schema of PostgreSQL.
func (db *DB) onlyTables(ctx context.Context) error {
	var table string
	err := db.handle.QueryRowContext(ctx, `SELECT COALESCE(MIN(tablename), '') FROM pg_tables WHERE schemaname = current_schema()`).Scan(&table)
	if err == nil && table != "" {
		err = fmt.Errorf("%w, and its schema is not empty: there is the table %s", ErrNoDatabase, table)
	}
	return err
}
