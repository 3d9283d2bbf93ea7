package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

const clientFailureWindow = 15 * time.Minute

// failuresPerAddress is how many times ClientFailures one address may have with all the client ids that it tries.
const failuresPerAddress = 10

// countFailure counts err when a client failed to authenticate, and returns the error to answer with: err, or *limit.ThrottledError over the limit.
// What succeeds is never counted and never refused: a secret of 256 bits cannot be guessed, so the limit protects the server, not the secret,
// and a stranger at the same address cannot keep a client out.
func (s *server) countFailure(r *http.Request, clientID string, err error) error {
	if !errors.Is(err, oauth.InvalidClient) {
		return err
	}
	network := limit.Network(traceOf(r.Context()).address).String()
	// Hanging up early does not make it uncounted.
	throttled := s.Failures.Count(context.WithoutCancel(r.Context()),
		limit.Bucket{Key: limit.Key("client", clientID, network), Limit: s.ClientFailures, Window: clientFailureWindow},
		limit.Bucket{Key: limit.Key("client-address", network), Limit: failuresPerAddress * s.ClientFailures, Window: clientFailureWindow},
	)
	if throttled != nil {
		return throttled
	}
	return err
}
