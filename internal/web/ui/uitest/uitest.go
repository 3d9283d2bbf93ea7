package uitest

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func page(t *testing.T, view any) string {
	t.Helper()
	var b strings.Builder
	if err := render(&b, view); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func eachPage(t *testing.T, check func(t *testing.T, html string)) {
	t.Helper()
	for name, view := range samples {
		t.Run(name, func(t *testing.T) { check(t, page(t, view)) })
	}
}

var hashed = regexp.MustCompile(`(/static/\w+)\.[0-9a-f]{16}\.`)

func TestPagesMatchGoldenFiles(t *testing.T) {
	for name, view := range samples {
		t.Run(name, func(t *testing.T) {
			got := hashed.ReplaceAllString(page(t, view), "$1.")
			file := filepath.Join("testdata", "golden", name+".html")
			if *update {
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
		})
	}
}

func TestEveryGoldenFileHasASample(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".html")
		if _, ok := samples[name]; !ok {
			t.Errorf("%s belongs to no sample", file)
		}
	}
}

func TestEveryViewHasASample(t *testing.T) {
	seen := map[string]bool{}
	for _, view := range samples {
		seen[viewType(view).Name()] = true
	}
	for kind := range pages {
		if !seen[kind.Name()] {
			t.Errorf("no sample of a %s", kind.Name())
		}
	}
}

// element is one start tag of a page.
type element struct {
	name  string
	attrs map[string]string
	label bool // inside a <label>
}

var (
	tagPattern  = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)([^>]*)>`)
	attrPattern = regexp.MustCompile(`([a-zA-Z-]+)(?:="([^"]*)")?`)
	void        = []string{"meta", "link", "img", "input", "br", "hr", "path", "circle"}
)

