package app

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// clockLimit is how far a server's clock may be from the database's, or jump. It is also how far APIs let clocks differ.
	clockLimit = time.Minute
	// jumpHold is how long a jump is not believed where no other clock can be asked: with SQLite.
	jumpHold = time.Hour
)

// clock compares the system's clock with two others: the database's, and the monotonic clock of this machine, which never jumps.
//
// reference is the last time that is known to be right. The right time is that, and what has passed since by the monotonic clock. So a
// jump shows at once, without asking the database.
type clock struct {
	now      func() time.Time     // the system's clock
	elapsed  func() time.Duration // the monotonic clock
	database func(context.Context) (time.Time, error)
	alone    bool // the database has no clock of its own

	comparing sync.Mutex
	reference atomic.Pointer[reference]
	jumped    *time.Duration // elapsed when a jump was noticed; nil: none
}

// reference is a time that was right when the monotonic clock showed elapsed.
type reference struct {
	right   time.Time
	elapsed time.Duration
	agreed  bool // the system's clock showed it, too
}

// start believes the system's clock until it is compared.
func (c *clock) start() { c.agree(c.now()) }

func (c *clock) agree(at time.Time) {
	c.jumped = nil
	c.reference.Store(&reference{right: at.Round(0), elapsed: c.elapsed(), agreed: true})
}

// right is the right time, as far as this process knows.
func (c *clock) right() time.Time {
	r := c.reference.Load()
	return r.right.Add(c.elapsed() - r.elapsed)
}

// off is how far the system's clock is ahead of the right time; 0 when it is near.
func (c *clock) off() time.Duration { return c.offAt(c.now()) }

// offAt is off for what the system's clock has shown a moment ago. It may have been set right since.
func (c *clock) offAt(shown time.Time) time.Duration {
	off := shown.Round(0).Sub(c.right()) // Round: without the monotonic reading, which Sub would use
	if off.Abs() <= clockLimit {
		return 0
	}
	return off
}

// wrong is the right time, when what the system's clock has shown is wrong.
func (c *clock) wrong(shown time.Time) (right time.Time, wrong bool) {
	if c.offAt(shown) == 0 {
		return time.Time{}, false
	}
	return c.right(), true
}

// corrected is the right time, when the system's clock is wrong, and what that shows otherwise.
func (c *clock) corrected() time.Time {
	now := c.now()
	if right, wrong := c.wrong(now); wrong {
		return right
	}
	return now
}

// compare asks the database for its time. When the clocks agree, it returns a time that both say has come.
func (c *clock) compare(ctx context.Context) (at time.Time, agree bool, err error) {
	c.comparing.Lock()
	defer c.comparing.Unlock()
	before := c.now().Round(0)
	database, err := c.database(ctx)
	if err != nil {
		return time.Time{}, false, err
	}
	after := c.now().Round(0)
	if before.Sub(database) > clockLimit || database.Sub(after) > clockLimit { // the answer was made between before and after
		c.reference.Store(&reference{right: database, elapsed: c.elapsed()})
		return time.Time{}, false, nil
	}
	if c.alone && c.off() != 0 && c.reference.Load().agreed {
		elapsed := c.elapsed()
		if c.jumped == nil {
			c.jumped = &elapsed
		}
		if elapsed-*c.jumped < jumpHold {
			return time.Time{}, false, nil
		}
	}
	c.agree(after)
	if database.Before(before) {
		return database, true, nil
	}
	return before, true, nil
}

// says is what is wrong with this server's clock; "" when nothing is.
func (c *clock) says() string {
	off, than := c.off(), "the database's"
	if c.reference.Load().agreed {
		than = "what it was before it jumped"
	}
	switch {
	case off > 0:
		return fmt.Sprintf("the clock of this server is %s ahead of %s", off.Round(time.Second), than)
	case off < 0:
		return fmt.Sprintf("the clock of this server is %s behind %s", (-off).Round(time.Second), than)
	}
	return ""
}

// clockAgrees compares this server's clock, and says when that has become wrong or right. What a server with a wrong clock deletes
// because its time has passed is gone for everybody. Such a server deletes nothing, rotates no keys, delivers nothing, and is not ready.
// When the database does not say the time, nothing is deleted either. at is a time that has come by both clocks.
func (a *App) clockAgrees(ctx context.Context) (at time.Time, agree bool) {
	at, agree, err := a.clock.compare(ctx)
	if err != nil {
		a.failed(ctx, "compare clocks", err)
		return time.Time{}, false
	}
	if a.clockWrong.Swap(!agree) == agree {
		if agree {
			a.Log.InfoContext(ctx, "the clock of this server is right again")
		} else {
			a.Log.ErrorContext(ctx, "the clock of this server is wrong: it deletes nothing and ends nothing, and is not ready", "reason", a.clock.says())
		}
	}
	return at, agree
}

// WrongClock compares this machine's clock with the database's, and says what is wrong with it; "" when nothing is, or the database does not
// say the time.
func (a *App) WrongClock(ctx context.Context) string {
	if _, _, err := a.clock.compare(ctx); err != nil {
		return ""
	}
	return a.clock.says()
}

// clockRight reports whether this server's clock is right, as far as is known without asking the database. When it is wrong, or was, it is
// compared.
func (a *App) clockRight(ctx context.Context) bool {
	if a.clock.off() == 0 && !a.clockWrong.Load() {
		return true
	}
	_, agree := a.clockAgrees(ctx)
	return agree
}
