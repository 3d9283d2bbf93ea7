package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// chrome is what the page has around its content; session may be nil.
func (s *server) chrome(r *http.Request, title string, session *authn.Session) Chrome {
	c := Chrome{Title: title, ServerName: s.ServerName, RequestID: traceOf(r.Context()).id}
	if session != nil {
		c.Account = session.User.Email
	}
	return c
}

// show writes a page. redirectURI is where its form may lead in the end, or "": browsers apply form-action to every redirect that follows a
// form, so even the sign-in page has to name the application's origin.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, view any, redirectURI ...string) error {
	return s.write(w, r, status, view, contentPolicy(redirectURI...))
}

// write writes a page under a Content-Security-Policy.
func (s *server) write(w http.ResponseWriter, r *http.Request, status int, view any, policy string) error {
	var body bytes.Buffer
	if err := render(&body, view); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	if _, isError := view.(errorView); !isError {
		// Forms need it: with no-referrer browsers send "Origin: null", which says nothing about where a form came from.
		header.Set("Referrer-Policy", "same-origin")
	}
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body.Bytes()) // an error means that nobody listens any more
	}
	return nil
}

// contentPolicy is the Content-Security-Policy of a page: our own styles and images, no script, in nobody's frame.
func contentPolicy(redirectURI ...string) string {
	targets := "'self'"
	for _, uri := range redirectURI {
		if source := formTarget(uri); source != "" {
			targets += " " + source
		}
	}
	return "default-src 'none'; style-src 'self'; img-src 'self'; form-action " + targets + "; frame-ancestors 'none'; base-uri 'none'"
}

// formTarget is a redirect URI's origin as a CSP source. CSP cannot name an IPv6 address, so for [::1] it is the scheme.
func formTarget(redirectURI string) string {
	origin := oauth.RedirectOrigin(redirectURI)
	if scheme, _, ipv6 := strings.Cut(origin, "//["); ipv6 {
		return scheme
	}
	return origin
}

// seeOther redirects with a GET whatever the method was, so that no form travels on (RFC 9110 §15.4.4), and byte for byte: the target may be a redirect URI.
func seeOther(w http.ResponseWriter, target string) {
	header := w.Header()
	header["Location"], header["Cache-Control"] = []string{target}, noStore
	w.WriteHeader(http.StatusSeeOther)
}

// session is who is signed in at the browser, nil when nobody is.
func (s *server) session(r *http.Request) (*authn.Session, error) {
	cookie := s.cookie(r, sessionCookie)
	if cookie == "" {
		return nil, nil
	}
	session, err := s.Authn.Session(r.Context(), cookie)
	if errors.Is(err, authn.ErrNoSession) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &session, nil
}

// as is the context of what the person does who is signed in at the browser, for the audit trail.
func as(r *http.Request, session *authn.Session) context.Context {
	ctx := r.Context()
	if session == nil {
		return ctx
	}
	origin := audit.OriginFrom(ctx)
	origin.Actor = string(session.User.ID)
	return audit.WithOrigin(ctx, origin)
}

// sameOrigin refuses a form that another site made the browser send (CSRF). SameSite cookies are the second lock.
func (s *server) sameOrigin(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.crossOrigin.Check(r); err != nil {
			return &problem{
				status:   http.StatusForbidden,
				sentence: "This form was sent from another site, so nothing was done.",
				todo:     "Open the page here and try again.",
			}
		}
		return h(w, r)
	}
}
