package web_test

import (
	"html"
	"regexp"
	"strings"
)

var tags = regexp.MustCompile(`<[^>]*>`)

// shownTo is the text of a page as a person reads it.
func shownTo(page string) string {
	lines := strings.FieldsFunc(tags.ReplaceAllString(page, ""), func(r rune) bool { return r == '\n' })
	return html.UnescapeString(strings.TrimSpace(strings.Join(lines, "\n")))
}
