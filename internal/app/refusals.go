package app

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
)

// How many refusals of a kind are recorded for one address and client in refusalWindow, as a multiple of
// limits.client_failures.
const (
	refusalsRecorded = 10
	refusalWindow    = 15 * time.Minute
)

// refusals records refusals, up to a limit. The answers beyond the limit are the same. One event says that the rest is missing.
func (a *App) refusals() audit.Recorder {
	return audit.Recorder{Store: a.Store, Now: a.clock.corrected, Admit: func(ctx context.Context, e audit.Event) (audit.Event, bool, error) {
		address, _ := netip.ParseAddr(e.Address) // all unknown addresses share a bucket
		failures := a.failures()
		err := failures.Count(ctx, limit.Bucket{
			Key:   failures.Key("audit", string(e.Kind), e.Client, limit.Customer(address).String()),
			Limit: refusalsRecorded * a.Config.ClientFailures, Window: refusalWindow,
		})
		if throttled, tooMany := errors.AsType[*limit.ThrottledError](err); tooMany {
			return audit.Unrecorded(e, e.At.Add(throttled.Wait)), throttled.First, nil
		}
		return e, err == nil, err
	}}
}

// failures counts failures in the database.
func (a *App) failures() limit.Limiter {
	return limit.Limiter{Store: a.Store, Now: a.clock.corrected, MAC: a.Keys.LimitMAC}
}
