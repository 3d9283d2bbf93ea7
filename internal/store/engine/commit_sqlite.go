package engine

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

// sqliteWriter is SQLite's group commit. SQLite writes from one connection at a time anyway, so a batch costs nobody
// anything and saves everybody a wait for the disk.
//
// A unit that fails must leave no trace. Hardly any unit fails after it has written something, so a batch runs without
// savepoints at first. When one does, the batch is rolled back and runs again with a savepoint for each unit.
// Failed units are answered after the commit too: what they saw may have been written by a neighbour whose commit fails.
//
// A long unit holds up all writers. Prune and TrimFamilies in package store therefore work in units of 100 and 200 rows.
// Only ending a person, client or team has no such bound: it deletes all their grants in one unit.
type sqliteWriter struct {
	db    *DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt

	jobs    chan *sqliteJob
	quit    chan struct{} // closed by close
	stopped chan struct{} // closed when loop has ended
	closing atomic.Bool
}

// maxBatch bounds how long the first unit of a batch waits for the last.
const maxBatch = 128

type sqliteJob struct {
	ctx  context.Context
	name string
	work Work
	err  error
	done chan struct{} // closed when err is the answer
}

func newSQLiteWriter(ctx context.Context, db *DB) (*sqliteWriter, error) {
	conn, err := db.handle.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &sqliteWriter{
		db: db, conn: conn, stmts: map[string]*sql.Stmt{},
		jobs: make(chan *sqliteJob), quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	go w.loop()
	return w, nil
}

// do hands a unit of work to the writer and waits for its commit. A caller whose ctx ends leaves the queue,
// but not a batch that has been gathered.
func (w *sqliteWriter) do(ctx context.Context, name string, work Work) error {
	j := &sqliteJob{ctx: context.WithoutCancel(ctx), name: name, work: work, done: make(chan struct{})}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := enter(ctx, w.jobs, j, w.quit); err != nil {
		return err
	}
	<-j.done
	return j.err
}

func (w *sqliteWriter) loop() {
	defer close(w.stopped)
	for {
		select {
		case j := <-w.jobs:
			runtime.Gosched() // lets others who are about to join run first, so the batch is larger
			w.commit(gather(w.jobs, j, maxBatch))
		case <-w.quit:
			return
		}
	}
}

// gather takes the jobs that wait now. It waits for no more.
func gather[T any](jobs <-chan T, first T, most int) []T {
	batch := []T{first}
	for len(batch) < most {
		select {
		case j := <-jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// commit runs a batch in one transaction and answers every caller in it.
func (w *sqliteWriter) commit(batch []*sqliteJob) {
	err := w.attempt(batch, w.withoutSavepoint)
	if errors.Is(err, errNeedsSavepoints) {
		err = w.attempt(batch, w.withSavepoint)
	}
	for _, j := range batch {
		if err != nil { // the whole transaction failed, so nothing of any unit remains
			j.err = fmt.Errorf("store: %s: %w", j.name, err)
		}
		close(j.done)
	}
}

// errNeedsSavepoints means that a unit failed which may have left something behind.
var errNeedsSavepoints = errors.New("a unit of work failed after it had written")

// attempt runs a batch in one transaction and fills in each job's own error. run returns the unit's error, and an error
// that ends the transaction. The latter is the result of attempt, and nothing of the batch remains then.
func (w *sqliteWriter) attempt(batch []*sqliteJob, run func(*sqliteJob) (failed, err error)) (err error) {
	ctx := context.Background()
	if err := w.raw(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// SQLite may have rolled back by itself. Then there is nothing left to roll back.
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
	if err := w.db.files.check(); err != nil {
		return err
	}
	return w.raw(ctx, "COMMIT")
}

// withoutSavepoint runs one unit. After a statement that failed, SQLite may have rolled back the whole transaction,
// even if the unit itself goes on.
func (w *sqliteWriter) withoutSavepoint(j *sqliteJob) (failed, err error) {
	t := newTx(j.ctx, w.db, j.name, w)
	failed = t.do(j.work)
	if t.state.broken || failed != nil && t.state.wrote {
		return nil, errNeedsSavepoints
	}
	return failed, nil
}

// withSavepoint runs one unit so that nothing of it remains if it fails.
func (w *sqliteWriter) withSavepoint(j *sqliteJob) (failed, err error) {
	if err := w.raw(j.ctx, "SAVEPOINT unit"); err != nil {
		return nil, err
	}
	failed = newTx(j.ctx, w.db, j.name, w).do(j.work)
	if failed != nil {
		// When SQLite has given up the whole transaction (a full disk), the savepoint is gone. Then this fails too,
		// and the batch with it.
		if err := w.raw(j.ctx, "ROLLBACK TO unit"); err != nil {
			return nil, errors.Join(failed, err)
		}
	}
	return failed, w.raw(j.ctx, "RELEASE unit")
}

// close finishes the batch that is under way. It may be called twice.
func (w *sqliteWriter) close() error {
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

func (w *sqliteWriter) raw(ctx context.Context, query string) error {
	_, err := w.run(ctx, query, nil)
	return err
}

// stmt prepares each statement once. Only the writer's own goroutine calls it.
func (w *sqliteWriter) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := w.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := w.conn.PrepareContext(ctx, query)
	if err == nil {
		w.stmts[query] = stmt
	}
	return stmt, err
}

func (w *sqliteWriter) run(ctx context.Context, query string, args []any) (sql.Result, error) {
	stmt, err := w.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (w *sqliteWriter) first(ctx context.Context, query string, args []any, dest []any) error {
	stmt, err := w.stmt(ctx, query)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(ctx, args...).Scan(dest...)
}
