package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// document is one of our Markdown files.
type document struct {
	t      *testing.T
	name   string
	text   string
	blocks map[string]block // only blocks with an id
}

// block is a fenced code block with an id in its info string. A test runs it.
type block struct{ language, text string }

var (
	fence    = regexp.MustCompile("(?ms)^```(\\S*)([^\n]*)\n(.*?)^```$")
	fenceID  = regexp.MustCompile(`^ id=(\S+)$`)
	codeSpan = regexp.MustCompile("`([^`]+)`")
)

// readDocument reads a file of the repository. The file must have blocks with exactly these ids.
func readDocument(t *testing.T, name string, ids ...string) document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	d := document{t, name, string(text), map[string]block{}}
	for _, m := range fence.FindAllStringSubmatch(d.text, -1) {
		id := fenceID.FindStringSubmatch(m[2])
		switch {
		case id == nil && m[2] != "":
			t.Fatalf("%s: a block says%q, which is no id", name, m[2])
		case id == nil:
			continue
		}
		if _, twice := d.blocks[id[1]]; twice {
			t.Fatalf("%s has two blocks with the id %s", name, id[1])
		}
		d.blocks[id[1]] = block{m[1], m[3]}
	}
	known := map[string]bool{}
	for _, id := range ids {
		known[id] = true
		if _, found := d.blocks[id]; !found {
			t.Fatalf("%s has no block with the id %s", name, id)
		}
	}
	for id := range d.blocks {
		if !known[id] {
			t.Fatalf("%s has a block with the id %s, which no test runs", name, id)
		}
	}
	return d
}

// filled returns the block's text with the real addresses of server and API in place of the examples.
func (d document) filled(id, issuer, api string) string {
	return fillHosts(d.blocks[id].text, issuer, api)
}

func fillHosts(text, issuer, api string) string {
	return strings.NewReplacer("https://auth.example.com", issuer, "https://api.example.com", api).Replace(text)
}

// section returns the text below a heading, up to the next heading.
func (d document) section(heading string) string {
	d.t.Helper()
	_, rest, found := strings.Cut(d.text, "\n## "+heading+"\n")
	if !found {
		d.t.Fatalf("%s has no section %q", d.name, heading)
	}
	section, _, _ := strings.Cut(rest, "\n## ")
	return section
}

// table returns the rows of a section's first table, without the header.
func (d document) table(heading string) [][]string {
	d.t.Helper()
	var rows [][]string
	for line := range strings.SplitSeq(d.section(heading), "\n") {
		if !strings.HasPrefix(line, "|") {
			if rows != nil {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 3 {
		d.t.Fatalf("%s has no table in %q", d.name, heading)
	}
	return rows[2:]
}

// codes returns the words of a cell that are marked as code.
func codes(cell string) []string {
	var words []string
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		words = append(words, m[1])
	}
	return words
}
