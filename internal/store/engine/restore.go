package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrInUse means that another process has the database open.
var ErrInUse = errors.New("the database is in use: stop the server, and wait until no other command runs")

// Restoring puts a copy of an SQLite database in the place of the database. Nobody else can open that meanwhile.
//
// A copy must not be put beside the old write-ahead log: SQLite would write the log's pages into it. So the log is first written
// into the old database and deleted.
type Restoring struct {
	Draft string // the copy, beside the database; it is brought up to date and changed before it is put in place
	Old   string // the database as it was; "" when there was none, or it cannot be read

	path string
	lock *sql.DB // holds the old database; nil without Old
}

const draftSuffix = ".restoring"

// Restore begins. The file is copied into a draft, and verified. ErrInUse.
func Restore(ctx context.Context, path, file string) (r *Restoring, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	r = &Restoring{Draft: path + draftSuffix, path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if err := r.takeOld(ctx); err != nil {
		return r, err
	}
	if err := removeAll(r.Draft, "", "-wal", "-shm", "-journal"); err != nil {
		return r, err
	}
	return r, copyFile(ctx, file, r.Draft)
}

// takeOld locks the database that is there.
func (r *Restoring) takeOld(ctx context.Context) error {
	if _, err := os.Stat(r.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := othersHave(r.path); err != nil {
		return err
	}
	lock, err := sql.Open("sqlite", sqliteDSN(r.path))
	if err != nil {
		return err
	}
	lock.SetMaxOpenConns(1)
	var mode string
	// Leaving the mode of the log needs the database for itself, and writes the log into the database.
	err = lock.QueryRowContext(ctx, `PRAGMA journal_mode = DELETE`).Scan(&mode)
	if err == nil {
		_, err = lock.ExecContext(ctx, `PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT`)
	}
	switch {
	case isTransient(err):
		return errors.Join(ErrInUse, lock.Close())
	case err != nil: // it is damaged: that is why it is restored
		return lock.Close()
	}
	r.lock, r.Old = lock, r.path
	return nil
}

// copyFile makes a verified copy of a backup.
func copyFile(ctx context.Context, file, to string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if database, err := os.Stat(strings.TrimSuffix(to, draftSuffix)); err == nil && os.SameFile(info, database) {
		return fmt.Errorf("%s is the database itself", file)
	}
	query := "mode=ro"
	if _, err := os.Stat(file + "-wal"); errors.Is(err, fs.ErrNotExist) {
		query += "&immutable=1" // it may be on a file system that cannot be written
	}
	u := url.URL{Scheme: "file", Path: file, RawQuery: query}
	source, err := sql.Open("sqlite", u.String())
	if err != nil {
		return err
	}
	defer source.Close()
	draft, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer draft.Close()
	if err := sound(ctx, source); err != nil {
		return fmt.Errorf("%s is no good copy of a database: %w", file, err)
	}
	if _, err := source.ExecContext(ctx, `VACUUM INTO $1`, to); err != nil {
		return err
	}
	return draft.Sync()
}

// reading runs do on the connection that holds the old database, with the draft attached.
func (r *Restoring) reading(ctx context.Context, do func(conn *sql.Conn) error) error {
	conn, err := r.lock.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `ATTACH $1 AS draft`, r.Draft); err != nil {
		return err
	}
	return errors.Join(do(conn), detach(ctx, conn))
}

func detach(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, `DETACH draft`)
	return err
}

// Compare runs a query on the old database, to which the draft is attached as draft.
func Compare[T any](ctx context.Context, r *Restoring, scan func(Row) (T, error), query string, args ...any) (all []T, err error) {
	err = r.reading(ctx, func(conn *sql.Conn) error {
		rows, err := conn.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			v, err := scan(rows)
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return rows.Err()
	})
	return all, err
}

// PutInPlace makes the draft, which nobody has open any more, the database. The old one is kept under another name: kept is "" when
// there was none.
func (r *Restoring) PutInPlace(now time.Time) (kept string, err error) {
	aside := r.path + ".before-" + now.UTC().Format("20060102T150405.000")
	like := filepath.Dir(r.path)
	if _, err := os.Stat(r.path); err == nil {
		kept, like = aside, r.path
		if err := os.Link(r.path, kept); err != nil {
			return "", err
		}
	}
	if err := giveToOwnerOf(like, r.Draft); err != nil {
		return "", err
	}
	if err := r.unlock(); err != nil {
		return "", err
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal"} { // of a damaged database; otherwise they are gone
		if err := os.Rename(r.path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if err := os.Rename(r.Draft, r.path); err != nil {
		return "", err
	}
	return kept, syncDirectory(filepath.Dir(r.path))
}

func (r *Restoring) unlock() error {
	if r.lock == nil {
		return nil
	}
	err := r.lock.Close()
	r.lock = nil
	return err
}

// Close gives up what was not put in place.
func (r *Restoring) Close() error {
	return errors.Join(r.unlock(), removeAll(r.Draft, "", "-wal", "-shm", "-journal"))
}

func removeAll(path string, suffixes ...string) error {
	for _, suffix := range suffixes {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
