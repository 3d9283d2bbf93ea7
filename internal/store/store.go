// Package store keeps everything in SQLite or PostgreSQL, with one SQL text for both. It implements the interfaces that authz, authn, team and token declare.
//
// Each exported method is one unit of work: it happens whole or not at all, and has happened durably when it returns. Prune and TrimFamilies take several, each whole in
// itself; and what Redeem and Rotate do with what they refuse, they do in a second one.
//
// Where things are: dialect.go has everything in which the two databases differ, work.go runs statements and units of work, chain.go those that are few statements and
// often run, writer.go joins SQLite's concurrent units in one commit and group.go PostgreSQL's, memory.go remembers clients and visitors, migrations/ is the schema. The other files are named for what they keep.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// A DB is the store of them all.
var (
	_ team.Store            = (*DB)(nil)
	_ authn.Store           = (*DB)(nil)
	_ client.Store          = (*DB)(nil)
	_ client.AssertionStore = (*DB)(nil)
	_ govern.Store          = (*DB)(nil)
	_ authz.GrantStore      = (*DB)(nil)
	_ authz.FamilyStore     = (*DB)(nil)
	_ authz.MachineStore    = (*DB)(nil)
	_ authz.NoticeStore     = (*DB)(nil)
	_ token.Store           = (*DB)(nil)
)

// Options are the settings of a DB.
type Options struct {
	// Observe is called once per statement with its name ("Redeem", …) and once per commit ("commit"), for metrics and for tests that count. May be nil.
	// It is called from several goroutines at once.
	Observe func(statement string)
	// Now is the time of what happens without a time of its own. nil is time.Now.
	Now func() time.Time
	// MachineTokenLifetime is how long an access token of a machine client can live, at most: so long the end of its client is told. 0 is 24 hours.
	MachineTokenLifetime time.Duration
	// AuditRetention is how long events are kept. 0 is 365 days.
	AuditRetention time.Duration
	// Lease is how long a process goes by what it remembers; a change of that is answered a little later. Processes that share a database must have the same. 0 is 50 ms.
	Lease time.Duration
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	o.MachineTokenLifetime = cmp.Or(o.MachineTokenLifetime, 24*time.Hour)
	o.AuditRetention = cmp.Or(o.AuditRetention, 365*24*time.Hour)
	o.Lease = cmp.Or(o.Lease, 50*time.Millisecond)
	return o
}

// DB is an open database. It may be used from several goroutines at once.
type DB struct {
	dialect dialect
	opts    Options

	handle *sql.DB  // PostgreSQL: everything; SQLite: the one connection that writes
	reads  *sql.DB  // PostgreSQL: the same; SQLite: connections that cannot write
	stmts  sync.Map // SQLite: query → *sql.Stmt on reads
	writer *writer  // SQLite only
	group  *group   // PostgreSQL only
	closed func() error

	memory memory

	lastEvent atomic.Int64 // the id of the last event that was appended

	pruning sync.Mutex
	pruned  string // the family up to which Prune has walked; "" at the beginning

	fault atomic.Pointer[func(statement string) error] // tests make a statement or a commit fail
}

// Open opens a database ("sqlite:PATH" or "postgres://…") and brings its schema up to date under a lock.
// A missing SQLite file is made, readable by its owner only; a missing directory is an error, and so is a schema made by a newer release.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	open, err := opener(url)
	if err != nil {
		return nil, err
	}
	db, err := open(ctx)
	if err != nil {
		return nil, err
	}
	db.opts = opts.withDefaults()
	db.memory.lease = db.opts.Lease
	return db, nil
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.reads.PingContext(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	var one int
	if err := db.reads.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

// Close finishes the commit that is under way and closes the database. What comes later fails.
func (db *DB) Close() error {
	err := db.closed()
	db.memory.close()
	return err
}

func (db *DB) now() time.Time { return db.opts.Now() }

// observe tells whoever watches that a statement or a commit is about to happen. Its error is a test's wish that it fail.
func (db *DB) observe(name string) error {
	db.count(name)
	return db.fail(name)
}

func (db *DB) count(name string) {
	if db.opts.Observe != nil {
		db.opts.Observe(name)
	}
}

func (db *DB) fail(name string) error {
	if fault := db.fault.Load(); fault != nil {
		return (*fault)(name)
	}
	return nil
}
