package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

var pageLinks = regexp.MustCompile(`<a [^>]*href="(/[^"?#]*)`)

// TestPagesLinkToWhatThereIs: every link of every personal page leads somewhere.
func TestPagesLinkToWhatThereIs(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		seen := map[string]bool{}
		for _, path := range []string{"/", "/account/", "/account/applications/", "/account/password/", "/teams/atlas/applications/", "/teams/atlas/audit/"} {
			for _, match := range pageLinks.FindAllStringSubmatch(dora.Get(path).WantPage(http.StatusOK).Body, -1) {
				seen[html.UnescapeString(match[1])] = true
			}
		}
		for _, want := range []string{"/account/", "/account/applications/", "/account/password/", "/teams/atlas/applications/", "/teams/atlas/audit/"} {
			if !seen[want] {
				h.Errorf("no link leads to %s", want)
			}
		}
		for path := range seen {
			dora.Get(path).WantStatus(http.StatusOK)
		}
	})
}

// TestErrorPagesLinkToTheGuide: the developer's section of an error page leads to the section of the guide that helps.
func TestErrorPagesLinkToTheGuide(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		get := func(path string, changes ...string) *webtest.Answer {
			return b.Get(path + "?" + webtest.Parameters(h.Insight, changes...).Encode())
		}
		guide := b.Get("/docs/guide/").WantPage(http.StatusOK).Body
		link := regexp.MustCompile(`<a href="/docs/guide/#([^"]*)">Read about this in the guide</a>`)
		for name, page := range map[string]struct {
			answer *webtest.Answer
			want   string
		}{
			"unknown client":         {get("/o/authorize/", "client_id", "nobody"), "step-1-register-your-application"},
			"another redirect URI":   {get("/o/authorize/", "redirect_uri", "https://evil.example/"), "step-1-register-your-application"},
			"no client":              {get("/o/authorize/", "client_id", ""), "when-authorization-fails"},
			"an altered address":     {b.Get("/o/consent/?request=x"), "when-authorization-fails"},
			"a query that is broken": {b.Get("/o/authorize/?client_id=%zz"), "step-2-send-the-person-to-us"},
			"a body that is too long": {
				b.Post("/o/authorize/", webtest.Parameters(h.Insight, "state", strings.Repeat("x", 64<<10))), "step-2-send-the-person-to-us",
			},
			"an address after signing out": {
				b.Get("/o/logout/?" + url.Values{"post_logout_redirect_uri": {"https://evil.example/"}}.Encode()), "sign-the-person-out",
			},
		} {
			found := link.FindStringSubmatch(page.answer.Body)
			if found == nil || found[1] != page.want {
				h.Errorf("%s (%d): the page links to %q, want %q", name, page.answer.Status, found, page.want)
				continue
			}
			if !strings.Contains(guide, ` id="`+found[1]+`"`) {
				h.Errorf("%s: the guide has no section %q", name, found[1])
			}
		}
	})
}
