package webtest

import (
	"html"
	"regexp"
	"strings"
)

var tags = regexp.MustCompile(`<[^>]*>`)

// spoken is what only a screen reader tells.
var spoken = regexp.MustCompile(`<span class="spoken">[^<]*</span>`)

// ShownTo is the text of a page as a person reads it.
func ShownTo(page string) string {
	lines := strings.FieldsFunc(tags.ReplaceAllString(spoken.ReplaceAllString(page, ""), ""), func(r rune) bool { return r == '\n' })
	return html.UnescapeString(strings.TrimSpace(strings.Join(lines, "\n")))
}

// Neutral is a page without what differs between two requests: the request id, the pending request, and what is given.
func Neutral(a *Answer, without string) string {
	page := SealedValue.ReplaceAllString(a.Body, "SEALED")
	for _, varies := range []string{a.Header.Get("X-Request-Id"), without} {
		page = strings.ReplaceAll(page, varies, "VARIES")
	}
	return page
}

// SealedValue finds sealed values in forms and links.
var SealedValue = regexp.MustCompile(`[A-Z2-7]{8}\.[\w-]{40,}`)
