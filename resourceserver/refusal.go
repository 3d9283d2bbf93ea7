package resourceserver

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusal is the answer to a request that does not pass. Descriptions are for the application's developer. They stand in a
// header, so they are ASCII without quotes.
type refusal struct {
	status      int
	code        string // of RFC 6750 §3.1, RFC 9449 §7.1 or RFC 9470 §3
	description string
	scope       string        // what insufficient_scope needs
	signIn      *SignIn       // what insufficient_user_authentication needs
	dpop        bool          // the next attempt needs a proof, even if this one had none
	retry       time.Duration // of 503
}

func (e *refusal) Error() string { return e.code + ": " + e.description }

var (
	// RFC 6750 §3.1: a request without a token is told how to authenticate, and no error code.
	errNoToken = &refusal{status: http.StatusUnauthorized, description: "send an access token: Authorization: Bearer ..."}
	// The same where no bearer token is accepted.
	errNoBoundToken = &refusal{status: http.StatusUnauthorized, description: "send an access token: Authorization: DPoP ... with a proof in the DPoP header"}

	errMalformed = invalidToken("the access token is malformed: send the whole access_token of the token response")
	// All forgeries get the same answer.
	errForeign = invalidToken("the access token was not issued by the authorization server of this API")
	errEnded   = invalidToken("the access token was revoked, or what it was issued for has ended")
)

func invalidToken(description string) *refusal {
	return &refusal{status: http.StatusUnauthorized, code: "invalid_token", description: description}
}

func insufficientScope(scopes []string) *refusal {
	needed := strings.Join(scopes, " ")
	return &refusal{status: http.StatusForbidden, code: "insufficient_scope", description: "the access token needs the scope " + needed, scope: needed}
}

func unavailable(description string, retry time.Duration) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", retry: retry, description: description}
}

func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*refusal](err)
	if !ok { // the request was given up while it waited for the issuer
		e = unavailable("the authorization server does not answer at the moment", time.Second)
	}
	header := w.Header()
	if e.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", strconv.Itoa(max(1, int(e.retry/time.Second))))
	} else {
		header["Www-Authenticate"] = g.challenges(e, usesDPoP(r))
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

// challenges says how to authenticate: first the scheme that the error is about, then the other one if another token could
// help.
func (g *Guard) challenges(e *refusal, dpop bool) []string {
	bearer, proof := `Bearer realm="`+g.realm+`"`, `DPoP realm="`+g.realm+`"`
	about := e.parameters()
	if at := g.announced.Load(); at != nil { // RFC 9728 §5.1
		about += `, resource_metadata="` + *at + `"`
	}
	algs := `, algs="` + strings.Join(g.proofs, " ") + `"`
	switch {
	case g.origin == "":
		return []string{bearer + about}
	case dpop || e.dpop || g.fapi2:
		return []string{proof + about + algs}
	case e.status == http.StatusForbidden:
		return []string{bearer + about}
	}
	return []string{bearer + about, proof + algs}
}

// parameters are those of the challenge that depend on the error.
func (e *refusal) parameters() string {
	if e.code == "" {
		return ""
	}
	text := `, error="` + e.code + `", error_description="` + e.description + `"`
	if e.scope != "" {
		text += `, scope="` + e.scope + `"`
	}
	if e.signIn != nil {
		text += e.signIn.parameters()
	}
	return text
}
