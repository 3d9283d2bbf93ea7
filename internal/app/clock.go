package app

import (
	"context"
	"fmt"
	"time"
)

// clockLimit is how far a server's clock may be from the database's. It is also how far APIs let clocks differ.
const clockLimit = time.Minute

// clockAgrees asks the database for its time, and reports whether this server's clock is near it. What a server with a wrong clock
// deletes because its time has passed is gone for everybody. Such a server deletes nothing, rotates no keys, and is not ready. When the
// database does not say the time, nothing is deleted either.
func (a *App) clockAgrees(ctx context.Context) bool {
	before := a.now()
	database, err := a.databaseNow(ctx)
	if err != nil {
		a.failed(ctx, "compare clocks", err)
		return false
	}
	after := a.now()
	var off time.Duration // the answer was made between before and after
	switch {
	case database.Before(before):
		off = before.Sub(database)
	case database.After(after):
		off = after.Sub(database)
	}
	if off.Abs() <= clockLimit {
		off = 0
	}
	if was := time.Duration(a.clockOff.Swap(int64(off))); (was == 0) != (off == 0) {
		if off == 0 {
			a.Log.InfoContext(ctx, "the clock agrees with the database's again")
		} else {
			a.Log.ErrorContext(ctx, "the clock of this server is wrong: it deletes nothing, and is not ready, until the clock agrees with the database's", "off_by", off.String())
		}
	}
	return off == 0
}

// wrongClock says what is wrong with this server's clock; "" when nothing is, as far as it was last compared.
func (a *App) wrongClock() string {
	off := time.Duration(a.clockOff.Load())
	switch {
	case off > 0:
		return fmt.Sprintf("the clock of this server is %s ahead of the database's", off.Round(time.Second))
	case off < 0:
		return fmt.Sprintf("the clock of this server is %s behind the database's", (-off).Round(time.Second))
	}
	return ""
}
