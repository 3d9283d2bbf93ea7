// Package endpoint is the server's endpoints for programs: token, revocation, introspection, UserInfo, pushed requests, and the documents
// that say what the server does. It turns HTTP into calls of authz and their results into JSON; authz decides.
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/flight"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// Options is what the endpoints are made of.
type Options struct {
	Issuer         string // the public URL, without a trailing slash
	Authz          *authz.Server
	Failures       limit.Limiter // counts failures to authenticate
	Store          Store
	Keys           *token.Keyring
	Log            *slog.Logger
	Now            func() time.Time
	ClientFailures int             // wrong client secrets per client and address in 15 minutes
	Requests       *usage.Failures // gathers requests that failed; may be nil
	PublicPushes   int             // requests that public clients push per address in 90 seconds
}

// Store has the redirect URIs of public clients: pages at their origins may call some endpoints.
type Store interface {
	PublicRedirectURIs(ctx context.Context) ([]string, error)
}

// Server is the endpoints.
type Server struct {
	Options
	origins  *flight.Value[map[string]bool] // of public clients
	proofs   resourceserver.ProofReplays    // DPoP proofs that were used
	metadata func() document
	openID   func() document
}

// New makes the endpoints of a server.
func New(o Options) *Server {
	s := &Server{Options: o}
	s.origins = s.newOrigins()
	s.metadata = once(func() any { return s.Authz.Metadata() })
	s.openID = once(func() any { return s.Authz.OpenIDConfiguration() })
	return s
}

// Fail writes an error response of RFC 6749 §5.2.
func (s *Server) Fail(w http.ResponseWriter, r *http.Request, err error) {
	status, code, description := answerFor(err)
	header := w.Header()
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		header.Set("Retry-After", route.RetryAfter(throttled.Wait))
	}
	if status == http.StatusUnauthorized && r.Header.Get("Authorization") != "" {
		// RFC 6749 §5.2: name the scheme that the client tried.
		header.Set("WWW-Authenticate", `Basic realm="`+s.Issuer+`", charset="UTF-8"`)
	}
	route.WriteError(w, status, code, description)
}

// Status is the HTTP status of an error at an endpoint.
func Status(err error) int {
	status, _, _ := protectedAnswer(err)
	return status
}

// answerFor is what a program is told about an error.
func answerFor(err error) (int, oauth.Code, string) {
	if p, ok := errors.AsType[*route.Problem](err); ok {
		return p.Status, oauth.InvalidRequest, p.Description
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		if errors.Is(err, errTooManyPushes) {
			return http.StatusTooManyRequests, oauth.TemporarilyUnavailable, "Too many requests were pushed from this address. Wait " + inWords(throttled.Wait) + ", then try again."
		}
		return http.StatusTooManyRequests, oauth.TemporarilyUnavailable, "Too many failed attempts to authenticate this client. Wait " +
			inWords(throttled.Wait) + ", then try again with the right secret."
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge, oauth.InvalidRequest, fmt.Sprintf("The body is larger than %d bytes.", tooLarge.Limit)
	}
	code, description := oauth.Outside(err)
	status := http.StatusBadRequest
	switch code {
	case oauth.InvalidClient:
		status = http.StatusUnauthorized
	case oauth.ServerError:
		status = http.StatusInternalServerError
	case oauth.TemporarilyUnavailable:
		status = http.StatusServiceUnavailable
	}
	return status, code, description
}

// inWords is a wait, rounded up. An error_description is English whatever the language of the pages.
func inWords(wait time.Duration) string {
	count, unit := int(math.Ceil(wait.Minutes())), "minute"
	if wait <= time.Minute {
		count, unit = max(1, int(math.Ceil(wait.Seconds()))), "second"
	}
	if count != 1 {
		unit += "s"
	}
	return fmt.Sprint(count, " ", unit)
}
