package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// Push is the pushed authorization request endpoint (RFC 9126 §2). A DPoP proof here is another way to say dpop_jkt: the code will be
// bound to its key (RFC 9449 §10.1).
func (s *Server) Push(w http.ResponseWriter, r *http.Request) error {
	response, err := s.clientCall(w, r, func(authorization string, params oauth.Params) (call, error) {
		request, err := oauth.ParsePushedRequest(authorization, params)
		return call{request.Client, &request.DPoPKey, func() (any, error) {
			if err := s.countPush(r, request.Client); err != nil {
				return nil, err
			}
			return s.Authz.Push(r.Context(), request)
		}}, err
	})
	if err != nil {
		return err
	}
	route.WriteJSON(w, http.StatusCreated, response)
	return nil
}

// pushWindow is the time in which an address may push PublicPushes requests for public clients: as long as one lives.
const pushWindow = 90 * time.Second

var errTooManyPushes = errors.New("too many requests of public clients were pushed from this address")

// countPush counts a request that is pushed without a secret or an assertion. Everybody can push in the name of a public client, and its oldest
// request goes when there are too many, so one address must not be able to drive out what others have pushed.
func (s *Server) countPush(r *http.Request, client oauth.ClientAuthentication) error {
	if client.Secret != "" || client.Assertion != "" {
		return nil
	}
	buckets := s.Failures.PerNetwork("public-push", route.TraceOf(r.Context()).Address, s.PublicPushes, pushWindow)
	if err := s.Failures.Count(context.WithoutCancel(r.Context()), buckets...); err != nil {
		return fmt.Errorf("%w: %w", errTooManyPushes, err)
	}
	return nil
}
