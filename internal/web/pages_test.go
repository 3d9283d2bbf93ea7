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

// neutral is a page without what differs between two requests: the request id, the pending request, and what is given.
func neutral(a *answer, without string) string {
	page := sealedValue.ReplaceAllString(a.body, "SEALED")
	for _, varies := range []string{a.header.Get("X-Request-Id"), without} {
		page = strings.ReplaceAll(page, varies, "VARIES")
	}
	return page
}

// sealedValue finds sealed values in forms and links.
var sealedValue = regexp.MustCompile(`[A-Z2-7]{8}\.[\w-]{40,}`)
