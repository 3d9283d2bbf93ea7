package store_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A queue is an SQLite store whose writer is held up in a unit of work, so that the units that are sent meanwhile make one
// batch. It lives in a synctest bubble, which tells when all of them wait.
type queue struct {
	t    *testing.T
	db   *store.DB
	held chan struct{} // closing it lets the writer go on

	mu      sync.Mutex
	commits int
}

// holdUp runs a test with a queue. fail decides, as store.Fail does, about all but the unit that is held up.
func holdUp(t *testing.T, fail func(statement string) error, test func(q *queue)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{t: t, held: make(chan struct{})}
		var err error
		q.db, err = store.Open(t.Context(), storetest.SQLiteURL(t), store.Options{Observe: q.observe})
		if err != nil {
			t.Fatal(err)
		}
		defer q.db.Close()
		q.db.Fail(func(statement string) error {
			if statement == "Delivered" {
				<-q.held
			} else if fail != nil {
				return fail(statement)
			}
			return nil
		})
		first := q.send(func(ctx context.Context) error { return q.db.Delivered(ctx, "any") }, t.Context())
		synctest.Wait()
		test(q)
		q.wants(first, nil)
	})
}

func (q *queue) observe(statement string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if statement == "commit" {
		q.commits++
	}
}

// An answer is what a caller gets.
type answer struct {
	given bool
	err   error
}

// send calls a method as one of many callers, and returns when it waits or has answered.
func (q *queue) send(call func(ctx context.Context) error, ctx context.Context) *answer {
	a := &answer{}
	go func() {
		err := call(ctx)
		q.mu.Lock()
		defer q.mu.Unlock()
		*a = answer{true, err}
	}()
	synctest.Wait()
	return a
}

func (q *queue) addTeam(id, slug string) *answer {
	return q.send(func(ctx context.Context) error { return q.db.AddTeam(ctx, team.Team{ID: team.ID(id), Slug: slug}) }, q.t.Context())
}

// release lets the writer go on and waits until it has nothing to do.
func (q *queue) release() {
	close(q.held)
	synctest.Wait()
}

func (q *queue) wants(a *answer, want error) {
	q.t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	if !a.given || !errors.Is(a.err, want) {
		q.t.Errorf("got the answer %+v, want the error %v", *a, want)
	}
}

func (q *queue) wantsTeams(want ...string) {
	q.t.Helper()
	teams, err := q.db.Teams(q.t.Context())
	if err != nil {
		q.t.Fatal(err)
	}
	var got []string
	for _, t := range teams {
		got = append(got, t.Slug)
	}
	if !slices.Equal(got, want) {
		q.t.Fatalf("got the teams %q, want %q", got, want)
	}
}

func TestWaitingUnitsShareOneCommit(t *testing.T) {
	holdUp(t, nil, func(q *queue) {
		var answers []*answer
		for _, id := range []string{"a", "b", "c", "d"} {
			answers = append(answers, q.addTeam(id, id))
		}
		q.release()
		for _, a := range answers {
			q.wants(a, nil)
		}
		q.wantsTeams("a", "b", "c", "d")
		if q.commits != 2 { // the one held up, and theirs
			t.Errorf("got %d commits, want 2", q.commits)
		}
	})
}

func TestFailedUnitDoesNotFailItsBatch(t *testing.T) {
	holdUp(t, nil, func(q *queue) {
		before, failing, after := q.addTeam("a", "same"), q.addTeam("b", "same"), q.addTeam("c", "c")
		q.release()
		q.wants(before, nil)
		q.wants(failing, team.ErrSlugTaken)
		q.wants(after, nil)
		q.wantsTeams("c", "same")
	})
}

func TestUnitThatFailsAfterWritingLeavesNoTrace(t *testing.T) {
	errRefused := errors.New("refused")
	holdUp(t, nil, func(q *queue) {
		before := q.addTeam("a", "a")
		refused := q.send(func(ctx context.Context) error { return q.db.Refuse(ctx, "b", errRefused) }, q.t.Context())
		after := q.addTeam("c", "c")
		q.release()
		q.wants(before, nil)
		q.wants(refused, errRefused)
		q.wants(after, nil)
		q.wantsTeams("a", "c")
		if q.commits != 2 { // the one held up, and theirs
			t.Errorf("got %d commits, want 2", q.commits)
		}
	})
}

