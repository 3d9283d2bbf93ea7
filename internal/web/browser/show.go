package browser

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// Frame is what a page has around its content; session may be nil.
func (p *Pages) Frame(r *http.Request, session *authn.Session, title ui.Words) ui.Frame {
	p.Speak(r, session)
	f := ui.Frame{Language: p.Language(r), Title: title, ServerName: p.ServerName, RequestID: route.TraceOf(r.Context()).ID}
	if session != nil {
		f.Account = session.User.Email
	}
	return f
}

// Show writes a page whose forms stay on this server.
func (p *Pages) Show(w http.ResponseWriter, r *http.Request, status int, page ui.Content) error {
	return p.Write(w, r, status, page, Policy(page, "'self'"))
}

// ShowToAll writes a page that is the same for everybody, so search engines may have it.
func (p *Pages) ShowToAll(w http.ResponseWriter, r *http.Request, status int, page ui.Content) error {
	return write(w, r, status, page, Policy(page, "'self'"), func(header http.Header) {
		header.Set("Referrer-Policy", "same-origin")
		header.Del(robots)
	})
}

// ShowLeading writes a page with a form that may lead to an application in the end. Chromium applies form-action to every redirect that
// follows a form, the application's own included, and nobody knows where those lead.
func (p *Pages) ShowLeading(w http.ResponseWriter, r *http.Request, status int, page ui.Content) error {
	return p.Write(w, r, status, page, Policy(page, ""))
}

// Write writes a page under a Content-Security-Policy.
func (p *Pages) Write(w http.ResponseWriter, r *http.Request, status int, page ui.Content, policy string) error {
	// Forms need it: with no-referrer browsers send "Origin: null", which says nothing about where a form came from.
	return write(w, r, status, page, policy, func(header http.Header) { header.Set("Referrer-Policy", "same-origin") })
}

// ShowOfLink writes a page whose address or form has the secret of a link in a mail. The browser tells nobody that address, not even us; FromLink
// accepts the form all the same.
func (p *Pages) ShowOfLink(w http.ResponseWriter, r *http.Request, status int, page ui.Content) error {
	return write(w, r, status, page, Policy(page, "'self'"), func(header http.Header) { header.Set("Referrer-Policy", "no-referrer") })
}

// ShowError writes an error page, which has no form.
func (p *Pages) ShowError(w http.ResponseWriter, r *http.Request, status int, page ui.Content) error {
	return write(w, r, status, page, Policy(page, "'self'"), func(http.Header) {})
}

// robots is the header for search engines. A file robots.txt would not do: what may not be fetched can still be listed by its address.
const robots = "X-Robots-Tag"

func write(w http.ResponseWriter, r *http.Request, status int, page ui.Content, policy string, more func(http.Header)) error {
	var body bytes.Buffer
	if err := page.Render(&body); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", page.Language().Code())
	header.Set("Vary", "Accept-Language, Cookie") // the cookie says whose setting it is
	header.Set("Content-Security-Policy", policy)
	header.Set(robots, "noindex")
	more(header)
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body.Bytes()) // an error means that the browser has hung up
	}
	return nil
}

// Policy is the Content-Security-Policy of a page: our own styles and images, our own scripts if the page has any, forms only to formAction
// ("" for no limit), and no frame of another site around it.
func Policy(page ui.Content, formAction string) string {
	policy := "default-src 'none'; "
	if page.Scripted() {
		policy += "script-src 'self'; "
	}
	policy += "style-src 'self'; img-src 'self'; "
	if formAction != "" {
		policy += "form-action " + formAction + "; "
	}
	return policy + "frame-ancestors 'none'; base-uri 'none'"
}
