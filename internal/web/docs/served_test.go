package docs_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestDocumentsLinkToWhatThereIs: what has no page here is in the repository.
func TestDocumentsLinkToWhatThereIs(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.Browser()
		links := regexp.MustCompile(`href="([^"]*)"`)
		for _, document := range links.FindAllStringSubmatch(b.Get("/docs/").WantPage(http.StatusOK).Body, -1) {
			if !strings.HasPrefix(document[1], "/docs/") {
				continue
			}
			for _, match := range links.FindAllStringSubmatch(b.Get(document[1]).WantPage(http.StatusOK).Body, -1) {
				switch link, _, _ := strings.Cut(html.UnescapeString(match[1]), "#"); {
				case link == "", strings.Contains(link, "://"), strings.HasPrefix(link, "mailto:"):
				case strings.HasPrefix(link, "/docs/"):
					b.Get(link).WantStatus(http.StatusOK)
				case !strings.HasPrefix(link, "/"):
					h.Errorf("%s links to %q, which is not there", document[1], link)
				}
			}
		}
		b.Get("/docs/security/").WantPage(http.StatusOK, `href="https://github.com/gatehouse-auth/gatehouse/blob/main/SECURITY.md"`)
		b.Get("/docs/architecture/").WantPage(http.StatusOK, `href="https://github.com/gatehouse-auth/gatehouse/blob/main/docs/adr"`)
	})
}

// TestGuideNamesThisServer instead of the examples' hosts.
func TestGuideNamesThisServer(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		guide := h.Browser().Get("/docs/guide/").WantPage(http.StatusOK, h.Server.URL+"/o/token/", "https://chat.example/api/docs/", "https://chat.example/api/chatbots/", `href="#`).
			WantNothingOf("auth.example.com", "api.example.com")
		if !strings.Contains(guide.Body, url.QueryEscape(h.Server.URL)) {
			h.Error("the escaped issuer is not filled in")
		}
		h.Browser().Get("/docs/").WantPage(http.StatusOK, `href="/docs/guide/"`)
	}, func(p *web.Parts) { p.APIDocs = "https://chat.example/api/docs/" })
}

// TestDocumentsForEverybody: every column of a table has a heading, the keyboard reaches what may scroll, and nothing needs a style that
// the content security policy blocks.
func TestDocumentsForEverybody(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, link := range regexp.MustCompile(`href="(/docs/\w+/)"`).FindAllStringSubmatch(h.Browser().Get("/docs/").Body, -1) {
			h.Browser().Get(link[1]).WantPage(http.StatusOK).WantNothingOf("<th></th>", "<table>", "<pre>", "style=")
		}
	})
}
