// Package uitest checks the pages of a room: their golden files, their structure, and that no value breaks out of them. Only tests
// import it.
package uitest

import (
	"flag"
	"html"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Values of a stranger who wants the page to break or to lie.
const (
	Markup    = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}' onload='x`
	Backwards = "Bank \u202Emoc.elgoog\u202C\u2066 (official)\u200B"
	Endless   = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsverwaltungsrat"
	Covering  = "Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030A\u030B\u030C\u030Da\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307lgo"
	Persian   = "تیم پشتیبانی می\u200Cخواهیم"
)

// Samples are pages by the name of their golden file.
type Samples map[string]ui.Content

// HTML is a page.
func HTML(t *testing.T, page ui.Content) string {
	t.Helper()
	var b strings.Builder
	if err := page.Render(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Check runs every check on every sample of a room. Each template of the room needs a sample, and each golden file too.
func Check(t *testing.T, samples Samples) {
	used := map[string]bool{}
	for name, page := range samples {
		used[page.Name()] = true
		t.Run(name, func(t *testing.T) {
			text := HTML(t, page)
			Golden(t, name, content(t, text))
			structure(t, text)
			failures(t, text)
			userName(t, text)
			policy(t, text, page.Scripted())
			hostile(t, text)
			translatable(t, page)
		})
	}
	for _, template := range glob(t, "*.html") {
		if !used[filepath.Base(template)] {
			t.Errorf("%s has no sample", template)
		}
	}
	for _, file := range glob(t, "testdata/golden/*.html") {
		if _, ok := samples[strings.TrimSuffix(filepath.Base(file), ".html")]; !ok {
			t.Errorf("%s belongs to no sample", file)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var inside = regexp.MustCompile(`(?s)(<title>.*?</title>).*<main id="main" tabindex="-1">(.*)</main>`)

// content is the title of a page and what is inside the layout: the layout has golden files of its own.
func content(t *testing.T, page string) string {
	t.Helper()
	m := inside.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("not a page:\n%s", page)
	}
	return m[1] + m[2]
}

var hashed = regexp.MustCompile(`(/static/\w+)\.[0-9a-f]{16}\.`)

// Golden compares text with a golden file, or writes it with -update. The hashes in the names of static files are left out.
func Golden(t *testing.T, name, text string) {
	t.Helper()
	got := hashed.ReplaceAllString(text, "$1.")
	file := filepath.Join("testdata", "golden", name+".html")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run with -update and review the diff (-want +got):\n%s", diff)
	}
}

// Element is one start tag of a page.
type Element struct {
	Name  string
	Attrs map[string]string
	Label bool // inside a <label>
}

var (
	tagPattern  = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)([^>]*)>`)
	attrPattern = regexp.MustCompile(`([a-zA-Z-]+)(?:="([^"]*)")?`)
	void        = []string{"meta", "link", "img", "input", "br", "hr", "path", "circle"}
)

