package app

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

// refusals are the events that anyone can cause as often as they like, with a request that has no other effect.
var refusals = []audit.Kind{audit.ClientAuthFailed, audit.CodeRefused, audit.RefreshRefused, audit.ConsentDenied}

// How many refusals of a kind are recorded of one address and client, as a multiple of limits.client_failures, and in which time.
const (
	refusalsRecorded = 10
	refusalWindow    = 15 * time.Minute
)

// boundedAudit is the store's audit trail, in which strangers can write only so much. The answers to what goes beyond are the same; that there were too many
// can be seen from those that were recorded.
type boundedAudit struct {
	*store.DB
	failures int // limits.client_failures
	now      func() time.Time
}

// Record appends an event, unless it is one refusal too many.
func (a boundedAudit) Record(ctx context.Context, e audit.Event) error {
	if slices.Contains(refusals, e.Kind) {
		address, _ := netip.ParseAddr(e.Address) // the unknown addresses share a bucket
		wait, err := a.Count(ctx, []limit.Bucket{{
			Key:   limit.Key("audit", string(e.Kind), e.Client, limit.Network(address).String()),
			Limit: refusalsRecorded * cmp.Or(a.failures, 30), Window: refusalWindow,
		}}, a.now())
		if err != nil || wait > 0 {
			return err
		}
	}
	return a.DB.Record(ctx, e)
}
