package endpoint

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// call is one request in which a client authenticates.
type call struct {
	client oauth.ClientAuthentication
	proven *string // gets the thumbprint of the key of a DPoP proof; nil where no proofs are read
	run    func() (any, error)
}

// clientCall reads the form and the Authorization header of a request, parses them, checks a DPoP proof, and runs the call. It counts
// failures to authenticate, and tells the log which client it was.
func (s *Server) clientCall(w http.ResponseWriter, r *http.Request, parse func(authorization string, params oauth.Params) (call, error)) (any, error) {
	values, err := route.BodyOnly(r)
	if err != nil {
		return nil, err
	}
	authorization, err := route.Authorization(r)
	if err != nil {
		return nil, err
	}
	c, err := parse(authorization, oauth.NewParams(values))
	if err != nil {
		s.addFailure(r, c, false, err)
		return nil, s.countFailure(r, c.client.ClientID, err)
	}
	if c.proven != nil {
		if *c.proven, err = s.provenKey(w, r, ""); err != nil {
			s.addFailure(r, c, false, err)
			return nil, err
		}
	}
	answer, err := c.run()
	if authenticated(err) {
		route.TraceOf(r.Context()).Client = c.client.ClientID
	}
	if err != nil {
		s.addFailure(r, c, authenticated(err), err)
		return nil, s.countFailure(r, c.client.ClientID, err)
	}
	return answer, nil
}

// addFailure gathers a failure for those who build the client. A public client proves nothing.
func (s *Server) addFailure(r *http.Request, c call, authenticated bool, err error) {
	proven := authenticated && c.client.Method != oauth.AuthNone
	route.AddFailure(s.Requests, r, s.Now(), err, usage.Failure{Client: c.client.ClientID, Proven: proven, AuthMethod: string(c.client.Method)})
}

// authenticated reports whether an answer of authz means that the client has proved who it is. Until then its id is any text, and not for the log.
func authenticated(err error) bool {
	code, _ := oauth.Outside(err)
	return err == nil || code != oauth.InvalidClient && code != oauth.ServerError && code != oauth.TemporarilyUnavailable
}

const clientFailureWindow = 15 * time.Minute

// failuresPerAddress is how many times ClientFailures one address may have with all the client ids that it tries.
const failuresPerAddress = 10

// countFailure counts err when a client failed to authenticate, and returns the error to answer with: err, or *limit.ThrottledError over the limit.
// A success is never counted and never refused. A secret of 256 bits cannot be guessed, so the limit protects the server, not the
// secret, and a stranger at the same address cannot lock a client out.
func (s *Server) countFailure(r *http.Request, clientID string, err error) error {
	if !errors.Is(err, oauth.InvalidClient) {
		return err
	}
	address := route.TraceOf(r.Context()).Address
	buckets := append(
		s.Failures.PerNetwork("client-address", address, failuresPerAddress*s.ClientFailures, clientFailureWindow),
		limit.Bucket{Key: s.Failures.Key("client", clientID, limit.Customer(address).String()), Limit: s.ClientFailures, Window: clientFailureWindow},
	)
	// WithoutCancel: a client that hangs up early is counted too.
	if throttled := s.Failures.Count(context.WithoutCancel(r.Context()), buckets...); throttled != nil {
		return throttled
	}
	return err
}
