package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Backup writes a copy of the database into a new file that only its owner can read, while others use the database, and verifies it.
// The copy is the database as it was at one moment. The file appears whole or not at all.
//
// SQLite copies itself. For PostgreSQL, pg_dump has to be installed; its custom format is what pg_restore reads.
func (db *DB) Backup(ctx context.Context, path string) (err error) {
	reserved, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	draft := path + ".part"
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("back up: %w", err), os.Remove(path), os.RemoveAll(draft))
		}
	}()
	if err := reserved.Close(); err != nil {
		return err
	}
	file, err := os.OpenFile(draft, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	copyInto, verify := db.copySQLite, db.verifySQLite
	if db.PostgreSQL() {
		copyInto, verify = db.dumpPostgres, db.verifyDump
	}
	if err := copyInto(ctx, draft); err != nil {
		return err
	}
	if err := verify(ctx, draft); err != nil {
		return fmt.Errorf("the copy is not good: %w", err)
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// syncDirectory makes the names of files in a directory durable.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (db *DB) copySQLite(ctx context.Context, path string) error {
	handle, err := sql.Open("sqlite", sqliteDSN(db.place))
	if err != nil {
		return err
	}
	defer handle.Close()
	_, err = handle.ExecContext(ctx, `VACUUM INTO $1`, path)
	return err
}

// verifySQLite checks the pages, the foreign keys and the schema's version of a copy.
func (db *DB) verifySQLite(ctx context.Context, path string) error {
	u := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro&immutable=1"}
	handle, err := sql.Open("sqlite", u.String())
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := sound(ctx, handle); err != nil {
		return err
	}
	got, err := db.version(ctx, handle)
	if err != nil {
		return err
	}
	want, err := db.SchemaVersion(ctx)
	if err == nil && got != want {
		err = fmt.Errorf("it has schema %d, and the database has %d", got, want)
	}
	return err
}

// sound checks the pages and the foreign keys of an SQLite database.
func sound(ctx context.Context, handle *sql.DB) error {
	var said string
	if err := handle.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&said); err != nil || said != "ok" {
		return errors.Join(err, fmt.Errorf("integrity_check says %q", said))
	}
	var table string
	err := handle.QueryRowContext(ctx, `SELECT "table" FROM pragma_foreign_key_check LIMIT 1`).Scan(&table)
	if !errors.Is(err, sql.ErrNoRows) {
		return errors.Join(err, fmt.Errorf("a foreign key of %s leads nowhere", table))
	}
	return nil
}

// SchemaVersion is the version of the schema.
func (db *DB) SchemaVersion(ctx context.Context) (int64, error) { return db.version(ctx, db.reads) }

func (db *DB) version(ctx context.Context, handle *sql.DB) (version int64, err error) {
	err = handle.QueryRowContext(ctx, `SELECT MAX(version_id) FROM `+db.opts.Prefix+`schema_version WHERE is_applied`).Scan(&version)
	return version, err
}

// ErrNoDump means that PostgreSQL's programs are not installed here.
var ErrNoDump = errors.New("pg_dump and pg_restore are not installed here; install PostgreSQL's client programs, or run where they are: " +
	"(umask 077; pg_dump --format=custom --table='gh_*' DATABASE > FILE)")

// dumpPostgres dumps our tables only: the database may have other programs' too.
func (db *DB) dumpPostgres(ctx context.Context, path string) error {
	dsn, password := libpqURL(db.url)
	_, err := program(ctx, password, "pg_dump", "--format=custom", "--no-password", "--no-owner", "--no-privileges", "--table="+db.opts.Prefix+"*", "--file="+path, "--dbname="+dsn)
	return err
}

// verifyDump reads the whole dump as pg_restore would, and checks that it has all tables.
func (db *DB) verifyDump(ctx context.Context, path string) error {
	if _, err := program(ctx, "", "pg_restore", "--file="+os.DevNull, path); err != nil {
		return err
	}
	list, err := program(ctx, "", "pg_restore", "--list", path)
	if err != nil {
		return err
	}
	tables, err := db.tables(ctx)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if !slices.ContainsFunc(strings.Split(list, "\n"), func(line string) bool {
			return strings.Contains(line, " TABLE DATA ") && slices.Contains(strings.Fields(line), table)
		}) {
			return fmt.Errorf("the table %s is missing", table)
		}
	}
	return nil
}

// tables is the names of our tables.
func (db *DB) tables(ctx context.Context) (names []string, err error) {
	query := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB $1 || '*' ORDER BY name`
	if db.PostgreSQL() {
		query = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND starts_with(tablename, $1) ORDER BY tablename`
	}
	rows, err := db.reads.QueryContext(ctx, query, db.opts.Prefix)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// program runs a program of PostgreSQL and returns what it prints.
func program(ctx context.Context, password, name string, args ...string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", ErrNoDump
	}
	cmd := exec.CommandContext(ctx, path, args...)
	if password != "" { // in the arguments, every user of the machine could read it
		cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
	}
	var problem strings.Builder
	cmd.Stderr = &problem
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(problem.String()))
	}
	return string(output), nil
}

// libpqURL is a database URL for PostgreSQL's own programs: without the parameters that only pgx knows, and without the password.
// Package net/url cannot read a URL with several hosts and ports.
func libpqURL(dsn string) (without, password string) {
	base, query, _ := strings.Cut(dsn, "?")
	scheme, rest, _ := strings.Cut(base, "://")
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		var user string
		user, password, _ = strings.Cut(authority[:at], ":")
		authority = user + authority[at:]
	}
	var kept []string
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		switch {
		case name == "password":
			password = value
		case parameter == "", strings.HasPrefix(name, "pool_"), slices.Contains([]string{"default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity"}, name):
		default:
			kept = append(kept, parameter)
		}
	}
	if plain, err := url.PathUnescape(password); err == nil {
		password = plain
	}
	return scheme + "://" + authority + "/" + path + "?" + strings.Join(kept, "&"), password
}
