package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
)

// house is a database in which one person waits to be told that they were disabled.
func house(t *testing.T) (*store.DB, *testkit.Clock) {
	t.Helper()
	clock := testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{Now: clock.Now, Lease: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.AddUser(t.Context(), team.User{ID: "u", Email: "ana@example.org", CreatedAt: clock.Now()}); err != nil {
		t.Fatal(err)
	}
	if err := db.DisableUser(t.Context(), "u", clock.Now()); err != nil {
		t.Fatal(err)
	}
	return db, clock
}

// A server that stops in the middle of a delivery leaves the message for another one. It is no failed attempt.
func TestDeliveryThatAStoppingServerGivesUpIsNotAFailure(t *testing.T) {
	db, clock := house(t)
	ctx, stop := context.WithCancel(t.Context())
	tries := 0
	var seen []outbox.Outcome
	delivery := outbox.Delivery{
		Store: db, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
		Observe: func(_ outbox.Kind, outcome outbox.Outcome) { seen = append(seen, outcome) },
		Couriers: map[outbox.Kind]outbox.Courier{outbox.MailUserDisabled: func(ctx context.Context, _ outbox.Message) error {
			tries++
			stop()
			return ctx.Err()
		}},
	}
	if err := delivery.Run(ctx); err != nil || tries != 1 || len(seen) != 0 {
		t.Errorf("while the server stops: %d attempts, outcomes %v, error %v; want 1 attempt without outcome or error", tries, seen, err)
	}
	clock.Advance(3 * time.Minute) // then the lease is over
	if err := delivery.Run(t.Context()); err != nil || tries != 2 || len(seen) != 1 || seen[0] != outbox.Sent {
		t.Errorf("later: %d attempts, outcomes %v, error %v; want a second attempt that delivers", tries, seen, err)
	}
}

// A message that never arrives is tried at least every hour. Its last attempt is known to be the last, so that somebody hears of it.
func TestMessageThatNeverArrivesIsGivenUp(t *testing.T) {
	const step, lifetime = 10 * time.Minute, 72 * time.Hour
	db, clock := house(t)
	var attempts []time.Time
	var seen []outbox.Outcome
	delivery := outbox.Delivery{
		Store: db, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
		Observe: func(_ outbox.Kind, outcome outbox.Outcome) { seen = append(seen, outcome) },
		Couriers: map[outbox.Kind]outbox.Courier{outbox.MailUserDisabled: func(context.Context, outbox.Message) error {
			attempts = append(attempts, clock.Now())
			return errors.New("no answer")
		}},
	}
	begun := clock.Now()
	for clock.Now().Sub(begun) < lifetime+time.Hour {
		if err := delivery.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.Advance(step)
	}
	for i := 1; i < len(attempts); i++ {
		if gap := attempts[i].Sub(attempts[i-1]); gap > time.Hour+step {
			t.Errorf("attempt %d comes %v after the one before, want an hour at most", i, gap)
		}
	}
	if last := begun.Add(lifetime).Sub(attempts[len(attempts)-1]); last < 0 || last > time.Hour+step {
		t.Errorf("the last attempt comes %v before the end, want an hour at most", last)
	}
	for i, outcome := range seen {
		want := outbox.Failed
		if i == len(seen)-1 {
			want = outbox.GivenUp
		}
		if outcome != want {
			t.Errorf("outcome of attempt %d: got %q, want %q", i, outcome, want)
		}
	}
}
