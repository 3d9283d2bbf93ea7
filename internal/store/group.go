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

// group joins concurrent chains in one round trip and one commit of PostgreSQL: while one commit is being made durable, the next
// batch gathers. Nobody is answered before the commit.
//
// A batch happens whole or not at all, and waits for no lock longer than groupLockTimeout. A unit that fails or has to wait longer is run by itself, so that none suffers
// for another: not for its failure, and not for whoever it has to wait for. Few are run by themselves at once, so that they leave connections to all else.
type group struct {
	pool    *pgxpool.Pool     // of the batches
	shared  *pgxpool.Pool     // of everything else: who is run by itself waits there for as long as it takes
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
	chain chain
	args  []any
	dest  []any
	err   error         // sql.ErrNoRows is none: see found
	found bool          // the last statement returned a row
	done  chan struct{} // closed when err is the answer
}

// newGroup opens connections of its own to the database of a pool. There are as many batches under way as processors, at most.
func newGroup(ctx context.Context, shared *pgxpool.Pool, count func(name string)) (*group, error) {
	config := shared.Config()
	alone := make(chan struct{}, max(1, config.MaxConns/2))
	config.MinConns, config.MaxConns = 0, int32(runtime.GOMAXPROCS(0))
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("SET lock_timeout = %d", groupLockTimeout.Milliseconds()))
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	g := &group{pool: pool, shared: shared, count: count, jobs: make(chan *groupJob), quit: make(chan struct{}), alone: alone}
	for range config.MaxConns {
		g.running.Go(g.loop)
	}
	return g, nil
}

// do runs a chain in a batch, or by itself when the batch failed, and waits for its commit. found is whether all of it happened.
// A caller whose ctx ends leaves a queue, but not what has begun.
func (g *group) do(ctx context.Context, c chain, args, dest []any) (found bool, err error) {
	j := &groupJob{chain: c, args: args, dest: dest, done: make(chan struct{})}
	select {
	case g.jobs <- j:
	case <-ctx.Done():
		return false, ctx.Err()
	case <-g.quit:
		return false, ErrClosed
	}
	<-j.done
	if !errors.Is(j.err, errAlone) {
		return j.found, j.err
	}
	select {
	case g.alone <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-g.alone }()
	_, err = g.attempt(g.shared, []*groupJob{j})
	return j.found && err == nil, err
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

// commit runs a batch and answers everyone in it. Without the unit that made it fail, and those for the same family or machine, it is run again.
func (g *group) commit(batch []*groupJob) {
	for len(batch) > 0 {
		culprit, err := g.attempt(g.pool, batch)
		if culprit == nil {
			if refused(err) {
				err = errAlone // at the commit: it may have been anyone
			}
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

// attempt runs a batch, which without a BEGIN is one transaction. Each statement sees what was committed before it began. When one unit made the batch fail, that is
// the culprit, and nothing has happened.
func (g *group) attempt(pool *pgxpool.Pool, batch []*groupJob) (culprit *groupJob, err error) {
	// A browser that goes away must not cost a connection: cancelling a statement of PostgreSQL closes it.
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	var statements pgx.Batch
	for _, j := range batch {
		queue := func(query string, args, dest []any) {
			statements.Queue(query, args...).QueryRow(func(row pgx.Row) error {
				err := row.Scan(dest...)
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
		if lock := j.chain.lock; lock.query != "" {
			queue(lock.query, lock.arguments(j.args), []any{new(int)})
		}
		queue(j.chain.whole, j.args, j.dest)
	}
	err = pool.SendBatch(ctx, &statements).Close() // returns after the commit
	if err == nil && slices.ContainsFunc(batch, func(j *groupJob) bool { return j.found }) {
		g.count("commit")
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
