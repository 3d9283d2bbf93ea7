package client

import (
	"context"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
)

// Failures is the requests of a client that failed, the latest first. ErrNoClient.
func (r *Registry) Failures(ctx context.Context, actor team.Actor, id oauth.ClientID) ([]usage.Failure, error) {
	if err := team.May(actor, team.ManageClients, team.On{}); err != nil {
		return nil, err
	}
	if _, err := r.Store.Client(ctx, id); err != nil {
		return nil, err
	}
	failures, err := r.Requests.Failures(ctx, string(id))
	if err != nil {
		return nil, fmt.Errorf("load the failed requests of client %q: %w", id, err)
	}
	return failures, nil
}
