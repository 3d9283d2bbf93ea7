package authz

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
)

// asClient is ctx with the client that proved who it is behind the call, for the audit trail.
func asClient(ctx context.Context, id ClientID) context.Context {
	origin := audit.OriginFrom(ctx)
	origin.Actor = "client:" + string(id)
	return audit.WithOrigin(ctx, origin)
}

// record appends an event that belongs to no unit of work of the store.
func (s *Server) record(ctx context.Context, e audit.Event) error {
	if s.opts.Audit == nil {
		return nil
	}
	origin := audit.OriginFrom(ctx)
	e.At, e.Actor, e.Address, e.RequestID = s.now(), origin.Actor, origin.Address, origin.RequestID
	if err := s.opts.Audit.Record(ctx, e); err != nil {
		return fmt.Errorf("record %s: %w", e.Kind, err)
	}
	return nil
}

// refused records a refusal and returns it. When it cannot be recorded the answer stays the same, and the log hears of both.
//
// A code or a token that was never issued here is not worth a row: garbage costs nothing. What can be tried from outside is throttled by the caller.
func (s *Server) refused(ctx context.Context, e audit.Event, refusal, cause error) error {
	e.Detail = cause.Error()
	if err := s.record(ctx, e); err != nil {
		return errors.Join(refusal, err)
	}
	return refusal
}