// elements takes a page apart and fails when its tags do not nest. It can be this simple because the templates quote every attribute.
func elements(t *testing.T, html string) []element {
	t.Helper()
	var open []string
	var all []element
	for _, m := range tagPattern.FindAllStringSubmatch(html, -1) {
		name := m[2]
		if m[1] == "/" {
			if len(open) == 0 || open[len(open)-1] != name {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
			continue
		}
		e := element{name: name, attrs: map[string]string{}, label: slices.Contains(open, "label")}
		for _, a := range attrPattern.FindAllStringSubmatch(m[3], -1) {
			if _, twice := e.attrs[a[1]]; twice {
				t.Errorf("%s: attribute twice", m[0])
			}
			e.attrs[a[1]] = a[2]
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

func TestPagesHaveTheirStructure(t *testing.T) {
	eachPage(t, func(t *testing.T, html string) {
		count := map[string]int{}
		ids := map[string]int{}
		all := elements(t, html)
		for _, e := range all {
			count[e.name]++
			if id, ok := e.attrs["id"]; ok {
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
			for _, attr := range []string{"aria-describedby", "aria-labelledby", "for"} {
				for id := range strings.FieldsSeq(e.attrs[attr]) {
					if ids[id] == 0 {
						t.Errorf("<%s %s=%q> refers to nothing", e.name, attr, id)
					}
				}
			}
			labels[e.attrs["for"]] = true
		}
		for _, e := range all {
			if e.name == "input" && e.attrs["type"] != "hidden" && !e.label && !labels[e.attrs["id"]] {
				t.Errorf("input %v has no label", e.attrs)
			}
		}
	})
}

func TestPagesObeyTheContentSecurityPolicy(t *testing.T) {
	eachPage(t, func(t *testing.T, html string) {
		// The page that posts an answer to the application leads there, and has the one script. Its policy names both.
		posts := strings.HasSuffix(t.Name(), "/form_post")
		for _, e := range elements(t, html) {
			if posts && (e.name == "script" && e.attrs["src"] == asset("form_post.js") || e.name == "form") {
				continue
			}
			if slices.Contains([]string{"script", "style", "iframe", "object", "embed", "base"}, e.name) {
				t.Errorf("<%s> in a page", e.name)
			}
			for name, value := range e.attrs {
				if name == "style" || strings.HasPrefix(name, "on") {
					t.Errorf("<%s %s=%q>", e.name, name, value)
				}
				if slices.Contains([]string{"href", "src", "action", "formaction"}, name) &&
					(strings.HasPrefix(value, "//") || !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#")) {
					t.Errorf("<%s %s=%q> leaves the server", e.name, name, value)
				}
			}
		}
	})
}

func TestHostileNamesStayText(t *testing.T) {
	for _, name := range []string{"consent_hostile", "refusal_hostile", "error_developer", "account_applications_hostile", "team_applications_hostile", "audit_hostile", "logout_hostile"} {
		html := page(t, samples[name])
		if strings.Contains(html, "<script") || strings.Contains(html, "<img src=x") {
			t.Errorf("%s: markup of a stranger is markup", name)
		}
		if i := strings.IndexAny(html, "\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069\u200B"); i >= 0 {
			t.Errorf("%s: a character that turns text around or hides: %q", name, html[max(0, i-40):i+10])
		}
	}
}

func TestTitlesSayErrorFirst(t *testing.T) {
	title := regexp.MustCompile(`<title>(.*)</title>`)
	for name, want := range map[string]string{
		"login":           "Sign in · Gatehouse",
		"login_error":     "Error: Sign in · Gatehouse",
		"consent_one":     "Authorize Weekly Report · Gatehouse",
		"consent_error":   "Error: Authorize Weekly Report · Gatehouse",
		"error":           "Error: Not found · Gatehouse",
		"consent_hostile": "Authorize Bank moc.elgoog (official) · Gatehouse",
	} {
		if got := title.FindStringSubmatch(page(t, samples[name]))[1]; got != want {
			t.Errorf("%s: title %q, want %q", name, got, want)
		}
	}
}

// A link with a fragment puts the focus on the element of that id, through every redirect. If that were a control of the consent form, a
// person who is made to hold Enter would agree without having read a word.
func TestConsentHasNoControlThatALinkCanFocus(t *testing.T) {
	for name, view := range samples {
		if _, ok := view.(consentView); !ok {
			continue
		}
		for _, e := range elements(t, page(t, view)) {
			_, id := e.attrs["id"]
			_, auto := e.attrs["autofocus"]
			if (id || auto) && slices.Contains([]string{"input", "button", "a", "select", "textarea", "summary", "label"}, e.name) {
				t.Errorf("%s: <%s %v>", name, e.name, e.attrs)
			}
		}
	}
}

func TestConsentDecision(t *testing.T) {
	for name, view := range samples {
		v, ok := view.(consentView)
		if !ok {
			continue
		}
		var got []string
		for _, e := range elements(t, page(t, view)) {
			if e.name != "button" {
				continue
			}
			got = append(got, e.attrs["value"])
			if e.attrs["class"] != "choice" || e.attrs["name"] != "decision" {
				t.Errorf("%s: button %v", name, e.attrs)
			}
			if _, can := e.attrs["formnovalidate"]; can != (e.attrs["value"] == "cancel") {
				t.Errorf("%s: only Cancel works without a team: %v", name, e.attrs)
			}
		}
		want := []string{"authorize", "cancel"}
		if !v.Open() {
			want = []string{"cancel"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: decisions %q, want %q", name, got, want)
		}
	}
}

func TestConsentTeams(t *testing.T) {
	type input struct {
		kind, team        string
		checked, disabled bool
	}
	for name, want := range map[string][]input{
		"consent_one":     {{kind: "hidden", team: "t1"}},
		"consent_fixed":   {{kind: "hidden", team: "t1"}},
		"consent_blocked": nil,
		"consent_teams":   {{kind: "radio", team: "t1"}, {kind: "radio", team: "t2"}, {kind: "radio", team: "t3", disabled: true}, {kind: "radio", team: "t4"}},
		"consent_error":   {{kind: "radio", team: "t1"}, {kind: "radio", team: "t2", checked: true}},
	} {
		var got []input
		for _, e := range elements(t, page(t, samples[name])) {
			if e.attrs["name"] == "team" {
				_, checked := e.attrs["checked"]
				_, disabled := e.attrs["disabled"]
				got = append(got, input{e.attrs["type"], e.attrs["value"], checked, disabled})
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: teams %v, want %v", name, got, want)
		}
	}
}

func TestConsentSaysWhenTheBrowserStaysOnTheDevice(t *testing.T) {
	for destination, want := range map[string]bool{
		"https://report.example":     false,
		"http://127.0.0.1:8001":      true,
		"http://[::1]:8001":          true,
		"http://localhost":           true,
		"com.example.report:":        true,
		"https://127.0.0.1.example":  false,
		"https://localhost.example/": false,
		"":                           false,
	} {
		if got := (consentView{Destination: destination}).OnDevice(); got != want {
			t.Errorf("OnDevice of %q = %t", destination, got)
		}
	}
}

func TestRenderRefusesWhatHasNoTemplate(t *testing.T) {
	for _, view := range []any{nil, 1, Chrome{}} {
		if err := render(&strings.Builder{}, view); err == nil {
			t.Errorf("rendered a %T", view)
		}
	}
	if err := render(&strings.Builder{}, &signedOutView{}); err != nil {
		t.Errorf("a pointer to a view: %v", err)
	}
}
