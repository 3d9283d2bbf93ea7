package resourceserver

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusal is an answer to a request that does not pass. Descriptions are for the application's developer, and end up in a header: ASCII, no quotes.
type refusal struct {
	status      int
	code        string // of RFC 6750 §3.1
	description string
	scope       string        // what insufficient_scope needs
	retry       time.Duration // of 503
}

func (e *refusal) Error() string { return e.code + ": " + e.description }

var (
	// RFC 6750 §3.1: a request without a token is told how to authenticate, and no error code.
	errNoToken = &refusal{status: http.StatusUnauthorized, description: "send an access token: Authorization: Bearer ..."}

	errMalformed = invalidToken("the access token is malformed: send the whole access_token of the token response")
	// One answer for everything that a forger might try.
	errForeign = invalidToken("the access token was not issued by the authorization server of this API")
)

func invalidToken(description string) *refusal {
	return &refusal{status: http.StatusUnauthorized, code: "invalid_token", description: description}
}

func insufficientScope(scopes []string) *refusal {
	needed := strings.Join(scopes, " ")
	return &refusal{status: http.StatusForbidden, code: "insufficient_scope", description: "the access token needs the scope " + needed, scope: needed}
}

func unavailable(retry time.Duration) *refusal {
	return &refusal{
		status: http.StatusServiceUnavailable, code: "temporarily_unavailable", retry: retry,
		description: "the authorization server's keys cannot be fetched at the moment",
	}
}

func (g *Guard) refuse(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*refusal](err)
	if !ok { // the request was given up while it waited for the keys
		e = unavailable(time.Second)
	}
	header := w.Header()
	if e.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", strconv.Itoa(max(1, int(e.retry/time.Second))))
	} else {
		header.Set("WWW-Authenticate", g.challenge(e))
	}
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.status)
	code := e.code
	if code == "" {
		code = "unauthorized" // a body needs a word; the header must not have one
	}
	json.NewEncoder(w).Encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Scope       string `json:"scope,omitempty"`
	}{code, e.description, e.scope})
}

func (g *Guard) challenge(e *refusal) string {
	challenge := `Bearer realm="` + g.realm + `"`
	if e.code == "" {
		return challenge
	}
	challenge += `, error="` + e.code + `", error_description="` + e.description + `"`
	if e.scope != "" {
		challenge += `, scope="` + e.scope + `"`
	}
	return challenge
}
