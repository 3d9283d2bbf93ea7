// Package store keeps everything in SQLite or PostgreSQL. It implements the interfaces that authz, authn, team, token
// and audit declare, with one file for each noun. Package engine below it opens the databases and runs statements.
//
// Each exported method is one unit of work: it happens whole or not at all, and it is durable when the method returns.
// Three do more than one: Prune and TrimFamilies delete in several small units, and Redeem and Rotate handle what they
// refuse in a second unit.
//
// Units that wait at the same time share one commit ("group commit": see package engine):
//
//	Redeem   |--run--|==commit 1==|
//	Rotate     |...waits........|--run--|==commit 2==|
//	Redeem       |...waits......|--run--|==commit 2==|
//
// A statement is one text for both databases where that can be. Redeem, Rotate and IssueMachine have two: PostgreSQL gets
// one statement, which is one round trip, and SQLite, which has no round trips, gets a few simple ones.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
)

// DB implements the stores of all domain packages.
var (
	_ team.People           = (*DB)(nil)
	_ team.Teams            = (*DB)(nil)
	_ team.Links            = (*DB)(nil)
	_ team.Invitations      = (*DB)(nil)
	_ team.Newcomers        = (*DB)(nil)
	_ authn.Store           = (*DB)(nil)
	_ client.Store          = (*DB)(nil)
	_ client.AssertionStore = (*DB)(nil)
	_ govern.Store          = (*DB)(nil)
	_ authz.GrantStore      = (*DB)(nil)
	_ authz.FamilyStore     = (*DB)(nil)
	_ authz.MachineStore    = (*DB)(nil)
	_ authz.RequestStore    = (*DB)(nil)
	_ outbox.Store          = (*DB)(nil)
	_ token.Store           = (*DB)(nil)
	_ audit.Store           = (*DB)(nil)
	_ operate.Store         = (*DB)(nil)
	_ usage.FailureStore    = (*DB)(nil)
)

// Making says what Open does when there is no database yet.
type Making = engine.Making

const (
	MakeMissing = engine.MakeMissing
	MakeInEmpty = engine.MakeInEmpty
	MakeNever   = engine.MakeNever
	MakeNew     = engine.MakeNew
	LeaveAlone  = engine.LeaveAlone
)

var (
	ErrNoDatabase     = engine.ErrNoDatabase
	ErrDatabaseExists = engine.ErrDatabaseExists
	ErrSchema         = engine.ErrSchema
	ErrNoDump         = engine.ErrNoDump // of Backup
)

// ErrClosed means that the database was closed before the unit of work began.
var ErrClosed = engine.ErrClosed

// Options are the settings of a DB.
type Options struct {
	// Observe is called once per statement with its name ("Redeem", …) and once per commit ("commit"), for metrics and
	// for tests that count. It is called from several goroutines at once. May be nil.
	Observe func(statement string)
	// Happened is called once per event that was recorded, with its kind, after the commit. It is called from several
	// goroutines at once. May be nil.
	Happened func(audit.Kind)
	// Now is the time of what happens without a time of its own. nil is time.Now.
	Now func() time.Time
	// WrongClock is the right time, when what the caller's clock has shown is wrong: then what has expired only by that is token.ErrWrongClock. nil: it never is.
	WrongClock func(shown time.Time) (right time.Time, wrong bool)
	// MachineTokenLifetime is the longest lifetime of a machine client's access token. The end of such a client is
	// published for that long. 0 is 24 hours.
	MachineTokenLifetime time.Duration
	// AuditRetention is how long events are kept. 0 is 365 days.
	AuditRetention time.Duration
	// Counters is how many counters of failures are kept at most, until the next Prune. 0 is a million.
	Counters int
	// Making says what Open does when there is no database yet. The zero value makes one.
	Making Making
	// URL is the database URL as it is now. It is asked for when PostgreSQL refuses the password. May be nil.
	URL func() (string, error)
	// Log gets what an operator should know while Open works. May be nil.
	Log *slog.Logger
	// Lease is how long a process trusts its cache after it last read the revision (see cache). A change of something
	// cached is answered a little later than that. Processes that share a database must have the same lease. 0 is 50 ms.
	Lease time.Duration
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.WrongClock == nil {
		o.WrongClock = func(time.Time) (right time.Time, wrong bool) { return time.Time{}, false }
	}
	if o.Happened == nil {
		o.Happened = func(audit.Kind) {}
	}
	o.MachineTokenLifetime = cmp.Or(o.MachineTokenLifetime, 24*time.Hour)
	o.AuditRetention = cmp.Or(o.AuditRetention, 365*24*time.Hour)
	o.Counters = cmp.Or(o.Counters, 1_000_000)
	o.Lease = cmp.Or(o.Lease, 50*time.Millisecond)
	return o
}

// DB is an open database. It may be used from several goroutines at once.
type DB struct {
	engine *engine.DB
	opts   Options

	cache cache

	lastEvent atomic.Int64 // the id of the last event that was appended

	pruning sync.Mutex
	pruned  string // the family up to which Prune has walked; "" at the beginning
}

