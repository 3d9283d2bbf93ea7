package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
)

// lanes is a database with messages for several destinations, and what becomes of them.
type lanes struct {
	*testing.T
	db       *store.DB
	sql      *sql.DB
	clock    *testkit.Clock
	delivery *outbox.Delivery

	mu       sync.Mutex
	outcomes map[outbox.Outcome]int
}

// newLanes returns lanes whose couriers are one function.
func newLanes(t *testing.T, courier outbox.Courier) *lanes {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatehouse.db")
	l := &lanes{T: t, clock: testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), outcomes: map[outbox.Outcome]int{}}
	var err error
	if l.db, err = store.Open(t.Context(), "sqlite:"+path, store.Options{Now: l.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.db.Close() })
	if l.sql, err = sql.Open("sqlite", path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.sql.Close() })
	l.delivery = &outbox.Delivery{
		Store: l.db, Now: l.clock.Now, Log: slog.New(slog.DiscardHandler), Couriers: map[outbox.Kind]outbox.Courier{},
		Observe: func(_ outbox.Kind, outcome outbox.Outcome) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.outcomes[outcome]++
		},
	}
	for _, kind := range outbox.Kinds() {
		l.delivery.Couriers[kind] = courier
	}
	return l
}

// add saves messages that are due, for an application or as mails.
func (l *lanes) add(kind outbox.Kind, client string, n int) {
	l.Helper()
	at := l.clock.Now().UnixMilli()
	for i := range n {
		_, err := l.sql.Exec(`INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at) VALUES ($1, $2, 'u', $3, '', 's', $4, $4, $5)`,
			fmt.Sprintf("%s/%s/%d", kind, client, i), string(kind), client, at, at+time.Hour.Milliseconds())
		if err != nil {
			l.Fatal(err)
		}
	}
}

// left is how many messages there are that satisfy a condition.
func (l *lanes) left(condition string) (n int) {
	l.Helper()
	if err := l.sql.QueryRow(`SELECT COUNT(*) FROM gh_notices WHERE ` + condition).Scan(&n); err != nil {
		l.Fatal(err)
	}
	return n
}

func (l *lanes) run() {
	l.Helper()
	if err := l.delivery.Run(l.Context()); err != nil {
		l.Fatal(err)
	}
}

// The slow application has more messages than a server takes at once, and they came first. Everybody else's are delivered before it answers.
func TestSlowReceiverDelaysNobodyElse(t *testing.T) {
	const others = 30 + 30 + 30
	var delivered atomic.Int64
	answer := make(chan struct{})
	l := newLanes(t, func(ctx context.Context, m outbox.Message) error {
		if m.Client == "slow" {
			<-answer
			return nil
		}
		if delivered.Add(1) == others {
			close(answer)
		}
		return nil
	})
	l.add(outbox.BackchannelLogout, "slow", 100)
	l.clock.Advance(time.Second)
	l.add(outbox.BackchannelLogout, "quick", 30)
	l.add(outbox.BackchannelLogout, "other", 30)
	l.add(outbox.MailConnected, "any", 30)
	l.run()
	if n := l.left("1 = 1"); n != 0 || l.outcomes[outbox.Sent] != 100+others {
		t.Errorf("%d messages are left, outcomes %v", n, l.outcomes)
	}
}

// An application that is down gets one message after each pause. Its other messages wait, and count no attempt.
func TestReceiverThatIsDownIsSpared(t *testing.T) {
	const n = 50
	var attempts atomic.Int64
	var down atomic.Bool
	down.Store(true)
	l := newLanes(t, func(context.Context, outbox.Message) error {
		attempts.Add(1)
		if down.Load() {
			return fmt.Errorf("%w: no answer", outbox.ErrDown)
		}
		return nil
	})
	l.add(outbox.BackchannelLogout, "dead", n)
	l.run()
	first := attempts.Load()
	if first < 1 || first > 4 {
		t.Errorf("%d attempts at once, want one of each worker at most", first)
	}
	if tried := l.left("tries > 0"); int64(tried) != first {
		t.Errorf("%d messages count an attempt, want %d", tried, first)
	}
	l.run()
	if got := attempts.Load(); got != first {
		t.Errorf("%d attempts in the pause", got-first)
	}
	for range 3 {
		before := attempts.Load()
		l.clock.Advance(10 * time.Minute)
		l.run()
		if got := attempts.Load() - before; got != 1 {
			t.Errorf("%d attempts after a pause, want 1", got)
		}
	}
	down.Store(false)
	l.clock.Advance(10 * time.Minute)
	l.run()
	l.clock.Advance(10 * time.Minute) // those that were tried have a wait of their own
	l.run()
	if left := l.left("1 = 1"); left != 0 || l.outcomes[outbox.Sent] != n {
		t.Errorf("when it is up again, %d messages are left, outcomes %v", left, l.outcomes)
	}
}

// A message that is refused does not keep the others from being tried.
func TestReceiverThatRefusesAMessageGetsTheOthers(t *testing.T) {
	l := newLanes(t, func(_ context.Context, m outbox.Message) error {
		switch m.ID {
		case "backchannel_logout/app/0":
			return outbox.ErrRefused
		case "backchannel_logout/app/1":
			return errors.New("not now")
		}
		return nil
	})
	l.add(outbox.BackchannelLogout, "app", 10)
	l.run()
	if l.outcomes[outbox.Sent] != 8 || l.outcomes[outbox.GivenUp] != 1 || l.outcomes[outbox.Failed] != 1 || l.left("1 = 1") != 1 {
		t.Errorf("outcomes %v, %d left", l.outcomes, l.left("1 = 1"))
	}
}

// Messages that expire while their destination is down are given up, each of them, and somebody hears of it.
func TestMessagesForAReceiverThatStaysDownAreGivenUp(t *testing.T) {
	l := newLanes(t, func(context.Context, outbox.Message) error { return outbox.ErrDown })
	l.add(outbox.BackchannelLogout, "dead", 50)
	for range 8 {
		l.run()
		l.clock.Advance(10 * time.Minute)
	}
	if l.outcomes[outbox.GivenUp] != 50 || l.left("1 = 1") != 0 {
		t.Errorf("outcomes %v, %d left", l.outcomes, l.left("1 = 1"))
	}
}