func TestFailedCommitFailsTheWholeBatch(t *testing.T) {
	errCommit := errors.New("injected")
	commits := 0
	fail := func(statement string) error {
		if statement != "commit" {
			return nil
		}
		if commits++; commits == 2 {
			return errCommit
		}
		return nil
	}
	holdUp(t, fail, func(q *queue) {
		// The second would fail because of the first. But nothing of the first remains, so the second must not get that error.
		first, second := q.addTeam("a", "same"), q.addTeam("b", "same")
		q.release()
		q.wants(first, errCommit)
		q.wants(second, errCommit)
		q.wantsTeams()
		q.wants(q.addTeam("b", "same"), nil) // and the writer goes on
		q.wantsTeams("same")
	})
}

func TestNoAnswerBeforeItsCommit(t *testing.T) {
	var commit chan struct{}
	commits := 0
	fail := func(statement string) error {
		if statement == "commit" {
			if commits++; commits == 2 {
				<-commit
			}
		}
		return nil
	}
	holdUp(t, fail, func(q *queue) {
		commit = make(chan struct{})
		done, failed := q.addTeam("a", "same"), q.addTeam("b", "same")
		q.release()
		q.mu.Lock()
		if done.given || failed.given {
			q.t.Errorf("answered before the commit: %+v, %+v", *done, *failed)
		}
		q.mu.Unlock()
		close(commit)
		synctest.Wait()
		q.wants(done, nil)
		q.wants(failed, team.ErrSlugTaken)
	})
}

func TestCancelledCallerLeavesTheQueue(t *testing.T) {
	holdUp(t, nil, func(q *queue) {
		ctx, cancel := context.WithCancel(q.t.Context())
		before := q.addTeam("a", "a")
		impatient := q.send(func(ctx context.Context) error { return q.db.AddTeam(ctx, team.Team{ID: "b", Slug: "b"}) }, ctx)
		after := q.addTeam("c", "c")
		cancel()
		synctest.Wait()
		q.wants(impatient, context.Canceled) // at once, though the writer is held up
		q.release()
		q.wants(before, nil)
		q.wants(after, nil)
		q.wantsTeams("a", "c")
	})
}

func TestUnitThatHasBegunIgnoresCancellation(t *testing.T) {
	var cancel context.CancelFunc
	fail := func(statement string) error {
		if statement == "AddTeam" {
			cancel()
		}
		return nil
	}
	holdUp(t, fail, func(q *queue) {
		var ctx context.Context
		ctx, cancel = context.WithCancel(q.t.Context())
		a := q.send(func(ctx context.Context) error { return q.db.AddTeam(ctx, team.Team{ID: "a", Slug: "a"}) }, ctx)
		q.release()
		q.wants(a, nil)
		q.wantsTeams("a")
	})
}

func TestTransactionThatSQLiteRolledBackFailsTheWholeBatch(t *testing.T) {
	holdUp(t, nil, func(q *queue) {
		before := q.addTeam("a", "a")
		broken := q.send(func(ctx context.Context) error { return q.db.GiveUp(ctx) }, q.t.Context())
		after := q.addTeam("c", "c")
		q.release()
		for _, a := range []*answer{before, broken, after} {
			if !a.given || a.err == nil {
				q.t.Errorf("got the answer %+v, want an error", *a)
			}
		}
		q.wantsTeams()
		q.wants(q.addTeam("c", "c"), nil)
		q.wantsTeams("c")
	})
}

func TestCloseAnswersWaitingCallers(t *testing.T) {
	holdUp(t, nil, func(q *queue) {
		waiting := q.addTeam("a", "a")
		closing := q.send(func(context.Context) error { return q.db.Close() }, q.t.Context())
		q.wants(waiting, store.ErrClosed)
		q.release()
		q.wants(closing, nil)
	})
}
