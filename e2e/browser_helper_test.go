package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/gatehouse-auth/gatehouse/examples/chatapi/api"
	"github.com/gatehouse-auth/gatehouse/examples/webclient/webapp"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// browserPatience is the time limit of one test with a browser.
const browserPatience = 2 * patience

// browser is a real browser with one window. The test fails if the page violates its content security policy, logs an error, or makes a request that fails.
type browser struct {
	t      *testing.T
	ctx    context.Context // of the window
	notes  *notes
	server string // the address of the house
}

// notes is what the browser reported while it ran.
type notes struct {
	mu        sync.Mutex
	problems  []string
	documents []string // "200 http://…": every page, redirects not counted
	endEarly  bool     // navigations may end early, which is then no problem
}

// open starts a browser for this test only.
func (h *house) open() *browser {
	h.t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 800),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	// This bounds everything, also chromedp's own calls that have no timeout.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), browserPatience)
	h.t.Cleanup(cancel)
	allocator, end := chromedp.NewExecAllocator(bounded, options...)
	ctx, _ := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {})) // chromedp logs events of newer browsers as errors
	b := &browser{t: h.t, ctx: ctx, notes: &notes{}, server: h.url}
	h.t.Cleanup(func() {
		chromedp.Cancel(ctx) // closes the browser; a profile that cannot be removed is not a failure
		end()
		b.reportProblems()
	})
	b.attach()
	b.do(b.size(1280), b.dark(false))
	return b
}

// attach starts to listen to the window's events. The first Run must not have its own timeout: the window ends with that context.
func (b *browser) attach() {
	b.t.Helper()
	b.watch()
	if err := chromedp.Run(b.ctx, audits.Enable()); err != nil {
		b.t.Fatal(err)
	}
}

// watch records the window's errors.
func (b *browser) watch() {
	chromedp.ListenTarget(b.ctx, func(event any) {
		b.notes.mu.Lock()
		defer b.notes.mu.Unlock()
		b.notes.take(event)
	})
}

// take records one event.
func (n *notes) take(event any) {
	problem := func(format string, args ...any) { n.problems = append(n.problems, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *network.EventResponseReceived:
		switch {
		case e.Type == network.ResourceTypeDocument && e.Response.Status < 500:
			n.documents = append(n.documents, fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL))
		case e.Response.Status >= 400:
			problem("%s of %s answered %d", e.Type, e.Response.URL, e.Response.Status)
		}
	case *network.EventLoadingFailed:
		if n.endEarly && e.ErrorText == "net::ERR_ABORTED" {
			return
		}
		// The browser's inspector reads the page from the cache, and our pages are not cached.
		if e.Type != network.ResourceTypeOther || e.ErrorText != "net::ERR_CACHE_MISS" {
			problem("a %s failed: %s %s", e.Type, e.ErrorText, e.BlockedReason)
		}
	case *cdplog.EventEntryAdded:
		// The browser also logs every 4xx page. The test checks those pages itself.
		if e.Entry.Level == cdplog.LevelError && !(e.Entry.Source == cdplog.SourceNetwork && n.isDocument(e.Entry.URL)) {
			problem("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *cdpruntime.EventConsoleAPICalled:
		if e.Type == cdpruntime.APITypeError || e.Type == cdpruntime.APITypeAssert {
			for _, value := range e.Args {
				problem("console: %s%s", value.Value, value.Description)
			}
		}
	case *cdpruntime.EventExceptionThrown:
		problem("exception: %s", e.ExceptionDetails.Error())
	case *audits.EventIssueAdded:
		if csp := e.Issue.Details.ContentSecurityPolicyIssueDetails; csp != nil {
			problem("content security policy: %s blocked %s", csp.ViolatedDirective, csp.BlockedURL)
		}
	}
}

func (n *notes) isDocument(address string) bool {
	return slices.ContainsFunc(n.documents, func(d string) bool { return strings.HasSuffix(d, " "+address) })
}

func (b *browser) reportProblems() {
	b.t.Helper()
	b.notes.mu.Lock()
	defer b.notes.mu.Unlock()
	for _, problem := range b.notes.problems {
		b.t.Errorf("in the browser: %s", problem)
	}
}

// asked returns how many pages the server has shown since the previous call.
func (b *browser) asked() int {
	b.notes.mu.Lock()
	defer b.notes.mu.Unlock()
	count := 0
	for _, document := range b.notes.documents {
		if _, address, _ := strings.Cut(document, " "); strings.HasPrefix(address, b.server+"/") {
			count++
		}
	}
	b.notes.documents = nil
	return count
}

// do runs actions. Each one waits until it is possible.
func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.failed(err)
	}
}

// leave runs actions that lead to another page, and waits for that page.
func (b *browser) leave(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, actions...); err != nil {
		b.failed(err)
	}
}

// failed ends the test, and saves a screenshot of the page.
func (b *browser) failed(err error) {
	b.t.Helper()
	var address string
	var picture []byte
	if chromedp.Run(b.ctx, chromedp.Location(&address), chromedp.CaptureScreenshot(&picture)) == nil {
		b.save("failed-"+strings.ReplaceAll(b.t.Name(), "/", "-"), picture)
	}
	b.t.Fatalf("at %s: %v", address, err)
}

