// Package events tells applications what happened, from the outbox: today, that a sign-in has ended (OpenID Connect
// Back-Channel Logout 1.0).
package events

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/outbound"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
)

// Courier posts logout tokens to clients.
type Courier struct {
	HTTP        *outbound.Client
	LogoutToken func(ctx context.Context, m outbox.Message) (token string, to *url.URL, err error) // authz.Server.LogoutToken
}

// Deliver posts the logout token of a message to its client (OpenID Connect Back-Channel Logout 1.0 §2.5). Section 2.8
// asks the client to answer 200; applications answer 204 too.
func (c *Courier) Deliver(ctx context.Context, m outbox.Message) error {
	logoutToken, to, err := c.LogoutToken(ctx, m)
	if errors.Is(err, client.ErrNoClient) {
		return outbox.ErrObsolete
	}
	if err != nil {
		return fmt.Errorf("make the logout token: %w", err)
	}
	err = c.HTTP.PostForm(ctx, to.String(), url.Values{"logout_token": {logoutToken}})
	if status, ok := errors.AsType[*outbound.StatusError](err); ok && status.Code < 500 && status.Code != http.StatusTooManyRequests {
		return fmt.Errorf("tell %s: %w", to.Host, err) // the answer to this logout, and perhaps not to others
	}
	if err != nil {
		return fmt.Errorf("tell %s: %w: %w", to.Host, outbox.ErrDown, err)
	}
	return nil
}
