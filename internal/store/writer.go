package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
)

// ErrClosed means that the database was closed before the unit of work began.
var ErrClosed = errors.New("the database is closed")

// writer joins concurrent units of work in one commit: while one commit is being made durable, the next batch gathers. SQLite writes from one
// connection at a time anyway, so the batch costs nobody anything and saves everybody a wait for the disk.
//
// A unit that fails leaves no trace and hurts no other. Hardly any fails after it has written something, so a batch runs without savepoints at first; when
// one does, the batch is taken back and runs again with a savepoint for each unit. Nobody is answered before the commit, not even those who failed:
// what they saw may have been written by a neighbour whose commit fails.
type writer struct {
	db    *DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt

	jobs    chan *job
	quit    chan struct{} // closed by close
	stopped chan struct{} // closed when run has ended
	closing atomic.Bool
}

// maxBatch bounds how long the first unit of a batch waits for the last.
const maxBatch = 128

type job struct {
	ctx  context.Context
	name string
	work unit
	err  error
	done chan struct{} // closed when err is the answer
}

func newWriter(ctx context.Context, db *DB) (*writer, error) {
	conn, err := db.handle.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{db: db, conn: conn, stmts: map[string]*sql.Stmt{}, jobs: make(chan *job), quit: make(chan struct{}), stopped: make(chan struct{})}
	go w.loop()
	return w, nil
}

// do hands a unit of work to the writer and waits for its commit. A caller whose ctx ends leaves the queue, but not a batch that has been gathered.
func (w *writer) do(ctx context.Context, name string, work unit) error {
	j := &job{ctx: context.WithoutCancel(ctx), name: name, work: work, done: make(chan struct{})}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return ErrClosed
	}
	<-j.done
	return j.err
}

func (w *writer) loop() {
	defer close(w.stopped)
	for {
		select {
		case j := <-w.jobs:
			runtime.Gosched() // whoever is about to join has the processor first, and the batch is larger
			w.commit(gather(w.jobs, j, maxBatch))
		case <-w.quit:
			return
		}
	}
}

// commit runs a batch in one transaction and answers everyone in it.
func (w *writer) commit(batch []*job) {
	if err := w.transact(batch); err != nil {
		for _, j := range batch {
			j.err = fmt.Errorf("store: %s: %w", j.name, err)
		}
	}
	for _, j := range batch {
		close(j.done)
	}
}

// errTraces means that a unit failed which may have left something behind, so the batch needs savepoints.
var errTraces = errors.New("a unit of work failed after it had written")

// transact fills in each job's own error. Its error is that of the whole transaction, of which nothing remains then.
func (w *writer) transact(batch []*job) error {
	err := w.attempt(batch, w.plainly)
	if errors.Is(err, errTraces) {
		err = w.attempt(batch, w.savepoint)
	}
	return err
}

// attempt runs each unit of a batch by run, whose first result is the unit's own error and whose second ends the transaction.
func (w *writer) attempt(batch []*job, run func(*job) (failed, err error)) (err error) {
	ctx := context.Background()
	if err := w.raw(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// SQLite may have rolled back by itself; then there is nothing left to roll back.
			_ = w.raw(ctx, "ROLLBACK")
		}
	}()
	succeeded := 0
	for _, j := range batch {
		if j.err, err = run(j); err != nil {
			return err
		}
		if j.err == nil {
			succeeded++
		}
	}
	if succeeded == 0 {
		return w.raw(ctx, "ROLLBACK")
	}
	if err := w.db.observe("commit"); err != nil {
		return err
	}
	return w.raw(ctx, "COMMIT")
}

// plainly runs one unit. A statement that failed may have cost SQLite the whole transaction, whatever the unit makes of it.
func (w *writer) plainly(j *job) (failed, err error) {
	t := &tx{ctx: j.ctx, db: w.db, name: j.name, session: w}
	failed = j.work(t)
	if t.broken || failed != nil && t.wrote {
		return nil, errTraces
	}
	return failed, nil
}

// savepoint runs one unit so that nothing of it remains if it fails.
func (w *writer) savepoint(j *job) (failed, err error) {
	if err := w.raw(j.ctx, "SAVEPOINT unit"); err != nil {
		return nil, err
	}
	failed = j.work(&tx{ctx: j.ctx, db: w.db, name: j.name, session: w})
	if failed != nil {
		// When SQLite has given up the whole transaction (a full disk), the savepoint is gone and this fails, and with it the batch.
		if err := w.raw(j.ctx, "ROLLBACK TO unit"); err != nil {
			return nil, errors.Join(failed, err)
		}
	}
	return failed, w.raw(j.ctx, "RELEASE unit")
}

// close finishes the batch under way. It may be called twice.
func (w *writer) close() error {
	if w.closing.Swap(true) {
		return nil
	}
	close(w.quit)
	<-w.stopped
	for _, stmt := range w.stmts {
		stmt.Close()
	}
	return w.conn.Close()
}

func (w *writer) raw(ctx context.Context, query string) error {
	_, err := w.run(ctx, query, nil)
	return err
}

// stmt prepares each statement once. Only the writer's own goroutine comes here.
func (w *writer) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := w.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, query)
	if err == nil {
		w.stmts[query] = stmt
	}
	return stmt, err
}

func (w *writer) run(ctx context.Context, query string, args []any) (sql.Result, error) {
	stmt, err := w.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (w *writer) first(ctx context.Context, query string, args []any, dest []any) error {
	stmt, err := w.stmt(ctx, query)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(ctx, args...).Scan(dest...)
}
