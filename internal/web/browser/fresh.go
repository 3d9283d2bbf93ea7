package browser

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// freshness is how long a sign-in is enough for what ends something or changes how somebody signs in: the browser may have been left open.
const freshness = 10 * time.Minute

// Fresh reports whether a sign-in is recent enough for a page that wants a fresh one (Page.Fresh). A sign-in of the future is by another
// server's clock.
func (p *Pages) Fresh(session *authn.Session) bool {
	return session != nil && p.Now().Sub(session.AuthTime) <= freshness
}

// AskAgain sends somebody who is signed in to the sign-in page, which leads to a page of ours.
func AskAgain(w http.ResponseWriter, target string) {
	route.SeeOther(w, "/login/?"+url.Values{"again": {"1"}, "next": {target}}.Encode())
}

// FactorFirst sends somebody whose sign-in is weaker than the operator requires to use or set up a second factor, and reports whether it did. What was
// sent with a form is not done after it.
func (p *Pages) FactorFirst(w http.ResponseWriter, r *http.Request, session *authn.Session) bool {
	if session == nil || !p.Authn.TooWeak(*session) {
		return false
	}
	target := r.URL.EscapedPath()
	if r.Method != http.MethodPost {
		target = r.URL.RequestURI()
	}
	route.SeeOther(w, "/login/?"+url.Values{"stronger": {"1"}, "next": {target}}.Encode())
	return true
}
