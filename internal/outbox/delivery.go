package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"
)

// How messages are delivered.
const (
	batch   = 50
	workers = 8
	lease   = 3 * time.Minute // longer than a batch takes; until it ends, no other server tries
	backoff = 30 * time.Second
	maxWait = time.Hour
)

// Courier delivers one message. It returns ErrObsolete when there is nobody to tell any more.
type Courier func(ctx context.Context, m Message) error

// Outcome is what became of one attempt. The words are labels of a metric.
type Outcome string

// The outcomes of an attempt.
const (
	Sent     Outcome = "delivered"
	Failed   Outcome = "failed" // to be tried again
	GivenUp  Outcome = "given up"
	Obsolete Outcome = "obsolete"
)

// Delivery delivers the messages of a store.
type Delivery struct {
	Store    Store
	Couriers map[Kind]Courier
	Now      func() time.Time
	Log      *slog.Logger
	Observe  func(Kind, Outcome) // called after each attempt
}

// Run delivers all messages that are due. A message that fails is tried again later, by any server, until it expires. The
// error is a failure of the store.
func (d *Delivery) Run(ctx context.Context) error {
	for {
		now := d.Now()
		due, err := d.Store.DueMessages(ctx, now, now.Add(lease), batch)
		if err != nil {
			return fmt.Errorf("take messages that are due: %w", err)
		}
		failures := make([]error, len(due))
		var group errgroup.Group
		group.SetLimit(workers)
		for i, m := range due {
			group.Go(func() error {
				failures[i] = d.attempt(ctx, m)
				return nil
			})
		}
		group.Wait()
		if err := errors.Join(failures...); err != nil || len(due) < batch {
			return err
		}
	}
}

// attempt tries to deliver one message. It removes the message, or leaves it for another time.
func (d *Delivery) attempt(ctx context.Context, m Message) error {
	outcome, err := Sent, d.deliver(ctx, m)
	wait := d.wait(m.Tries)
	switch {
	case err == nil:
	case errors.Is(err, ErrObsolete):
		outcome = Obsolete
	case ctx.Err() != nil: // the server is stopping; the message is due again when its lease is over
		return nil
	case d.Now().Add(wait).Before(m.ExpiresAt):
		d.Observe(m.Kind, Failed)
		d.Log.WarnContext(ctx, "message not delivered yet",
			"kind", m.Kind, "client_id", m.Client, "tries", m.Tries, "next_try_in", wait.String(), "error", err)
		return d.Store.Postpone(ctx, m.ID, d.Now().Add(wait))
	default:
		outcome = GivenUp
		d.Log.ErrorContext(ctx, "message given up", "kind", m.Kind, "client_id", m.Client, "tries", m.Tries, "error", err)
	}
	d.Observe(m.Kind, outcome)
	return d.Store.Delivered(ctx, m.ID)
}

// wait is the time after an attempt until the next one: it doubles, up to maxWait.
func (d *Delivery) wait(tries int) time.Duration {
	return min(backoff<<min(max(tries-1, 0), 10), maxWait)
}

// deliver gives a message to its courier. A panic of the courier is an error like others: without that, one message could end
// every server that tries to deliver it.
func (d *Delivery) deliver(ctx context.Context, m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	courier := d.Couriers[m.Kind]
	if courier == nil {
		// A newer server on the same database may know more kinds; that one delivers them.
		return fmt.Errorf("a message of the unknown kind %q", m.Kind)
	}
	return courier(ctx, m)
}
