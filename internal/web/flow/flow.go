// Package flow is a person's way through one request of an application: authorize, sign in, choose an account, consent, and sign out.
// It also writes the error pages, because some errors go back to the application.
//
// What comes next is decided by authz; this package shows it.
package flow

import (
	"embed"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

//go:embed *.html
var files embed.FS

// Flow is the pages of an application's request.
type Flow struct {
	*browser.Pages
	authz    *authz.Server
	requests *usage.Failures
	govern   *govern.Service
}

// New makes the Flow of a server. requests gathers requests that failed; it may be nil.
func New(pages *browser.Pages, server *authz.Server, requests *usage.Failures, governed *govern.Service) *Flow {
	return &Flow{pages, server, requests, governed}
}

// quietFrame is the frame of a page whose bar must not lead away from the request.
func (f *Flow) quietFrame(r *http.Request, session *authn.Session, title ui.Words) ui.Frame {
	frame := f.Frame(r, session, title)
	frame.Quiet = true
	return frame
}

// stepURL is a page of ours for a sealed request.
func stepURL(path, sealed string) string {
	return path + "?" + url.Values{"request": {sealed}}.Encode()
}
