package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// A single-page application on oidc-client-ts: all that it asks of the server, it asks from the browser.
func TestOIDCClientTSInABrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.ok(watch("node/page"))
	page, err := os.ReadFile("node/page/oidc-client-ts.html")
	h.ok(err)
	script, err := os.ReadFile("node/node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js")
	if err != nil {
		t.Fatalf("%v; run scripts/setup", err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	client := h.registerAs(client.Registration{
		Public: true, RedirectURIs: []string{server.URL + "/callback"}, PostLogoutRedirectURIs: []string{server.URL + "/goodbye"},
	})
	text := strings.NewReplacer("ISSUER", h.url, "CLIENT_ID", client.id).Replace(string(page))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(text))
	})
	mux.HandleFunc("/oidc-client-ts.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		w.Write(script)
	})

	b := h.open()
	b.visit(server.URL)
	b.press("#sign-in")
	b.signIn(annEmail, annPassword)
	b.do(chromedp.Click(b.teamChoice("acme"), chromedp.ByQuery))
	b.press(authorizeButton)
	b.awaits("#result", "{")
	var got struct {
		User struct {
			Sub, Email, Name, Team string
		}
		Refreshed bool
	}
	h.ok(json.Unmarshal([]byte(b.text("#result")), &got))
	if got.User.Email != annEmail || got.User.Name != "Ann Lee" || got.User.Sub == "" || got.User.Team != "acme" || !got.Refreshed {
		t.Errorf("got %+v, want Ann in acme, and a token that was renewed", got)
	}

	b.press("#sign-out")
	b.awaits("#result", `{"signedIn":false}`)
	b.visit(h.url + "/account/")
	b.sees("h1", "Sign in")
}

// awaits waits until the text of an element begins as it should.
func (b *browser) awaits(selector, prefix string) {
	b.t.Helper()
	expression := fmt.Sprintf("document.querySelector(%q)?.textContent.startsWith(%q)", selector, prefix)
	b.do(chromedp.Poll(expression, nil, chromedp.WithPollingTimeout(patience)))
}
