package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
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
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// pictures is where screenshots of every page go, to be looked at. It is not kept.
const pictures = "screenshots"

// browserPatience is the most that a test with a browser may take altogether.
const browserPatience = 2 * patience

// browser is a real browser with one window. Whatever goes wrong inside, a breach of a content security policy, an error on the console, a request that
// fails, fails the test.
type browser struct {
	t      *testing.T
	ctx    context.Context // of the window
	notes  *notes
	server string // the address of the house
}

// notes is what the browser told while it ran.
type notes struct {
	mu        sync.Mutex
	problems  []string
	documents []string // "200 http://…": every page, redirects not counted
}

// open starts a browser of its own for this test.
func (h *house) open() *browser {
	h.t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 800),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	// Everything has an end, also what chromedp does without being told how long it may take.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(h.t.Context()), browserPatience)
	h.t.Cleanup(cancel)
	allocator, end := chromedp.NewExecAllocator(bounded, options...)
	ctx, _ := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {})) // it does not know every event of a newer browser
	b := &browser{t: h.t, ctx: ctx, notes: &notes{}, server: h.url}
	h.t.Cleanup(func() {
		chromedp.Cancel(ctx) // in good order: what is left of a profile that cannot be removed is no failure
		end()
		b.reportProblems()
	})
	b.attach()
	b.do(b.size(1280), b.dark(false))
	return b
}

// attach begins to listen to the window. The first run is not bounded by itself: with its context, the window ends.
func (b *browser) attach() {
	b.t.Helper()
	b.watch()
	if err := chromedp.Run(b.ctx, audits.Enable()); err != nil {
		b.t.Fatal(err)
	}
}

// watch has the window's troubles written down.
func (b *browser) watch() {
	chromedp.ListenTarget(b.ctx, func(event any) {
		b.notes.mu.Lock()
		defer b.notes.mu.Unlock()
		b.notes.take(event)
	})
}

// take writes down one event.
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
		// The browser's own inspector asks its cache for a page that it comes late to, and this page is not cached.
		if e.Type != network.ResourceTypeOther || e.ErrorText != "net::ERR_CACHE_MISS" {
			problem("a %s failed: %s %s", e.Type, e.ErrorText, e.BlockedReason)
		}
	case *cdplog.EventEntryAdded:
		// That a page answered 4xx is logged too; what the page says is what the test looks at.
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

// asked is how many pages the server has shown since the last time.
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

// do takes actions, each of which waits until it can be done.
func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.failed(err)
	}
}

// leave takes actions that lead to another page, and waits for it.
func (b *browser) leave(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, actions...); err != nil {
		b.failed(err)
	}
}

// failed ends the test with a picture of what there was instead.
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

// press clicks on what leads to another page.
func (b *browser) press(selector string) {
	b.t.Helper()
	b.leave(chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible))
}

// fill types into a field in place of what is there.
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

// opened takes actions that open another window, and returns that.
func (b *browser) opened(actions ...chromedp.Action) *browser {
	b.t.Helper()
	// Not before its page has begun: chromedp loses its way in a window that goes elsewhere while it looks.
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

// text is what a person reads in the first element that a selector finds, once it is there.
func (b *browser) text(selector string) string {
	b.t.Helper()
	var text string
	b.do(chromedp.Text(selector, &text, chromedp.ByQuery, chromedp.NodeVisible))
	return text
}

// sees fails unless the first element that a selector finds has the text.
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

// tabTo presses Tab until the keyboard is at what a selector finds, and fails unless a person can see that it is there.
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
		{Name: "prefers-reduced-motion", Value: "reduce"}, // else a picture shows a colour on its way to another
	})
}

// picture takes the page on a small phone and on a desk, light and dark, and fails when it is wider than the window. Then the window is as before.
func (b *browser) picture(name string) {
	b.t.Helper()
	for _, width := range []int64{320, 1280} {
		for _, dark := range []bool{false, true} {
			var inner, content int64
			var picture []byte
			b.do(b.size(width), b.dark(dark), chromedp.Evaluate("innerWidth", &inner), chromedp.Evaluate("document.documentElement.scrollWidth", &content),
				chromedp.FullScreenshot(&picture, 100))
			if inner != width || content > width {
				b.t.Errorf("%s: at %d px the window is %d px wide and its content %d px", name, width, inner, content)
			}
			b.save(fmt.Sprintf("%s-%d-%s", name, width, map[bool]string{false: "light", true: "dark"}[dark]), picture)
		}
	}
	b.do(b.size(1280), b.dark(false))
}

func (b *browser) save(name string, picture []byte) {
	b.t.Helper()
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pictures, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// webApp serves the example application at an address of its own, and returns that.
func (h *house) webApp(name, host string, public bool) (address, clientID string) {
	h.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address = strings.Replace("http://"+server.Listener.Addr().String(), "127.0.0.1", host, 1)
	client, secret, err := h.Registry.AddClient(h.t.Context(), client.Registration{
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

// separateAPI serves the example API at an address of its own, with a page to try it, and returns the address.
func (h *house) separateAPI() string {
	h.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	client, _, err := h.Registry.AddClient(h.t.Context(), client.Registration{
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

// add adds somebody who is in these teams.
func (h *house) add(email, name string, teams ...string) {
	h.t.Helper()
	user, err := h.Directory.AddUser(h.t.Context(), email, name, false)
	h.ok(err)
	h.ok(h.Authn.SetPassword(h.t.Context(), user, annPassword))
	for _, slug := range teams {
		_, err := h.Directory.AddMember(h.t.Context(), slug, email, "member")
		h.ok(err)
	}
}
