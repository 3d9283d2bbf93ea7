package e2e_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// hopper is an application whose callback redirects at once: to another origin, or to a scheme of its own.
type hopper struct {
	registered
	landing string // the address where its callback leads
}

// hopper registers an application with a callback that leads to landing.
func (h *house) hopper(landing func(server string) string) hopper {
	h.t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	h.t.Cleanup(server.Close)
	to := landing(server.URL)
	mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusSeeOther) })
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/landing", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte("<!doctype html><title>Landing</title><h1>Landed</h1>"))
	})
	callback := server.URL + "/callback"
	app := h.registerAs(client.Registration{RedirectURIs: []string{callback}, PostLogoutRedirectURIs: []string{callback}})
	app.redirectURI = callback
	return hopper{app, to}
}

// lands records the addresses that the window asks for, and returns a function that waits until landing is among them. A
// navigation that ends early is no problem: no program is there for the scheme, or the test goes on before the page has loaded.
func (b *browser) lands(landing string) (wait func(form string)) {
	asked := make(chan struct{}, 16)
	chromedp.ListenTarget(b.ctx, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok && strings.HasPrefix(e.Request.URL, landing) {
			asked <- struct{}{}
		}
	})
	b.notes.mu.Lock()
	b.notes.endEarly = true
	b.notes.mu.Unlock()
	return func(form string) {
		b.t.Helper()
		select {
		case <-asked:
		case <-time.After(patience):
			b.failed(errors.New("after " + form + ", the browser never got to " + landing))
		}
	}
}

// TestBrowserFollowsAnApplicationToAnotherOrigin: after each form of ours that ends at an application, the redirects of the application
// itself work too. Chromium applies form-action to all of them.
func TestBrowserFollowsAnApplicationToAnotherOrigin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.add("ben@example.com", "Ben Okri")
	app := h.hopper(func(server string) string { return strings.Replace(server, "127.0.0.1", "localhost", 1) + "/landing" })
	b := h.open()
	wait := b.lands(app.landing)
	ask := b.asks(h, app)

	ask()
	b.signIn(annEmail, annPassword)
	b.send(authorizeButton)
	wait("consent")
	ask("prompt", "consent")
	b.send(cancelButton)
	wait("cancel")
	ask("prompt", "login")
	b.fill("#email", annEmail)
	b.fill("#password", annPassword)
	b.send("form button[type=submit]")
	wait("sign-in")
	ask("prompt", "select_account")
	b.send(`button[value="continue"]`)
	wait("select account")
	ask("response_mode", "form_post")
	wait("form_post")
	b.visit(h.url + "/o/logout/?client_id=" + app.id + "&post_logout_redirect_uri=" + app.redirectURI)
	b.send("form button")
	wait("logout")
	ask()
	b.signIn("ben@example.com", annPassword)
	b.send(cancelButton)
	wait("no access")
}

// TestBrowserFollowsAnApplicationToItsOwnScheme has a callback that hands over to a program on the same device.
func TestBrowserFollowsAnApplicationToItsOwnScheme(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	app := h.hopper(func(string) string { return "myapp://landing" })
	b := h.open()
	wait := b.lands(app.landing)
	ask := b.asks(h, app)

	ask()
	b.signIn(annEmail, annPassword)
	b.send(authorizeButton)
	wait("consent")
}

// asks is a function that opens an authorization request of an application for the team acme, with changes.
func (b *browser) asks(h *house, app hopper) func(changes ...string) {
	return func(changes ...string) {
		b.t.Helper()
		b.do(chromedp.Navigate(h.authorizeURL(request(app.registered, append(changes, "team", "acme")...))))
	}
}

// send clicks on an element, and does not wait for what follows.
func (b *browser) send(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}
