package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// How messages are delivered.
const (
	batch      = 20              // messages that a destination's lane takes at once
	workers    = 4               // of a lane
	concurrent = 32              // attempts at the same time, of all lanes for applications together
	most       = 300             // messages that all lanes have together
	lease      = 3 * time.Minute // until it ends, no other server tries
	spare      = time.Minute     // longer than an attempt takes; one that begins later could end after the lease
	backoff    = 30 * time.Second
	maxWait    = time.Hour
	maxPause   = 10 * time.Minute // of a destination that is down
	poll       = 2 * time.Second
)

// Courier delivers one message. It returns ErrObsolete when there is nobody to tell any more, ErrRefused when another attempt is of no use, and
// ErrDown when no message can reach the destination.
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

// Delivery delivers the messages of a store. Each destination has a lane of its own, so a slow one delays nobody else. A destination that is
// down gets one message after a pause, and the others wait for that (a circuit breaker).
type Delivery struct {
	Store    Store
	Couriers map[Kind]Courier
	Now      func() time.Time
	Log      *slog.Logger
	Observe  func(Kind, Outcome) // called after each attempt

	mu      sync.Mutex
	lanes   map[Destination]*lane
	waiting int // messages that lanes have
	once    sync.Once
	slots   chan struct{}
}

// lane is what is known about a destination: whether it gets messages now, and since when it is down. One that is neither is forgotten.
type lane struct {
	busy     bool
	failures int // in a row
	until    time.Time
}

// Run delivers all messages that are due. A message that fails is tried again later, by any server, until it expires. The
// error is a failure of the store.
func (d *Delivery) Run(ctx context.Context) error {
	d.once.Do(func() { d.slots = make(chan struct{}, concurrent) })
	if err := d.expire(ctx); err != nil {
		return err
	}
	ended := make(chan error)
	running := 0
	var failures []error
	for {
		if ctx.Err() == nil && len(failures) == 0 {
			started, err := d.start(ctx, ended)
			failures = append(failures, err...)
			running += started
		}
		if running == 0 {
			return errors.Join(failures...)
		}
		// While a slow lane is busy, others may get new messages.
		next := time.NewTimer(poll)
		select {
		case err := <-ended:
			running--
			if err != nil {
				failures = append(failures, err)
			}
		case <-next.C:
		}
		next.Stop()
	}
}

// expire gives up the messages whose time is over: they waited for a destination that is down.
func (d *Delivery) expire(ctx context.Context) error {
	for {
		expired, err := d.Store.ExpiredMessages(ctx, d.Now(), batch)
		if err != nil {
			return fmt.Errorf("take messages that have expired: %w", err)
		}
		for _, m := range expired {
			d.Log.ErrorContext(ctx, "message given up", "kind", m.Kind, "user_id", m.User, "client_id", m.Client, "tries", m.Tries, "error", "its time is over")
			d.Observe(m.Kind, GivenUp)
		}
		if len(expired) < batch {
			return nil
		}
	}
}

// start takes messages that are due for destinations that are free, and starts their lanes. Each reports its end.
func (d *Delivery) start(ctx context.Context, ended chan<- error) (started int, failures []error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.Now()
	var skip []Destination
	for to, l := range d.lanes {
		if l.busy || l.until.After(now) {
			skip = append(skip, to)
		}
	}
	if d.waiting >= most {
		return 0, nil
	}
	due, err := d.Store.DueMessages(ctx, now, now.Add(lease), batch, skip...)
	if err != nil {
		return 0, []error{fmt.Errorf("take messages that are due: %w", err)}
	}
	byLane := map[Destination][]Message{}
	for _, m := range due {
		byLane[m.Destination()] = append(byLane[m.Destination()], m)
	}
	if d.lanes == nil {
		d.lanes = map[Destination]*lane{}
	}
	for to, messages := range byLane {
		l := d.lanes[to]
		if l == nil {
			l = &lane{}
			d.lanes[to] = l
		}
		l.busy = true
		d.waiting += len(messages)
		wasDown := l.failures > 0
		go func() {
			err := d.run(ctx, to, messages, wasDown, now.Add(lease-spare))
			d.end(to, len(messages))
			ended <- err
		}()
	}
	return len(byLane), nil
}

// end forgets a lane that is up.
func (d *Delivery) end(to Destination, messages int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting -= messages
	d.lanes[to].busy = false
	if d.lanes[to].failures == 0 {
		delete(d.lanes, to)
	}
}

// run delivers the messages of a lane, until the destination is down or no attempt may begin any more. One that was down gets one message first. What is
// left goes back.
func (d *Delivery) run(ctx context.Context, to Destination, messages []Message, wasDown bool, until time.Time) error {
	queue := make(chan Message, len(messages))
	for _, m := range messages {
		queue <- m
	}
	close(queue)
	var failures []error
	var mu sync.Mutex
	work := func(atMost int) {
		for range atMost {
			if ctx.Err() != nil || !d.Now().Before(until) || d.isDown(to) {
				return
			}
			m, more := <-queue
			if !more {
				return
			}
			if err := d.attempt(ctx, m); err != nil {
				mu.Lock()
				failures = append(failures, err)
				mu.Unlock()
			}
		}
	}
	if wasDown {
		work(1)
	}
	var all sync.WaitGroup
	for range min(workers, len(messages)) {
		all.Go(func() { work(len(messages)) })
	}
	all.Wait()
	var left []string
	for m := range queue {
		left = append(left, m.ID)
	}
	if left != nil && ctx.Err() == nil {
		failures = append(failures, d.Store.PutBack(ctx, left, d.Now()))
	}
	return errors.Join(failures...)
}

// isDown reports whether a destination gets no message at the moment.
func (d *Delivery) isDown(to Destination) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lanes[to].until.After(d.Now())
}

// note remembers whether a destination is up.
func (d *Delivery) note(to Destination, down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, now := d.lanes[to], d.Now()
	switch {
	case !down:
		l.failures, l.until = 0, time.Time{}
	case !l.until.After(now): // several attempts that fail at the same time are one failure
		l.failures++
		l.until = now.Add(min(backoff<<min(l.failures-1, 10), maxPause))
	}
}

// attempt tries to deliver one message. It removes the message, or leaves it for another time.
func (d *Delivery) attempt(ctx context.Context, m Message) error {
	to := m.Destination()
	if to != ToMailServer { // whose lane has workers enough
		select {
		case d.slots <- struct{}{}:
			defer func() { <-d.slots }()
		case <-ctx.Done():
			return nil
		}
	}
	outcome, err := Sent, d.deliver(ctx, m)
	wait := d.wait(m.Tries)
	if ctx.Err() != nil && err != nil && !errors.Is(err, ErrObsolete) { // the server is stopping; the message is due again when its lease is over
		return nil
	}
	d.note(to, errors.Is(err, ErrDown))
	switch {
	case err == nil:
	case errors.Is(err, ErrObsolete):
		outcome = Obsolete
	case !errors.Is(err, ErrRefused) && d.Now().Add(wait).Before(m.ExpiresAt):
		d.Observe(m.Kind, Failed)
		d.Log.WarnContext(ctx, "message not delivered yet",
			"kind", m.Kind, "user_id", m.User, "client_id", m.Client, "tries", m.Tries, "next_try_in", wait.String(), "error", err)
		return d.Store.Postpone(ctx, m.ID, d.Now().Add(wait))
	default:
		outcome = GivenUp
		d.Log.ErrorContext(ctx, "message given up", "kind", m.Kind, "user_id", m.User, "client_id", m.Client, "tries", m.Tries, "error", err)
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
