package uitest

import (
	"cmp"
	"html"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// What the marked catalogue puts around each piece of its texts.
const begins, ends = "⟦", "⟧"

var places = regexp.MustCompile(`\{[^}]*\}|<[^>]*>`)

// marked is the English catalogue, in which everything between arguments and marks stands in brackets.
var marked = sync.OnceValue(func() *words.Catalogue {
	source, err := words.Files.ReadFile("en.txt")
	if err != nil {
		panic(err)
	}
	lines := strings.Split(string(source), "\n")
	for i, line := range lines {
		key, text, found := strings.Cut(line, " = ")
		switch {
		case strings.HasPrefix(line, " "): // continues the text above
			lines[i] = "  " + bracketed(strings.TrimSpace(line))
		case found && !strings.HasPrefix(line, "#"):
			lines[i] = key + " = " + bracketed(text)
		}
	}
	c, err := words.Read(fstest.MapFS{"en.txt": {Data: []byte(strings.Join(lines, "\n"))}}, "en")
	if err != nil {
		panic(err)
	}
	return c
})

func bracketed(text string) string {
	var b strings.Builder
	end := 0
	for _, place := range append(places.FindAllStringIndex(text, -1), []int{len(text), len(text)}) {
		if plain := text[end:place[0]]; hasLetter(plain) {
			b.WriteString(begins + plain + ends)
		} else {
			b.WriteString(plain)
		}
		b.WriteString(text[place[0]:place[1]])
		end = place[1]
	}
	return b.String()
}

func hasLetter(text string) bool { return strings.ContainsFunc(text, unicode.IsLetter) }

var (
	inCatalogue = regexp.MustCompile(begins + `[^` + begins + ends + `]*` + ends)
	readByAll   = regexp.MustCompile(`\b(?:aria-label|alt|title|placeholder|data-column)="([^"]*)"`)
	// What is the same in every language: our documents, codes, code points, and the name of the zone of people who have chosen none.
	sameInAll = regexp.MustCompile(`(?s)<article lang="en">.*?</article>|<ol lang="en">.*?</ol>|<ul lang="en">.*?</ul>|<code.*?</code>`)
	technical = regexp.MustCompile(`U\+[0-9A-F]{4,6}|byte [0-9A-F]{2}|UTC`)
)

// translatable checks that every word of a page is from the catalogue, or a value of its view. It renders the page with marked texts.
func translatable(t *testing.T, page ui.Content) {
	t.Helper()
	for _, word := range untranslated(t, HTML(t, page.In(marked())), values(t, reflect.ValueOf(page.View()))) {
		t.Errorf("%q is not from the catalogue", word)
	}
}

// untranslated are the words of a page in marked texts that are neither marked nor values.
func untranslated(t *testing.T, page string, values []string) []string {
	t.Helper()
	page = sameInAll.ReplaceAllString(strings.TrimPrefix(page, "<!doctype html>"), "")
	texts := tagPattern.Split(page, -1)
	for _, m := range readByAll.FindAllStringSubmatch(page, -1) {
		texts = append(texts, m[1])
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var found []string
	for _, text := range texts {
		text = html.UnescapeString(text)
		text = inCatalogue.ReplaceAllString(text, "")
		for _, value := range values {
			text = strings.ReplaceAll(text, value, "")
		}
		if text = strings.TrimSpace(technical.ReplaceAllString(text, "")); hasLetter(text) {
			found = append(found, text)
		}
	}
	return found
}

// values are the strings of a view: names, addresses, codes. A string of several words in a text's argument is no value: somebody wrote it.
func values(t *testing.T, v reflect.Value) []string {
	t.Helper()
	var all []string
	add := func(s string) {
		for _, form := range []string{s, ui.PlainName(s)} {
			if hasLetter(form) {
				all = append(all, form)
			}
		}
	}
	switch v.Kind() {
	case reflect.String:
		add(v.String())
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*words.Catalogue]() {
			all = append(all, values(t, v.Elem())...)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			item := v.Index(i)
			if v.Type() == reflect.TypeFor[ui.Words]() {
				if i == 0 {
					continue // the key
				}
				if e := item.Elem(); e.IsValid() && e.Type() == reflect.TypeFor[string]() && i%2 == 0 && strings.Contains(e.String(), " ") {
					t.Errorf("the argument %q of %s is not from the catalogue; a name is a ui.Name", e.String(), v.Index(0).Elem())
				}
			}
			all = append(all, values(t, item)...)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[ui.Avatar]() {
			add(ui.Avatar{Name: v.FieldByName("Name").String()}.Initials())
		}
		if v.Type() == reflect.TypeFor[ui.Provider]() {
			add(ui.Provider{Name: v.FieldByName("Name").String()}.Initial())
		}
		for i := range v.NumField() {
			all = append(all, values(t, v.Field(i))...)
		}
	}
	return all
}
