package mail

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/words"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

const publicURL = "https://auth.example.com"

// TestMailsLookAsTheyDid compares every mail, in both forms, with its golden file.
func TestMailsLookAsTheyDid(t *testing.T) {
	for _, language := range words.Languages {
		for _, kind := range Kinds() {
			m, err := Sample(language, kind, "Gatehouse", publicURL)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Join("testdata", "golden", strings.TrimPrefix(string(kind), "mail.")+"."+language.Code())
			golden(t, name+".txt", m.String())
			golden(t, name+".html", m.HTML)
		}
	}
}

// TestSamplesShowTheirOwnLinks: the sample of each mail with a link leads to the page of that kind of links.
func TestSamplesShowTheirOwnLinks(t *testing.T) {
	found := 0
	for _, kind := range Kinds() {
		m, err := Sample(words.English, kind, "Gatehouse", publicURL)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(m.Text, "?link=") {
			continue
		}
		found++
		if path := linkOf[kind].Path(); path == "" || !strings.Contains(m.Text, publicURL+path+"?link=") {
			t.Errorf("%s does not lead to %q:\n%s", kind, path, m.Text)
		}
	}
	if found != len(linkOf) {
		t.Errorf("%d samples have a link, want %d", found, len(linkOf))
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
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
		t.Errorf("%s (-golden +got; go test ./internal/mail -update rewrites it):\n%s", file, diff)
	}
}

var (
	addresses = regexp.MustCompile(`(?:href|src|url|background)\s*=?\s*["(]([^")]*)`)
	tags      = regexp.MustCompile(`<[^>]*>`)
	spaces    = regexp.MustCompile(`\s+`)
)

// TestMailsLoadNothingAndSayTheSame: a mail that loads something tells when and where it is read. Both forms say the same, and lead to our pages only.
func TestMailsLoadNothingAndSayTheSame(t *testing.T) {
	for _, kind := range Kinds() {
		m, err := Sample(words.English, kind, "Gatehouse", publicURL)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"<img", "<script", "<link", "@import", "src=", "url("} {
			if strings.Contains(m.HTML, bad) {
				t.Errorf("%s has %s", kind, bad)
			}
		}
		for _, link := range addresses.FindAllStringSubmatch(m.HTML, -1) {
			if kind == outbox.MailApproved && strings.HasPrefix(link[1], "https://report.example/start?iss=") {
				continue // the application's own, as registered
			}
			if link[1] != publicURL && !strings.HasPrefix(link[1], publicURL+"/") {
				t.Errorf("%s leads to %s", kind, link[1])
			}
			if !strings.Contains(m.Text, link[1]) {
				t.Errorf("the text of %s does not have the link %s", kind, link[1])
			}
		}
		shown := spaces.ReplaceAllString(tags.ReplaceAllString(m.HTML, " "), " ")
		for line := range strings.Lines(m.Text) {
			line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- "))
			if !strings.Contains(shown, strings.ReplaceAll(line, "'", "&#39;")) {
				t.Errorf("the HTML of %s does not say %q", kind, line)
			}
		}
		for _, want := range []string{`name="viewport"`, `name="color-scheme"`, "prefers-color-scheme: dark", "max-width:560px"} {
			if !strings.Contains(m.HTML, want) {
				t.Errorf("%s has no %s", kind, want)
			}
		}
	}
}

// TestMailsShowNamesAsText: a name that a stranger chose stays text.
func TestMailsShowNamesAsText(t *testing.T) {
	const hostile = `</p><a href="https://evil.example">x</a>`
	for _, kind := range Kinds() {
		m, err := write(words.English, kind, content{
			Person: hostile, Application: hostile, Described: hostile, Team: hostile, Ended: []string{hostile}, Permissions: []string{hostile}, Server: "S", PublicURL: publicURL,
			Link: publicURL, Password: publicURL, Applications: publicURL,
		})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(m.HTML, "<a href=\"https://evil") {
			t.Errorf("%s has a link of a stranger:\n%s", kind, m.HTML)
		}
	}
}

// TestMailHasBothForms: a program that shows no HTML finds the text first (RFC 2046 §5.1.4).
func TestMailHasBothForms(t *testing.T) {
	m, err := Sample(words.English, outbox.MailPasswordReset, "Gatehouse", publicURL)
	if err != nil {
		t.Fatal(err)
	}
	_, header, message := conversation(t, newMailServer(t, nil), m)
	if kind := header.Get("Content-Type"); !strings.HasPrefix(kind, "multipart/alternative") {
		t.Errorf("Content-Type %q", kind)
	}
	plain, page := strings.Index(message, "Content-Type: text/plain"), strings.Index(message, "Content-Type: text/html")
	if plain < 0 || page < plain {
		t.Errorf("text/plain at %d, text/html at %d in\n%s", plain, page, message)
	}
}
