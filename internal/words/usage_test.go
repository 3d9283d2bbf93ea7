package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
)

// call is one place that asks for a text: Text("key", "name", value, …) in Go, or {{text "key" "name" value …}} in a template.
type call struct {
	place string
	key   string
	names []string // of the arguments
}

// functions are what asks for a text by its key.
var functions = []string{"Text", "text", "say"}

// source is what the program says about texts.
type source struct {
	calls    []call
	literals map[string]bool // every string in the code and the templates
}

// readSource reads the program, tests left out.
func readSource(t *testing.T) source {
	t.Helper()
	s := source{literals: map[string]bool{}}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "testdata":
			return fs.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			return s.readGo(name)
		case strings.HasSuffix(name, ".html"), strings.HasSuffix(name, ".tmpl"):
			return s.readTemplate(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *source) readGo(name string) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			s.literals[goString(n)] = true
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || len(n.Args) == 0 || !slices.Contains(functions, called.Sel.Name) || n.Ellipsis.IsValid() {
				break
			}
			c := call{place: name, key: goString(n.Args[0])}
			for i := 1; i < len(n.Args); i += 2 {
				c.names = append(c.names, goString(n.Args[i]))
			}
			if c.key != "" {
				s.calls = append(s.calls, c)
			}
		}
		return true
	})
	return nil
}

// goString is the value of a string literal, "" for everything else.
func goString(e ast.Expr) string {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	value, _ := strconv.Unquote(literal.Value)
	return value
}

func (s *source) readTemplate(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	tree := parse.New(name)
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(string(content), "", "", trees); err != nil {
		return err
	}
	for _, t := range trees {
		s.readNode(name, t.Root)
	}
	return nil
}

func (s *source) readNode(name string, node parse.Node) {
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				s.readNode(name, child)
			}
		}
	case *parse.IfNode:
		s.readBranch(name, &n.BranchNode)
	case *parse.RangeNode:
		s.readBranch(name, &n.BranchNode)
	case *parse.WithNode:
		s.readBranch(name, &n.BranchNode)
	case *parse.ActionNode:
		s.readNode(name, n.Pipe)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			s.readNode(name, n.Pipe)
		}
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			s.readNode(name, command)
		}
	case *parse.CommandNode:
		s.readCommand(name, n)
	case *parse.StringNode:
		s.literals[n.Text] = true
	}
}

func (s *source) readBranch(name string, n *parse.BranchNode) {
	s.readNode(name, n.Pipe)
	s.readNode(name, n.List)
	s.readNode(name, n.ElseList)
}

func (s *source) readCommand(name string, n *parse.CommandNode) {
	for _, argument := range n.Args {
		s.readNode(name, argument)
	}
	function, ok := n.Args[0].(*parse.IdentifierNode)
	if !ok || len(n.Args) < 2 || !slices.Contains(functions, function.Ident) {
		return
	}
	key, ok := n.Args[1].(*parse.StringNode)
	if !ok {
		return
	}
	c := call{place: name, key: key.Text}
	for i := 2; i < len(n.Args); i += 2 {
		argument, ok := n.Args[i].(*parse.StringNode)
		if !ok {
			argument = &parse.StringNode{}
		}
		c.names = append(c.names, argument.Text)
	}
	s.calls = append(s.calls, c)
}

func TestEveryCallHasItsTextAndArguments(t *testing.T) {
	s := readSource(t)
	if len(s.calls) < 5 {
		t.Fatalf("only %d calls were found: the test looks in the wrong place", len(s.calls))
	}
	for _, c := range s.calls {
		f, ok := English.texts[c.key]
		if !ok {
			t.Errorf("%s: no text has the key %q", c.place, c.key)
			continue
		}
		used := f.names()
		for _, name := range used {
			if !slices.Contains(c.names, name) {
				t.Errorf("%s: %s needs the argument %q", c.place, c.key, name)
			}
		}
		for _, name := range c.names {
			if !slices.Contains(used, name) && (name != "count" || len(f) == 1) {
				t.Errorf("%s: %s has no place for the argument %q", c.place, c.key, name)
			}
		}
	}
}

// names are the arguments and marks of a text, in any of its forms.
func (f forms) names() []string {
	var names []string
	for _, message := range f {
		for _, piece := range message {
			if piece.Kind == Argument || piece.Kind == MarkBegins {
				names = append(names, piece.Text)
			}
		}
	}
	return names
}

// A key may be put together from two strings, such as "problem.other_site" and ".advice", or from one and a value: "month." and a number.
func TestEveryTextIsUsed(t *testing.T) {
	s := readSource(t)
	for key := range English.texts {
		if !s.uses(key) {
			t.Errorf("nothing uses %s", key)
		}
	}
}

func (s source) uses(key string) bool {
	if s.literals[key] {
		return true
	}
	for i := range key {
		if key[i] == '.' && (s.literals[key[:i+1]] || s.literals[key[:i]] && s.literals[key[i:]]) {
			return true
		}
	}
	return false
}