// Elements takes a page apart and fails when its tags do not nest. It is simple because the templates quote every attribute.
func Elements(t *testing.T, html string) []Element {
	t.Helper()
	var open []string
	var all []Element
	for _, m := range tagPattern.FindAllStringSubmatch(html, -1) {
		name := m[2]
		if m[1] == "/" {
			if len(open) == 0 || open[len(open)-1] != name {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
			continue
		}
		e := Element{Name: name, Attrs: map[string]string{}, Label: slices.Contains(open, "label")}
		for _, a := range attrPattern.FindAllStringSubmatch(m[3], -1) {
			if _, twice := e.Attrs[a[1]]; twice {
				t.Errorf("%s: attribute twice", m[0])
			}
			e.Attrs[a[1]] = a[2]
		}
		all = append(all, e)
		if !slices.Contains(void, name) {
			open = append(open, name)
		}
	}
	if len(open) > 0 {
		t.Errorf("never closed: %v", open)
	}
	return all
}

// structure checks that a page has one heading, that ids are unique and found, and that fields have labels.
func structure(t *testing.T, page string) {
	t.Helper()

	count := map[string]int{}
	ids := map[string]int{}
	all := Elements(t, page)
	for _, e := range all {
		count[e.Name]++
		if id, ok := e.Attrs["id"]; ok {
			ids[id]++
		}
	}
	for _, name := range []string{"html", "h1", "main", "title", "header"} {
		if count[name] != 1 {
			t.Errorf("%d <%s>, want 1", count[name], name)
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("id %q %d times", id, n)
		}
	}
	labels := map[string]bool{}
	for _, e := range all {
		for _, attr := range []string{"aria-describedby", "aria-labelledby", "aria-controls", "for"} {
			for id := range strings.FieldsSeq(e.Attrs[attr]) {
				if ids[id] == 0 {
					t.Errorf("<%s %s=%q> refers to nothing", e.Name, attr, id)
				}
			}
		}
		labels[e.Attrs["for"]] = true
	}
	for _, e := range all {
		if e.Name == "input" && e.Attrs["type"] != "hidden" && !e.Label && !labels[e.Attrs["id"]] {
			t.Errorf("input %v has no label", e.Attrs)
		}
	}
}

// failures checks that the summary of what is wrong has the focus, and that its links lead to fields of the page.
func failures(t *testing.T, page string) {
	t.Helper()
	all := Elements(t, page)
	for _, e := range all {
		if _, focused := e.Attrs["autofocus"]; e.Attrs["role"] == "alert" && (!focused || e.Attrs["tabindex"] != "-1") {
			t.Errorf("<%s %v> does not get the focus", e.Name, e.Attrs)
		}
		id, local := strings.CutPrefix(e.Attrs["href"], "#")
		if local && !slices.ContainsFunc(all, func(e Element) bool { return e.Attrs["id"] == id }) {
			t.Errorf("<%s href=%q> leads nowhere", e.Name, e.Attrs["href"])
		}
	}
}

// userName checks that a password manager sees whose new password it is to save: in a field before it, of a type that is shown.
func userName(t *testing.T, page string) {
	t.Helper()
	seen := false
	for _, e := range Elements(t, page) {
		seen = seen || e.Attrs["autocomplete"] == "username" && e.Attrs["type"] != "hidden" && e.Attrs["value"] != ""
		if e.Attrs["autocomplete"] == "new-password" && !seen {
			t.Errorf("no user name stands before the new password %v", e.Attrs)
		}
	}
}

// ours is the whole of a script element: it names a file of ours, and has no text.
var ours = regexp.MustCompile(`<script src="/static/\w+\.[0-9a-f]{16}\.js" defer></script>`)

// policy checks that a page needs no more than its Content-Security-Policy allows, and no less: the policy allows our scripts where there are any.
func policy(t *testing.T, page string, scripted bool) {
	t.Helper()

	if scripts := len(ours.FindAllString(page, -1)); (scripts > 0) != scripted || scripts != strings.Count(page, "<script") {
		t.Errorf("%d <script>, %d of them ours; Scripted is %t", strings.Count(page, "<script"), scripts, scripted)
	}
	shows := strings.Contains(page, `src="`+ui.Asset("password.js")+`"`)
	// The page that posts an answer to the application leads there.
	posts := strings.HasSuffix(t.Name(), "/form_post")
	for _, e := range Elements(t, page) {
		if e.Name == "a" && e.Attrs["rel"] == "noreferrer" && strings.HasPrefix(e.Attrs["href"], "http") {
			continue // a link that is meant to leave
		}
		if posts && e.Name == "form" {
			continue
		}
		if e.Attrs["type"] == "password" && !shows {
			t.Errorf("nothing shows the password %s", e.Attrs["id"])
		}
		if slices.Contains([]string{"style", "iframe", "object", "embed", "base"}, e.Name) {
			t.Errorf("<%s> in a page", e.Name)
		}
		for name, value := range e.Attrs {
			if name == "style" || strings.HasPrefix(name, "on") {
				t.Errorf("<%s %s=%q>", e.Name, name, value)
			}
			if slices.Contains([]string{"href", "src", "action", "formaction"}, name) &&
				(strings.HasPrefix(value, "//") || !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#")) {
				t.Errorf("<%s %s=%q> leaves the server", e.Name, name, value)
			}
		}
	}
}

// hostile checks that nobody's markup or invisible characters get into a page.
func hostile(t *testing.T, page string) {
	t.Helper()
	for _, e := range Elements(t, page) {
		if e.Name == "img" && e.Attrs["src"] == "x" {
			t.Error("a stranger's markup is markup")
		}
	}
	text := html.UnescapeString(page)
	if i := strings.IndexAny(text, "\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069\u200B"); i >= 0 {
		t.Errorf("a character that changes the direction of text or hides: %q", text[max(0, i-40):i+10])
	}
}

// Titles checks the titles of samples.
func Titles(t *testing.T, samples Samples, titles map[string]string) {
	t.Helper()
	title := regexp.MustCompile(`<title>(.*)</title>`)
	for _, name := range slices.Sorted(maps.Keys(titles)) {
		if got := title.FindStringSubmatch(HTML(t, samples[name]))[1]; got != titles[name] {
			t.Errorf("%s: title %q, want %q", name, got, titles[name])
		}
	}
}
