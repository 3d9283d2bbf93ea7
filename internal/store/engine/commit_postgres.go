package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Statement is a unit of work that consists of one statement of PostgreSQL.
// The statement returns one row when the unit has happened, and no row when it has not.
type Statement struct {
	Query string
	Args  []any
	Dest  []any // of the row

	// Lock is a SELECT … FOR SHARE that goes before the statement, in the same round trip. It returns numbers.
	// A statement does not see what was committed while it waited for a lock, but the next statement does. May be "".
	Lock     string
	LockArgs []any

	// Also is what else the statement does, for Observe: it is counted when the unit has happened. May be "".
	Also string
}

// ErrUnknown means that the connection broke before PostgreSQL said whether it has committed. The unit must not run again:
// find out first whether it has happened.
var ErrUnknown = errors.New("nobody knows whether the unit of work was committed")

// errNotStarted means that the caller left the queue.
var errNotStarted = errors.New("the unit of work was not started")

// notBegun reports that nothing of the unit was sent.
func notBegun(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, preparing := errors.AsType[pgx.ErrPreprocessingBatch](err)
	return connecting || preparing || errors.Is(err, errNotStarted) || errors.Is(err, ErrClosed) || pgconn.SafeToRetry(err)
}

// Batch runs a unit of work on PostgreSQL and returns when it is durable. The error is sql.ErrNoRows when it has not
// happened, and ErrUnknown when nobody knows. It counts as one statement, with its lock.
func (db *DB) Batch(ctx context.Context, name string, s Statement) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	deadline := deadlineOf(ctx, unitLimit)
	return db.told(db.retry(ctx, func() error {
		err := errors.Join(db.observe(name), db.injected(s.Also), db.injected("commit"))
		if err != nil {
			return err
		}
		happened, err := db.group.do(ctx, s, deadline)
		switch {
		case err != nil && !rolledBack(err) && !notBegun(err):
			return fmt.Errorf("store: %s: %w: %w", name, ErrUnknown, err)
		case err != nil:
			return fmt.Errorf("store: %s: %w", name, err)
		case !happened:
			return sql.ErrNoRows
		}
		if s.Also != "" {
			db.count(s.Also)
		}
		return nil
	}))
}

// postgresWriter is PostgreSQL's group commit: concurrent units share one round trip and one commit.
//
// A batch waits for no lock longer than batchLockTimeout. When it fails, for that reason or another, nothing of it has
// happened, and each of its units runs again on its own connection's turn: first under the same timeout, so that units
// that need no lock go on at once; then, if that fails too, for as long as the unit has. Only a few units wait for locks
// at the same time, so that they leave connections for everything else.
type postgresWriter struct {
	batches *pgxpool.Pool     // with batchLockTimeout
	shared  *pgxpool.Pool     // without it: the pool of everything else
	count   func(name string) // of commits
	suspect func()            // when a connection has ended
	acquire func(context.Context, *pgxpool.Pool) (*pgxpool.Conn, error)
	// lockTimeout begins each batch behind a pooler, where a setting of the session would be lost, or found by a stranger. "" otherwise.
	lockTimeout string
	jobs        chan *postgresJob
	quit        chan struct{} // closed by close
	closing     atomic.Bool
	running     sync.WaitGroup
	waiters     chan struct{} // has room for the units that may wait for locks at the same time
}

const (
	// batchLockTimeout is how long a batch waits for a row. Those who end a grant nearly always hold its rows for less.
	batchLockTimeout = 5 * time.Millisecond
	// maxPostgresBatch bounds how long the first unit of a batch waits for the last.
	maxPostgresBatch = 32
)

// errRefused means that PostgreSQL has rolled back, and that the unit may run again without a timeout.
var errRefused = errors.New("the batch failed")

type postgresJob struct {
	Statement
	err      error
	happened bool          // the statement returned its row
	done     chan struct{} // closed when err is the answer
}

// newPostgresWriter opens connections of its own, because a batch keeps its connection busy.
func newPostgresWriter(ctx context.Context, db *DB, shared *pgxpool.Pool, connections int32, pooled bool) (*postgresWriter, error) {
	config := shared.Config()
	waiters := make(chan struct{}, max(1, config.MaxConns/2))
	config.MinConns, config.MaxConns = 0, connections
	g := &postgresWriter{
		shared: shared, count: db.count, suspect: db.suspect, acquire: db.acquire, jobs: make(chan *postgresJob), quit: make(chan struct{}), waiters: waiters,
	}
	if pooled {
		g.lockTimeout = setLockTimeout(batchLockTimeout)
	} else {
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, connectLimit)
			defer cancel()
			_, err := conn.Exec(ctx, fmt.Sprintf("SET lock_timeout = %d", batchLockTimeout.Milliseconds()))
			return err
		}
	}
	var err error
	if g.batches, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	for range config.MaxConns {
		g.running.Go(g.loop)
	}
	return g, nil
}

