package authz

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// asClient is ctx with the client that proved who it is behind the call, for the audit trail.
func asClient(ctx context.Context, id oauth.ClientID) context.Context {
	origin := audit.OriginFrom(ctx)
	origin.Actor = "client:" + string(id)
	return audit.WithOrigin(ctx, origin)
}
