package ui

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Names, addresses and codes come from strangers. None of them becomes a part of the page.
func TestArgumentsAreNoMarkup(t *testing.T) {
	const markup = `"><script>alert(1)</script>'`
	for name, value := range map[string]any{
		"Name": Name(markup), "Strong": Strong(markup), "Code": Code(markup), "string": markup,
		"Person": Person{Name: markup, Email: markup}, "Words": Text("error.request_id", "request_id", Code(markup)),
	} {
		html, err := speaker{words.English}.show(value)
		if err != nil || strings.Contains(html, "<script") || strings.Contains(html, `">`) || !strings.Contains(html, "&lt;script&gt;") {
			t.Errorf("%s is shown as %s, %v", name, html, err)
		}
	}
	if html, err := beginMark(Link(markup)); err != nil || strings.Contains(html, "<script") {
		t.Errorf("Link is shown as %s, %v", html, err)
	}
}