// do runs a unit in a batch, or alone when that fails, and waits for its commit.
// A caller whose ctx ends leaves the queue of batches, but nothing that has begun. Hardly any unit needs its deadline, and a context with one is dear.
func (g *postgresWriter) do(ctx context.Context, s Statement, deadline time.Time) (happened bool, err error) {
	j := &postgresJob{Statement: s, done: make(chan struct{})}
	if err := enter(ctx, g.jobs, j, g.quit); err != nil {
		return false, err
	}
	<-j.done
	if !errors.Is(j.err, errRefused) {
		return j.happened, j.err
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	if err := enter(ctx, g.waiters, struct{}{}, nil); err != nil {
		return false, err
	}
	defer func() { <-g.waiters }()
	err = g.attempt(ctx, g.shared, setLockTimeout(min(lockTimeout(ctx), batchLimit-lockMargin)), []*postgresJob{j})
	return j.happened && err == nil, err
}

// enter waits until a queue takes an entry, but not longer than queueLimit.
func enter[T any](ctx context.Context, queue chan<- T, entry T, quit <-chan struct{}) error {
	select {
	case queue <- entry:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, queueLimit)
	defer cancel()
	select {
	case queue <- entry:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNotStarted, ctx.Err())
	case <-quit:
		return ErrClosed
	}
}

func (g *postgresWriter) loop() {
	for {
		select {
		case first := <-g.jobs:
			runtime.Gosched() // lets others who are about to join run first, so the batch is larger
			g.commit(gather(g.jobs, first, maxPostgresBatch))
		case <-g.quit:
			return
		}
	}
}

// commit runs a batch and answers every caller in it. When PostgreSQL refuses the batch, each unit runs by itself.
func (g *postgresWriter) commit(batch []*postgresJob) {
	err := g.attempt(context.Background(), g.batches, g.lockTimeout, batch)
	if rolledBack(err) && len(batch) > 1 {
		for _, j := range batch {
			g.commit([]*postgresJob{j})
		}
		return
	}
	if rolledBack(err) {
		err = errRefused
	}
	for _, j := range batch {
		j.err = err
		close(j.done)
	}
}

// attempt runs a batch as one transaction, for which pgx needs no BEGIN. Each statement sees what was committed before
// it began. setting comes first, if it is not "".
func (g *postgresWriter) attempt(ctx context.Context, pool *pgxpool.Pool, setting string, batch []*postgresJob) (err error) {
	defer recovered(&err) // of reading a row: a panic here would end the process
	limit := time.Now().Add(batchLimit)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(limit) {
		limit = deadline
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), limit)
	defer cancel()
	conn, err := g.acquire(ctx, pool)
	if err != nil {
		return err
	}
	defer conn.Release()
	var statements pgx.Batch
	if setting != "" {
		statements.Queue(setting)
	}
	for _, j := range batch {
		if j.Lock != "" {
			statements.Queue(j.Lock, j.LockArgs...).QueryRow(func(row pgx.Row) error {
				if err := row.Scan(new(int)); !errors.Is(err, pgx.ErrNoRows) {
					return err
				}
				return nil
			})
		}
		statements.Queue(j.Query, j.Args...).QueryRow(func(row pgx.Row) error {
			err := row.Scan(j.Dest...)
			j.happened = err == nil
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		})
	}
	err = conn.SendBatch(ctx, &statements).Close() // returns after the commit
	if broken(err) {
		g.suspect()
	}
	if err == nil && slices.ContainsFunc(batch, func(j *postgresJob) bool { return j.happened }) {
		g.count("commit")
	}
	return err
}

// rolledBack reports that PostgreSQL has rolled back for certain: the statement was refused (SQLSTATE classes 22, 23, 42), it met
// another transaction (class 40), or it waited too long for a lock (55P03). Any other error says nothing about the commit: a pooler
// reports a server that died as an error of PostgreSQL, and a server that shuts down may have committed before.
func rolledBack(err error) bool {
	code := postgresCode(err)
	if len(code) != 5 {
		return false
	}
	switch code[:2] {
	case "22", "23", "40", "42":
		return true
	}
	return code == lockNotAvailable
}

// oneTransaction refuses a server on which a batch without BEGIN is more than one transaction: then a failure would leave half of it behind.
func (g *postgresWriter) oneTransaction(ctx context.Context) error {
	var statements pgx.Batch
	var first, second int64
	for _, id := range []*int64{&first, &second} {
		statements.Queue("SELECT txid_current()").QueryRow(func(row pgx.Row) error { return row.Scan(id) })
	}
	err := g.batches.SendBatch(ctx, &statements).Close()
	if err == nil && first == second {
		return nil
	}
	if unavailable(err) {
		return err
	}
	problem := errors.New("statements that are sent together are not one transaction on this server, as they are on PostgreSQL; " +
		"databases that only speak its protocol, such as CockroachDB and YugabyteDB, are not supported")
	return errors.Join(problem, err)
}

// close finishes the batches that are under way. It may be called twice.
func (g *postgresWriter) close() {
	if !g.closing.Swap(true) {
		close(g.quit)
		g.running.Wait()
		g.batches.Close()
	}
}
