package words

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"
)

// ownTexts are the texts that a template has of its own: words between tags, and in attributes that people read or hear.
func ownTexts(source string) ([]string, error) {
	tree := parse.New("")
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(source, "", "", trees); err != nil {
		return nil, err
	}
	var own []string
	for _, t := range trees {
		var html strings.Builder
		flatten(&html, t.Root)
		own = append(own, textsOf(html.String())...)
	}
	return own, nil
}

// flatten writes the text of a template, all branches after each other, with a digit in place of each action.
func flatten(b *strings.Builder, node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				flatten(b, child)
			}
		}
	case *parse.TextNode:
		b.Write(n.Text)
	case *parse.IfNode:
		flatten(b, n.List)
		flatten(b, n.ElseList)
	case *parse.RangeNode:
		flatten(b, n.List)
		flatten(b, n.ElseList)
	case *parse.WithNode:
		flatten(b, n.List)
		flatten(b, n.ElseList)
	default:
		b.WriteByte('0')
	}
}

var (
	tagPattern       = regexp.MustCompile(`<(?:[^>"]|"[^"]*")*>`)
	attributePattern = regexp.MustCompile(`\b(aria-label|alt|title|placeholder)="([^"]*)"`)
)

func textsOf(html string) []string {
	hasLetter := func(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }
	var own []string
	for _, text := range tagPattern.Split(html, -1) {
		if hasLetter(text) {
			own = append(own, strings.TrimSpace(text))
		}
	}
	for _, m := range attributePattern.FindAllStringSubmatch(html, -1) {
		if hasLetter(m[2]) {
			own = append(own, m[0])
		}
	}
	return own
}

func TestNoTemplateHasATextOfItsOwn(t *testing.T) {
	count := 0
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && d.Name() == "testdata" {
				return fs.SkipDir
			}
			return err
		}
		if ext := filepath.Ext(name); ext != ".html" && ext != ".tmpl" {
			return nil
		}
		count++
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		own, err := ownTexts(string(source))
		if err != nil {
			return err
		}
		for _, text := range own {
			t.Errorf("%s has a text of its own: %q", name, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 30 {
		t.Errorf("only %d templates were found: the test looks in the wrong place", count)
	}
}

func TestOwnTextsAreFound(t *testing.T) {
	for source, want := range map[string]int{
		`<p class="quiet">{{text "a"}} · <b>{{.B}}</b></p>`:                  0,
		`{{if .A}}<p>Sign in</p>{{else}}<p>{{.B}}</p>{{end}}`:                1,
		`<a href="/login/"{{if .A}} aria-current="page"{{end}}>{{.B}}</a>`:   0,
		`<nav aria-label="Main"></nav><img alt="" src="x">`:                  1,
		`{{define "a"}}{{range .B}}<li>{{.}}</li>{{else}}none{{end}}{{end}}`: 1,
		`<input title="{{text "a"}}" placeholder="Your name">`:               1,
	} {
		own, err := ownTexts(source)
		if err != nil || len(own) != want {
			t.Errorf("%s: %q and %v, want %d texts", source, own, err, want)
		}
	}
}