// visit opens an address.
func (b *browser) visit(address string) {
	b.t.Helper()
	b.leave(chromedp.Navigate(address))
}

// press clicks on an element that leads to another page.
func (b *browser) press(selector string) {
	b.t.Helper()
	b.leave(chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// fill replaces the text of a field.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	b.do(chromedp.Clear(selector, chromedp.ByQuery), chromedp.SendKeys(selector, text, chromedp.ByQuery, chromedp.NodeVisible))
}

// signIn fills in the sign-in page, and sends it.
func (b *browser) signIn(email, password string) {
	b.t.Helper()
	b.sees("h1", "Sign in")
	b.fill("#email", email)
	b.fill("#password", password)
	b.press("form button[type=submit]")
}

// opened runs actions that open another window, and returns that window.
func (b *browser) opened(actions ...chromedp.Action) *browser {
	b.t.Helper()
	// Waits until the page has started to load: chromedp fails in a window that navigates at the same time.
	window := chromedp.WaitNewTarget(b.ctx, func(window *target.Info) bool { return strings.HasPrefix(window.URL, b.server+"/") })
	b.do(actions...)
	select {
	case id := <-window:
		ctx, closeWindow := chromedp.NewContext(b.ctx, chromedp.WithTargetID(id))
		b.t.Cleanup(closeWindow)
		other := &browser{t: b.t, ctx: ctx, notes: b.notes, server: b.server}
		other.attach()
		return other
	case <-time.After(patience):
		b.failed(errors.New("no window was opened"))
	}
	return nil
}

// text returns the visible text of the first element for a selector. It waits for the element.
func (b *browser) text(selector string) string {
	b.t.Helper()
	var text string
	b.do(chromedp.Text(selector, &text, chromedp.ByQuery, chromedp.NodeVisible))
	return text
}

// sees fails unless the first element for a selector has the text.
func (b *browser) sees(selector, want string) {
	b.t.Helper()
	if got := b.text(selector); !strings.Contains(got, want) {
		b.failed(fmt.Errorf("%s reads %q, want %q", selector, got, want))
	}
}

// evaluate runs an expression in the page.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	var result T
	b.do(chromedp.Evaluate(expression, &result))
	return result
}

// tabTo presses Tab until the element for a selector has the focus, and fails if the focus is not visible.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	for range 40 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if evaluate[bool](b, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			seen := evaluate[bool](b, `(e => [e, e.closest("label")].some(x => x && getComputedStyle(x).outlineStyle != "none"))(document.activeElement)`)
			if !seen {
				b.t.Errorf("nothing shows that the keyboard is at %s", selector)
			}
			return
		}
	}
	b.failed(fmt.Errorf("Tab does not get to %s", selector))
}

// size makes the window as wide as this, in CSS pixels.
func (b *browser) size(width int64) chromedp.Action {
	return emulation.SetDeviceMetricsOverride(width, 800, 1, width < 600)
}

func (b *browser) dark(dark bool) chromedp.Action {
	value := "light"
	if dark {
		value = "dark"
	}
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: value},
		{Name: "prefers-reduced-motion", Value: "reduce"}, // otherwise a screenshot may show a colour in the middle of a transition
	})
}

// webApp serves the example application on its own address, and returns the address.
func (h *house) webApp(name, host string, public bool) (address, clientID string) {
	h.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address = strings.Replace("http://"+server.Listener.Addr().String(), "127.0.0.1", host, 1)
	client, secret, err := h.Registry.AddClient(h.t.Context(), team.CommandLine, client.Registration{
		Name: name, Owner: "Bright Ideas Ltd", Public: public, RedirectURIs: []string{address + "/callback"},
	})
	h.ok(err)
	app, err := webapp.New(webapp.Config{
		Name: name, Issuer: h.url, ClientID: string(client.ID), ClientSecret: secret.Reveal(), RedirectURI: address + "/callback",
	})
	h.ok(err)
	server.Config.Handler = app
	server.Start()
	h.t.Cleanup(server.Close)
	return address, string(client.ID)
}

// separateAPI serves the example API with its try-it page on its own address, and returns the address.
func (h *house) separateAPI() string {
	h.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	client, _, err := h.Registry.AddClient(h.t.Context(), team.CommandLine, client.Registration{
		Name: "API documentation", Public: true, RedirectURIs: []string{address + "/api/docs/oauth2-redirect.html"},
	})
	h.ok(err)
	guard, err := resourceserver.New(context.WithoutCancel(h.t.Context()), h.url, resourceserver.Options{})
	h.ok(err)
	server.Config.Handler = api.New(api.Config{Issuer: h.url, PublicURL: address, DocsClientID: string(client.ID), Guard: guard})
	server.Start()
	h.t.Cleanup(server.Close)
	return address
}

// add adds a person who is a member of these teams.
func (h *house) add(email, name string, teams ...string) {
	h.t.Helper()
	user, err := h.Team.AddUser(h.t.Context(), team.CommandLine, team.NewUser{Email: email, Name: name})
	h.ok(err)
	h.ok(h.Authn.SetPassword(h.t.Context(), user, annPassword))
	for _, slug := range teams {
		_, err := h.Team.AddMember(h.t.Context(), team.CommandLine, slug, email, "member")
		h.ok(err)
	}
}
