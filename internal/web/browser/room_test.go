package browser

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A page without a tab belongs to the tab of the page above it; the first page of the room is above all of them and does not count.
func TestTabOfAPageBelow(t *testing.T) {
	room := []Page{
		{Path: "/a/", Tab: "account.tab"}, {Path: "/a/security/", Tab: "factors.tab"}, {Path: "/a/security/app/"}, {Path: "/a/email/", Tab: "email.tab"}, {Path: "/a/other/"},
	}
	for path, want := range map[string]string{"/a/": "/a/ page", "/a/security/": "/a/security/ page", "/a/security/app/": "/a/security/ below", "/a/email/": "/a/email/ page", "/a/other/": ""} {
		got := ""
		for _, p := range room {
			if p.Path != path {
				continue
			}
			for _, tab := range tabs(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil), p, "account.label", room).Items {
				if tab.Current {
					got += tab.Href + " page"
				}
				if tab.Below {
					got += tab.Href + " below"
				}
			}
		}
		if got != want {
			t.Errorf("%s: the tab %q, want %q", path, got, want)
		}
	}
}
