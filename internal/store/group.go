package store

import (
	"context"
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

// group joins concurrent units of work that are one statement each in one round trip and one commit of PostgreSQL: while one commit is being made durable, the next
// batch gathers. Nobody is answered before the commit.
//
// A batch happens whole or not at all, and waits for no lock longer than groupLockTimeout. A unit that fails or has to wait longer is run by itself, so that none suffers
// for another: not for its failure, and not for whoever it has to wait for. Few are run by themselves at once, so that they leave connections to all else.
type group struct {
	pool    *pgxpool.Pool
	count   func(name string) // of commits
	jobs    chan *groupJob
	quit    chan struct{} // closed by close
	closing atomic.Bool
	running sync.WaitGroup
	alone   chan struct{} // a place for each unit that is run by itself
}

const (
	// groupLockTimeout is how long a batch waits for a row. Those who end a grant hold its rows for less, nearly always.
	groupLockTimeout = 5 * time.Millisecond
	// maxGroup bounds how long the first unit of a batch waits for the last.
	maxGroup = 32
)

// errAlone means that the batch has left no trace, and that the unit is to be run by itself.
var errAlone = errors.New("the batch failed")

type groupJob struct {
	query string
	args  []any
	dest  []any
	err   error         // sql.ErrNoRows is none: see found
	found bool          // there was a row
	done  chan struct{} // closed when err is the answer
}

// newGroup opens connections of its own to the pool's database. There are as many batches under way as processors, at most.
func newGroup(ctx context.Context, config *pgxpool.Config, count func(name string)) (*group, error) {
	alone := make(chan struct{}, max(1, config.MaxConns/2))
	config = config.Copy()
	config.MinConns, config.MaxConns = 0, int32(runtime.GOMAXPROCS(0))
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("SET lock_timeout = %d", groupLockTimeout.Milliseconds()))
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	g := &group{pool: pool, count: count, jobs: make(chan *groupJob), quit: make(chan struct{}), alone: alone}
	for range config.MaxConns {
		g.running.Go(g.loop)
	}
	return g, nil
}

// do runs a statement in a batch and waits for its commit. found is whether it returned a row. The error is errAlone when the batch failed, and nothing has happened.
// A caller whose ctx ends leaves the queue, but not a batch that has been gathered.
func (g *group) do(ctx context.Context, query string, args, dest []any) (found bool, err error) {
	j := &groupJob{query: query, args: args, dest: dest, done: make(chan struct{})}
	select {
	case g.jobs <- j:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-g.quit:
		return false, ErrClosed
	}
	<-j.done
	return j.found, j.err
}

func (g *group) loop() {
	for {
		select {
		case first := <-g.jobs:
			runtime.Gosched() // whoever is about to join has the processor first, and the batch is larger
			g.commit(gather(g.jobs, first, maxGroup))
		case <-g.quit:
			return
		}
	}
}

// gather takes whoever is waiting now, and waits for nobody.
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

// commit runs a batch and answers everyone in it. Without the unit that made it fail, and those for the same family, it is run again.
func (g *group) commit(batch []*groupJob) {
	for len(batch) > 0 {
		culprit, err := g.attempt(batch)
		if culprit == nil {
			answer(batch, err)
			return
		}
		same := func(j *groupJob) bool { return j.args[0] == culprit.args[0] }
		var alone []*groupJob
		for _, j := range batch {
			if same(j) {
				alone = append(alone, j)
			}
		}
		answer(alone, errAlone)
		batch = slices.DeleteFunc(batch, same)
	}
}

func answer(batch []*groupJob, err error) {
	for _, j := range batch {
		j.err = err
		close(j.done)
	}
}

// attempt runs a batch, which without a BEGIN is one transaction. When one unit made it fail, that is the culprit, and nothing has happened.
func (g *group) attempt(batch []*groupJob) (culprit *groupJob, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	var statements pgx.Batch
	for _, j := range batch {
		statements.Queue(j.query, j.args...).QueryRow(func(row pgx.Row) error {
			err := row.Scan(j.dest...)
			j.found = err == nil
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if refused(err) {
				culprit = j
			}
			return err
		})
	}
	err = g.pool.SendBatch(ctx, &statements).Close() // returns after the commit
	switch {
	case err == nil:
		if slices.ContainsFunc(batch, func(j *groupJob) bool { return j.found }) {
			g.count("commit")
		}
	case culprit == nil && refused(err):
		return nil, errAlone // at the commit: it may have been anyone
	}
	return culprit, err
}

// refused reports that PostgreSQL has said no, and rolled back. Of a connection that broke nobody knows how far it came.
func refused(err error) bool {
	_, ok := errors.AsType[*pgconn.PgError](err)
	return ok
}

// close finishes the batches under way. It may be called twice.
func (g *group) close() {
	if !g.closing.Swap(true) {
		close(g.quit)
		g.running.Wait()
		g.pool.Close()
	}
}
