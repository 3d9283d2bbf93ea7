package words

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/feature/plural"
)

// TestCataloguesSayTheSame: every language has every text, with the same arguments and marks, and with the plural forms that it needs.
func TestCataloguesSayTheSame(t *testing.T) {
	if len(Languages) < 2 {
		t.Fatal("there is only one language")
	}
	for _, c := range Languages {
		t.Run(c.Code(), func(t *testing.T) {
			for key := range c.texts {
				if !English.Has(key) {
					t.Errorf("%s is not in English", key)
				}
			}
			for key, english := range English.texts {
				f, ok := c.texts[key]
				if !ok {
					t.Errorf("%s is missing", key)
					continue
				}
				if got, want := f.places(), english.places(); !slices.Equal(got, want) {
					t.Errorf("%s has the places %q, in English %q", key, got, want)
				}
				if forms := slices.Sorted(maps.Keys(f)); len(f) > 1 && !slices.Equal(forms, c.pluralForms()) {
					t.Errorf("%s has the plural forms %v, the language has %v", key, forms, c.pluralForms())
				}
				for form, message := range f {
					if form != plural.One && !slices.Equal((forms{form: message}).places(), f.places()) {
						t.Errorf("%s: the form %v lacks an argument", key, form)
					}
				}
			}
		})
	}
}

// places are the arguments and marks of a text, in any of its forms.
func (f forms) places() []string {
	names := f.names()
	slices.Sort(names)
	return slices.Compact(names)
}

// pluralForms are the forms that whole numbers have in a language.
func (c *Catalogue) pluralForms() []plural.Form {
	used := map[plural.Form]bool{}
	for n := range 1001 {
		used[plural.Cardinal.MatchPlural(c.Language, n, 0, 0, 0, 0)] = true
	}
	return slices.Sorted(maps.Keys(used))
}

func TestGerman(t *testing.T) {
	c := Named("de")
	if got, want := c.Text("ago.days", "count", 2), "vor 2 Tagen"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChoice(t *testing.T) {
	german := Named("de")
	for _, tt := range []struct {
		name      string
		wishes    Wishes
		otherwise *Catalogue
		want      string
	}{
		{"nothing is known", Wishes{}, nil, "en"},
		{"nothing is known, and the server is German", Wishes{}, german, "de"},
		{"the application asks", Wishes{Locales: "de", Setting: "en", Accept: "en"}, nil, "de"},
		{"the application asks for a region", Wishes{Locales: "de-CH"}, nil, "de"},
		{"the application's second language", Wishes{Locales: "fr de en"}, nil, "de"},
		{"an earlier region comes before a later exact language", Wishes{Locales: "de-AT en"}, nil, "de"},
		{"none of the application's languages", Wishes{Locales: "fr xx-not-a-language ?", Setting: "de", Accept: "en"}, nil, "de"},
		{"the setting", Wishes{Setting: "de", Accept: "en"}, nil, "de"},
		{"a setting from a newer server", Wishes{Setting: "fr", Accept: "de"}, nil, "de"},
		{"the browser", Wishes{Accept: "fr-FR, fr;q=0.9, de;q=0.5, en;q=0.3"}, nil, "de"},
		{"the browser, by weight", Wishes{Accept: "en;q=0.3, de;q=0.5"}, nil, "de"},
		{"a language that the browser refuses", Wishes{Accept: "de;q=0, en"}, nil, "en"},
		{"only refused languages", Wishes{Accept: "de;q=0"}, nil, "en"},
		{"any language", Wishes{Accept: "*"}, german, "de"},
		{"a malformed header", Wishes{Accept: ";;;q=,de"}, nil, "en"},
		{"a long header", Wishes{Accept: "fr," + strings.Repeat(" ", maxHeader) + "de"}, nil, "en"},
		{"many languages in a header", Wishes{Accept: strings.Repeat("fr,", maxTags) + "de"}, nil, "en"},
		{"many languages of the application", Wishes{Locales: strings.Repeat("fr ", maxTags) + "de"}, nil, "en"},
		{"no language", Wishes{Locales: "und", Accept: "und"}, german, "de"},
		{"a language unlike all", Wishes{Accept: "ja"}, german, "de"},
	} {
		if got := Choose(tt.wishes, tt.otherwise).Code(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
