package teams

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
)

// kinds is every kind that package audit defines, as its source says.
func kinds(t *testing.T) []audit.Kind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../audit/audit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []audit.Kind
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Kind" {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, audit.Kind(value))
			}
		}
		return true
	})
	if len(all) < 30 {
		t.Fatalf("found %d kinds only", len(all))
	}
	return all
}

func TestEveryKindOfEventHasWords(t *testing.T) {
	all := kinds(t)
	for _, kind := range all {
		words := wordsOf(audit.Event{Kind: kind})
		if words.sentence == string(kind) || words.sentence == "" {
			t.Errorf("no words for %s", kind)
		}
		for rest := words.sentence; strings.Contains(rest, "{"); {
			_, after, _ := strings.Cut(rest, "{")
			name, following, _ := strings.Cut(after, "}")
			if name != "actor" && name != "user" && name != "client" {
				t.Errorf("%s: nothing stands for {%s}", kind, name)
			}
			rest = following
		}
	}
	if len(auditWords) != len(all) {
		t.Errorf("words for %d kinds, and there are %d", len(auditWords), len(all))
	}
	if unknown := wordsOf(audit.Event{Kind: "something.new"}); unknown.sentence != "something.new" {
		t.Errorf("an event of a later version is called %q, want its kind", unknown.sentence)
	}
}

func TestAgo(t *testing.T) {
	for passed, want := range map[time.Duration]string{
		-time.Hour: "just now", 0: "just now", 59 * time.Second: "just now", time.Minute: "1 minute ago", 59 * time.Minute: "59 minutes ago",
		time.Hour: "1 hour ago", 23 * time.Hour: "23 hours ago", day: "1 day ago", 59 * day: "59 days ago", 60 * day: "31 December 2025",
	} {
		if got := before(passed); got.Words != want || !got.Known() {
			t.Errorf("%v ago is %q, want %q", passed, got.Words, want)
		}
	}
	if ago(time.Time{}, noon).Known() {
		t.Error("no time is a time")
	}
	if got := before(0).Exact(); got != "2026-03-01T12:00:00Z" {
		t.Errorf("exactly %q", got)
	}
}
