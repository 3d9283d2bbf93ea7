package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// sqliteFile is the path of an SQLite database.
type sqliteFile string

func (d sqliteFile) url() string { return "sqlite:" + string(d) }

func (d sqliteFile) remove() error { return removeAll(string(d), string(d)+"-wal", string(d)+"-shm") }

// prepare gives up durability and the way back: a file that was not filled to the end is thrown away.
func (sqliteFile) prepare() []string {
	return []string{
		"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA foreign_keys = OFF",
		"PRAGMA cache_size = -500000", "PRAGMA temp_store = MEMORY",
	}
}

func (sqliteFile) series(count int) string {
	return fmt.Sprintf("WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < %d)", count-1)
}

func (d sqliteFile) indexes(ctx context.Context) (drop, create []string, err error) {
	const made = " FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
	if drop, err = d.ask(ctx, "SELECT 'DROP INDEX ' || name"+made); err != nil {
		return nil, nil, err
	}
	create, err = d.ask(ctx, "SELECT sql"+made)
	return drop, create, err
}

// settle waits for the disk. There are no statistics to gather: Gatehouse does not let SQLite do it either.
func (d sqliteFile) settle(context.Context) error {
	file, err := os.OpenFile(string(d), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func (sqliteFile) tables() string {
	return "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
}

// with opens the file for a moment.
func (d sqliteFile) with(act func(*sql.DB) error) error {
	db, err := sql.Open("sqlite", "file:"+string(d)+"?_pragma=busy_timeout(30000)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1) // the settings are a connection's
	return errors.Join(act(db), db.Close())
}

func (d sqliteFile) run(ctx context.Context, statements []string) error {
	return d.with(func(db *sql.DB) error {
		for _, s := range statements {
			if _, err := db.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("%s: %w", firstLine(s), err)
			}
		}
		return nil
	})
}

func (d sqliteFile) ask(ctx context.Context, query string) (values []string, err error) {
	err = d.with(func(db *sql.DB) error {
		rows, err := db.QueryContext(ctx, query)
		if err != nil {
			return fmt.Errorf("%s: %w", firstLine(query), err)
		}
		defer rows.Close()
		for rows.Next() {
			var value string
			if err := rows.Scan(&value); err != nil {
				return err
			}
			values = append(values, value)
		}
		return rows.Err()
	})
	return values, err
}

func (d sqliteFile) size() (total int64, err error) {
	for _, path := range []string{string(d), string(d) + "-wal"} {
		info, err := os.Stat(path)
		switch {
		case err == nil:
			total += info.Size()
		case !errors.Is(err, fs.ErrNotExist):
			return 0, err
		}
	}
	return total, nil
}

// cpu is none: SQLite runs within Gatehouse.
func (sqliteFile) cpu() (time.Duration, error) { return 0, nil }

func (sqliteFile) stop() error { return nil }

// firstLine is enough of a statement to know which it is.
func firstLine(statement string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(statement), "\n")
	return line
}
