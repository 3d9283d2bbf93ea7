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