//go:embed migrations/*.sql migrations/unprefixed/*.sql
var migrations embed.FS

// Open opens a database ("sqlite:PATH" or "postgres://…") and brings its schema up to date under a lock.
// A missing SQLite file is made, readable by its owner only, when opts.Making allows it. A missing directory is an error, and so
// is a schema that a newer release made.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	opts = opts.withDefaults()
	schema, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	oldSchema, err := fs.Sub(schema, "unprefixed")
	if err != nil {
		return nil, err
	}
	opened, err := engine.Open(ctx, url, engine.Options{
		Migrations: schema, Prefix: "gh_", OldMigrations: oldSchema, OldTables: []string{"team_blocks", "client_secrets", "families", "keyring"}, Observe: opts.Observe, Log: opts.Log, URL: opts.URL,
		Making: opts.Making, Unavailable: unavailable,
	})
	if err != nil {
		return nil, err
	}
	db := &DB{engine: opened, opts: opts, cache: cache{lease: opts.Lease}}
	if err := db.compareEmails(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("bring e-mail addresses into one form: %w", err), db.Close())
	}
	return db, nil
}

// Place is where the database is, without a password.
func (db *DB) Place() string { return db.engine.Place() }

// UseURL makes later connections log in with the user, password and certificates of a URL. It reports whether the user or the password is new.
// Another database is an error.
func (db *DB) UseURL(url string) (changed bool, err error) { return db.engine.UseURL(url) }

// Backup writes a copy of the database into a new file that only its owner can read, while others use the database, and verifies
// it. It appears whole or not at all. For PostgreSQL, pg_dump and pg_restore have to be installed.
func (db *DB) Backup(ctx context.Context, path string) error { return db.engine.Backup(ctx, path) }

// SchemaVersion is the version of the schema.
func (db *DB) SchemaVersion(ctx context.Context) (int64, error) { return db.engine.SchemaVersion(ctx) }

// Now is the time by the database's clock. SQLite has none of its own: its clock is that of the machine it is on.
func (db *DB) Now(ctx context.Context) (time.Time, error) {
	const (
		postgres = `SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)`
		sqlite   = `SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`
	)
	scan := func(r engine.Row) (at time.Time, err error) { return at, r.Scan(engine.TimeTo(&at)) }
	return engine.One(ctx, db.engine, "Now", sql.ErrNoRows, scan, db.engine.Text(sqlite, postgres))
}

// Made reports whether Open has made the database.
func (db *DB) Made() bool { return db.engine.Made() }

// unavailable is what callers are told when the database cannot answer: they may try again. The cause is for the log.
func unavailable(cause error) error {
	return oauth.TemporarilyUnavailable.Because(cause, "the server could not reach its database; try again in a few seconds")
}

// Ready reports whether a write can be committed, by committing one. Its row changes each time and means nothing. A database whose files
// are damaged is not ready, even if this row can be written.
func (db *DB) Ready(ctx context.Context) error {
	if err := db.engine.Damaged(); err != nil {
		return err
	}
	return db.engine.Write(ctx, "Ready", func(t *engine.Tx) error {
		_, err := t.Change(`INSERT INTO gh_revisions (name, revision) VALUES ('ready', $1)
			ON CONFLICT (name) DO UPDATE SET revision = excluded.revision`, rand.Int64())
		return err
	})
}

// Close finishes the commit that is under way and closes the database. Later calls fail.
func (db *DB) Close() error {
	err := db.engine.Close()
	db.cache.close()
	return err
}

func (db *DB) now() time.Time { return db.opts.Now() }

// unlessExpired is what look finds at now. When it finds nothing, and the clock that has shown now was wrong, it looks again at the right time:
// what is there then has not expired, and the answer is token.ErrWrongClock.
func unlessExpired[T any](db *DB, none error, now time.Time, look func(now time.Time) (T, error)) (T, error) {
	found, err := look(now)
	if !errors.Is(err, none) {
		return found, err
	}
	right, wrong := db.opts.WrongClock(now)
	if !wrong {
		return found, err
	}
	var nothing T
	if _, atRight := look(right); atRight != nil {
		return nothing, atRight
	}
	return nothing, token.ErrWrongClock
}

// tx is a unit of work in progress.
type tx struct {
	*engine.Tx
	db    *DB
	kinds []audit.Kind // of the events so far

	changed string // what change tells other processes: changeOfSession, changeOfUser, or "" for all
}

// write runs a unit of work. It may run more than once, so it must set everything that it hands out anew each time.
func (db *DB) write(ctx context.Context, name string, work func(*tx) error) error {
	var unit *tx
	err := db.engine.Write(ctx, name, func(t *engine.Tx) error {
		unit = &tx{Tx: t, db: db}
		return work(unit)
	})
	if err != nil {
		return err
	}
	for _, kind := range unit.kinds {
		db.opts.Happened(kind)
	}
	return nil
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
