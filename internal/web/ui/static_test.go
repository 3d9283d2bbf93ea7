package ui

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestStaticFilesKeepForGood(t *testing.T) {
	for name, file := range statics {
		w := httptest.NewRecorder()
		Static().ServeHTTP(w, httptest.NewRequest("GET", Asset(name), nil))
		if w.Code != http.StatusOK || w.Body.String() != string(file.content) {
			t.Errorf("%s: %d, %d bytes", name, w.Code, w.Body.Len())
		}
		if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
		if got := w.Header().Get("Content-Type"); got != file.contentType {
			t.Errorf("%s: Content-Type %q", name, got)
		}
		if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("%s: X-Content-Type-Options %q", name, got)
		}
		if got := w.Header().Get("Content-Security-Policy"); got != "default-src 'none'; frame-ancestors 'none'" {
			t.Errorf("%s: Content-Security-Policy %q", name, got) // an SVG can be opened by itself
		}
	}
}

func TestStaticFilesHaveNoOtherName(t *testing.T) {
	for _, path := range []string{"/static/", "/static/style.css", "/static/style.0000000000000000.css", "/static/../render.go"} {
		w := httptest.NewRecorder()
		Static().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "" {
			t.Errorf("%s: %d, Cache-Control %q", path, w.Code, w.Header().Get("Cache-Control"))
		}
	}
	w := httptest.NewRecorder()
	Static().ServeHTTP(w, httptest.NewRequest("POST", Asset("style.css"), nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestStylesLoadNothing(t *testing.T) {
	for _, forbidden := range []string{"url(", "@import", "http:", "https:"} {
		if strings.Contains(string(statics["style.css"].content), forbidden) {
			t.Errorf("style.css has %s", forbidden)
		}
	}
}

// pairs are the colours that meet on a page, and the contrast that they need: 4.5 for text, 3 for what is not (WCAG 2.2 §1.4.3, §1.4.11).
var pairs = []struct {
	front, back string
	atLeast     float64
}{
	{"ink", "ground", 4.5},
	{"ink", "sheet", 4.5},
	{"ink", "code-back", 4.5},
	{"ink", "see-back", 4.5},
	{"ink", "change-back", 4.5},
	{"quiet", "ground", 4.5},
	{"quiet", "sheet", 4.5},
	{"quiet", "code-back", 4.5},
	{"quiet", "see-back", 4.5},
	{"quiet", "change-back", 4.5},
	{"accent", "ground", 4.5},
	{"accent", "sheet", 4.5},
	{"accent", "code-back", 4.5},
	{"accent-ink", "accent", 4.5},
	{"stub-ink", "stub", 4.5},
	{"stub-ink", "stub-line", 4.5},
	{"stub-quiet", "stub", 4.5},
	{"stub-quiet", "stub-line", 4.5},
	{"see", "see-back", 4.5},
	{"change", "change-back", 4.5},
	{"alert", "alert-back", 4.5},
	{"edge", "sheet", 3},
	{"alert", "sheet", 4.5},
	{"focus", "ground", 3},
	{"focus", "sheet", 3},
	{"focus", "code-back", 3},
	{"stub-focus", "stub", 3},
}

func TestColoursHaveContrast(t *testing.T) {
	light, dark := schemes(t)
	for scheme, colours := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, p := range pairs {
			if got := contrast(t, colours[p.front], colours[p.back]); got < p.atLeast {
				t.Errorf("%s: %s on %s is %.2f, want %.1f", scheme, p.front, p.back, got, p.atLeast)
			}
		}
	}
}

// A colour that is defined and not in pairs would be text that nobody has measured.
func TestEveryColourIsMeasured(t *testing.T) {
	decoration := []string{"line"} // carries no meaning
	light, dark := schemes(t)
	if !slices.Equal(slices.Sorted(maps.Keys(light)), slices.Sorted(maps.Keys(dark))) {
		t.Error("the two schemes do not define the same colours")
	}
	for name := range light {
		measured := slices.Contains(decoration, name)
		for _, p := range pairs {
			measured = measured || name == p.front || name == p.back
		}
		if !measured {
			t.Errorf("--%s is in no pair", name)
		}
	}
	rules := string(statics["style.css"].content)
	_, rules, _ = strings.Cut(rules, "/* Ground */")
	if found := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgba?\(|hsla?\(`).FindString(rules); found != "" {
		t.Errorf("%s: a colour outside the palette", found)
	}
}

// schemes are the custom properties of the two :root blocks.
func schemes(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	blocks := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(string(statics["style.css"].content), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d :root blocks, want light and dark", len(blocks))
	}
	var found [2]map[string]string
	for i, block := range blocks {
		found[i] = map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(block[1], -1) {
			found[i][m[1]] = m[2]
		}
	}
	return found[0], found[1]
}

// contrast is the ratio of WCAG 2.2 for two colours like "#a1b2c3".
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	brighter, darker := luminance(t, a), luminance(t, b)
	if brighter < darker {
		brighter, darker = darker, brighter
	}
	return (brighter + 0.05) / (darker + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil {
		t.Fatal(fmt.Errorf("colour %q: %w", colour, err))
	}
	channel := func(shift uint) float64 {
		c := float64(n>>shift&0xFF) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

func TestContrastAgreesWithTheStandard(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#767676", "#ffffff", 4.54}, {"#ffffff", "#ffffff", 1}} {
		if got := contrast(t, c.a, c.b); math.Abs(got-c.want) > 0.01 {
			t.Errorf("contrast of %s and %s = %.2f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}
