package web_test

import (
	"html"
	"net/http"
	"regexp"
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
