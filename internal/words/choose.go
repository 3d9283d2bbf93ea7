package words

import (
	"strings"

	"golang.org/x/text/language"
)

// maxTags is how many languages of a list are looked at. A browser sends fewer than ten.
const maxTags = 16

// maxHeader is how many bytes of Accept-Language are looked at.
const maxHeader = 512

// Named is the catalogue of a language that there is, such as "de"; nil for every other.
func Named(code string) *Catalogue {
	for _, c := range Languages {
		if c.Code() == code {
			return c
		}
	}
	return nil
}

// Codes are the languages that there are.
func Codes() []string {
	codes := make([]string, len(Languages))
	for i, c := range Languages {
		codes[i] = c.Code()
	}
	return codes
}

// Wishes are what is known of the language that a person wants. Each may be "".
type Wishes struct {
	Locales string // ui_locales: tags with spaces between them, the preferred one first (OpenID Connect Core §3.1.2.1)
	Setting string // the person's own setting
	Accept  string // the header Accept-Language (RFC 9110 §12.5.4)
}

// Choose is the catalogue that suits a person best: the first wish for which there is one decides. Without any it is the otherwise one,
// and English when that is nil.
func Choose(w Wishes, otherwise *Catalogue) *Catalogue {
	if c := match(parseTags(w.Locales)); c != nil {
		return c
	}
	if c := Named(w.Setting); c != nil {
		return c
	}
	// A header that is cut off or malformed has no wish in it.
	if tags, _, err := language.ParseAcceptLanguage(w.Accept[:min(len(w.Accept), maxHeader)]); err == nil {
		if c := match(tags[:min(len(tags), maxTags)]); c != nil {
			return c
		}
	}
	if otherwise == nil {
		return English
	}
	return otherwise
}

// parseTags reads ui_locales. What is no language is left out.
func parseTags(locales string) []language.Tag {
	var tags []language.Tag
	for field := range strings.FieldsSeq(locales) {
		if tag, err := language.Parse(field); err == nil && len(tags) < maxTags {
			tags = append(tags, tag)
		}
	}
	return tags
}

var matcher = newMatcher()

func newMatcher() language.Matcher {
	tags := make([]language.Tag, len(Languages))
	for i, c := range Languages {
		tags[i] = c.Language
	}
	return language.NewMatcher(tags)
}

// match is the catalogue for the first of the languages that there is one for, else nil. The languages are matched one by one: of a list,
// the matcher would take a later language that fits exactly before an earlier one that fits well, such as de-AT.
func match(tags []language.Tag) *Catalogue {
	for _, tag := range tags {
		if _, i, confidence := matcher.Match(tag); confidence >= language.Low && tag != language.Und {
			return Languages[i]
		}
	}
	return nil
}
