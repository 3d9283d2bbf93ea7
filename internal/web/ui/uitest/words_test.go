package uitest

import (
	"slices"
	"testing"
)

func TestWordsThatAreNotFromTheCatalogueAreFound(t *testing.T) {
	for page, want := range map[string][]string{
		`<!doctype html><p>⟦Hello, ⟧<bdi>Ada Obi</bdi></p>`:        nil,
		`<p>⟦Hello⟧ there</p>`:                                     {"there"},
		`<p>⟦Hello, ⟧<bdi>Ada Obi</bdi> (admin)</p>`:               {"(admin)"},
		`<img alt="A picture" title="⟦of ⟧Ada Obi">`:               {"A picture"},
		`<td data-column="Name">1 · 2</td>`:                        {"Name"},
		`<article lang="en"><p>Our guide</p></article>`:            nil,
		`<small>U+202E</small> <time>⟦12 March⟧, 12:00 UTC</time>`: nil,
	} {
		if got := untranslated(t, page, []string{"Ada", "Ada Obi"}); !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", page, got, want)
		}
	}
}
