// Package internal_test holds the house together: which package may import which, as a test.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/gatehouse-auth/gatehouse/"

// domain is the packages that hold the rules. The store, the pages and the command line may import all of them.
var domain = []string{
	"internal/oauth",
	"internal/audit",
	"internal/flight",
	"internal/outbox",
	"internal/limit",
	"internal/usage",
	"internal/token",
	"internal/scope",
	"internal/team",
	"internal/authn",
	"internal/client",
	"internal/provider",
	"internal/govern",
	"internal/authz",
	"internal/operate",
}

// with is the domain and some packages besides.
func with(others ...string) []string { return slices.Concat(domain, others) }

// room is what a room of web may import. It never imports another room.
var room = with("internal/words", "internal/picture", "internal/web/route", "internal/web/browser", "internal/web/ui", "internal/web/access")

// arrows says which packages of ours a package may import. One that is not named here is ruled by its nearest parent folder that is;
// one without any may import nothing of ours. Tests may import what they need.
var arrows = map[string][]string{
	// Leaves.
	"internal/oauth":     {},
	"internal/audit":     {},
	"internal/flight":    {},
	"internal/limit":     {},
	"internal/usage":     {},
	"internal/outbox":    {"internal/audit"},
	"internal/token":     {"internal/oauth"},
	"internal/plaintext": {},
	"internal/words":     {},
	"internal/picture":   {},
	"internal/outbound":  {},
	"internal/api/types": {},
	"internal/scope":     {"internal/oauth", "internal/words"},
	"internal/team":      {"internal/oauth", "internal/token", "internal/audit", "internal/picture", "internal/words"},
	"internal/authn":     {"internal/team", "internal/token", "internal/oauth", "internal/audit", "internal/limit", "internal/words"},
	"internal/client":    {"internal/team", "internal/token", "internal/oauth", "internal/scope", "internal/audit", "internal/limit", "internal/usage", "internal/outbound"},
	"internal/provider":  {"internal/picture", "internal/authn", "internal/client", "internal/team", "internal/token", "internal/oauth", "internal/outbound"},
	"internal/govern":    {"internal/client", "internal/team", "internal/scope", "internal/oauth", "internal/audit"},
	"internal/authz": {
		"internal/govern", "internal/client", "internal/authn", "internal/team", "internal/token", "internal/oauth", "internal/scope", "internal/audit", "internal/outbox", "internal/limit",
		"internal/flight", "internal/words",
	},
	"internal/operate": domain,
	"internal/store":   with("internal/store/engine"),
	"internal/web": with("internal/words", "internal/web/route", "internal/web/ui", "internal/web/browser", "internal/web/endpoint", "internal/web/flow", "internal/web/account", "internal/web/links",
		"internal/web/teams", "internal/web/docs"),
	"internal/web/route":    {"internal/oauth", "internal/usage"},
	"internal/web/ui":       {"internal/words"},
	"internal/web/browser":  {"internal/authn", "internal/provider", "internal/team", "internal/token", "internal/audit", "internal/limit", "internal/words", "internal/web/route", "internal/web/ui"},
	"internal/web/access":   with("internal/words", "internal/web/browser", "internal/web/ui"),
	"internal/web/endpoint": with("internal/web/route", "resourceserver"),
	"internal/web/flow":     room,
	"internal/web/account":  room,
	"internal/web/links":    room,
	"internal/web/teams":    room,
	"internal/web/docs":     slices.Concat(room, []string{"docs"}),
	"internal/mail":         with("internal/words"),
	"internal/mail/inbox":   with("internal/mail", "internal/words", "internal/web/ui"), // only the demo imports it
	"internal/events":       with("internal/outbound"),
	"internal/config":       with("internal/words", "internal/mail", "internal/picture", "internal/outbound", "internal/plaintext"),
	"internal/app":          with("internal/words", "internal/web", "internal/store", "internal/config", "internal/mail", "internal/events", "internal/outbound"),
	"cmd/gatehouse":         with("internal/app", "internal/config", "internal/api/types", "internal/plaintext"),

	// What the store is built on.
	"internal/store/engine": {},

	// What tests are made of: only tests import it, and each other.
	"internal/store/pgtest":    {"internal/store"},
	"internal/store/storetest": with("internal/picture", "internal/store", "internal/store/pgtest"),
	"e2e":                      with("internal/app", "internal/config", "internal/store/pgtest", "examples", "resourceserver"),

	"internal/testkit":               {},
	"internal/provider/providertest": {},
	"internal/web/ui/uitest":         {"internal/web/ui", "internal/words"},
	"internal/web/webtest":           with("internal/mail", "internal/provider/providertest", "internal/web", "internal/web/browser", "internal/store", "internal/store/storetest", "internal/testkit"),

	// A module of its own, so that ours does not depend on what they need.
	"e2e/strangers": {"e2e/strangers"},

	// What measures: programs of their own, which meet the server as strangers do.
	"internal/bench": {"internal/bench"},

	// What others import or copy: they see what a stranger sees.
	"resourceserver": {},
	"examples":       {"examples", "resourceserver"},
	"docs":           {},
}

// demo is what cmd/gatehouse/demo*.go may import besides: the demo plays the operator of an API, and a third party, and
// prints mails instead of sending them.
var demo = []string{"examples", "resourceserver", "internal/mail", "internal/mail/inbox"}

// kept says who alone may import a package of others. What ends in / stands for all below it.
var kept = map[string][]string{
	"modernc.org/sqlite":          {"internal/store/engine", "internal/bench"},
	"github.com/jackc/pgx/":       {"internal/store/engine", "internal/store/pgtest"},
	"github.com/pressly/goose/":   {"internal/store/engine"},
	"github.com/getkin/":          {"examples/chatapi"},
	"github.com/spf13/cobra":      {"cmd/gatehouse"},
	"github.com/chromedp/":        {"e2e"},
	"go.yaml.in/yaml/":            {"internal/config"},
	"github.com/wneessen/go-mail": {"internal/mail"},
	"github.com/go-webauthn/":     {"internal/authn", "internal/web/webtest"}, // a device in tests
	"rsc.io/qr":                   {"internal/web/ui"},
	"code.dny.dev/ssrf":           {"internal/outbound"},
	"github.com/coreos/go-oidc/":  {"internal/provider", "e2e"},
	"golang.org/x/oauth2":         {"internal/provider", "e2e", "e2e/strangers", "examples"},
	"github.com/go-jose/go-jose/": {"internal/token", "internal/client", "internal/provider", "internal/authz", "internal/web/webtest", "resourceserver"}, // the keys of clients, and of providers
}

// strangers says what a package must not import from outside, because it is not its business. What ends in / stands for all below it.
var strangers = map[string][]string{
	"internal/oauth":  {"io", "io/fs", "os", "net", "net/http", "net/http/", "context", "database/sql", "crypto/rand", "math/rand", "math/rand/", "html/template"},
	"internal/token":  {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/words":  {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/audit":  {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/limit":  {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/outbox": {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/mail":   {"net/http", "net/http/", "database/sql", "os"}, // a mail is HTML too
	"internal/team":   {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/authn":  {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/scope":  {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/client": {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/govern": {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/authz":  {"net/http", "net/http/", "database/sql", "html/template", "os"},
	"internal/store":  {"net/http", "net/http/", "html/template"},

	"internal/mail/inbox": {"database/sql", "os"}, // pages of the demo
	"internal/web":        {"database/sql"},
}

func TestImportsFollowTheArrows(t *testing.T) {
	imports, err := readImports(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) < 100 {
		t.Fatalf("only %d imports were found: the test looks in the wrong place", len(imports))
	}
	for _, i := range imports {
		if reason := i.forbidden(); reason != "" {
			t.Errorf("%s imports %s: %s", i.file, i.path, reason)
		}
	}
}

// An import that breaks a rule is found, and its neighbour that does not is let through.
func TestForbiddenImportsAreFound(t *testing.T) {
	for _, tt := range []struct {
		file, path string
		want       string // part of the reason; empty when it is allowed
	}{
		{"internal/authz/code.go", module + "internal/token", ""},
		{"internal/authz/code.go", module + "internal/store", "may not"},
		{"internal/authz/code.go", module + "internal/web", "may not"},
		{"internal/authz/code_test.go", module + "internal/store", ""},
		{"internal/authz/code.go", "net/http", "not its business"},
		{"internal/authz/code.go", "net/url", ""},
		{"internal/oauth/scope.go", module + "internal/team", "may not"},
		{"internal/oauth/scope.go", "os", "not its business"},
		{"internal/words/words.go", module + "internal/audit", "may not"},
		{"internal/words/words.go", "html/template", "not its business"},
		{"internal/oauth/scope.go", "math/rand/v2", "not its business"},
		{"internal/store/clients.go", module + "internal/authz", ""},
		{"internal/store/clients.go", module + "internal/store/storetest", "may not"},
		{"internal/store/clients.go", "modernc.org/sqlite", "alone"},
		{"internal/store/engine/dialect.go", "modernc.org/sqlite", ""},
		{"internal/store/engine/dialect.go", module + "internal/oauth", "may not"},
		{"internal/web/web.go", module + "internal/store", "may not"},
		{"internal/web/web.go", module + "internal/web/flow", ""},
		{"internal/web/web.go", module + "internal/web/ui/uitest", "may not"},
		{"internal/web/web.go", module + "internal/web/webtest", "may not"},
		{"internal/web/flow/authorize_test.go", module + "internal/web/webtest", ""},
		{"internal/web/route/route.go", module + "internal/oauth", ""},
		{"internal/web/route/route.go", module + "internal/audit", "may not"},
		{"internal/web/ui/text.go", module + "internal/words", ""},
		{"internal/web/ui/people.go", module + "internal/team", "may not"},
		{"internal/web/browser/room.go", module + "internal/web/ui", ""},
		{"internal/web/browser/room.go", module + "internal/authz", "may not"},
		{"internal/web/endpoint/token.go", module + "internal/authz", ""},
		{"internal/web/endpoint/token.go", module + "internal/web/ui", "may not"},
		{"internal/web/endpoint/token.go", module + "internal/words", "may not"},
		{"internal/web/flow/consent.go", module + "internal/words", ""},
		{"internal/web/flow/consent.go", module + "internal/web/account", "may not"},
		{"internal/web/account/home.go", module + "internal/web/browser", ""},
		{"internal/web/account/home.go", module + "internal/web/teams", "may not"},
		{"internal/web/account/home.go", module + "internal/store", "may not"},
		{"internal/web/teams/room.go", module + "internal/web", "may not"},
		{"internal/web/teams/room.go", module + "docs", "may not"},
		{"internal/web/docs/docs.go", module + "docs", ""},
		{"internal/web/brandnew/x.go", module + "internal/oauth", "no arrows of its own"},
		{"internal/web/flow/token.go", "github.com/jackc/pgx/v5", "internal/store/engine and internal/store/pgtest alone"},
		{"internal/app/app.go", module + "internal/store", ""},
		{"internal/app/app.go", module + "internal/store/pgtest", "may not"},
		{"cmd/gatehouse/serve.go", module + "internal/store", "may not"},
		{"e2e/flow.go", module + "internal/store/pgtest", ""},
		{"e2e/flow.go", module + "internal/web", "may not"},
		{"cmd/gatehouse/demo.go", module + "examples/chatapi/api", ""},
		{"cmd/gatehouse/demo_apps.go", module + "resourceserver", ""},
		{"cmd/gatehouse/serve.go", module + "examples/chatapi/api", "may not"},
		{"resourceserver/gate.go", module + "internal/oauth", "may not"},
		{"examples/chatapi/main.go", module + "resourceserver", ""},
		{"examples/chatapi/main.go", module + "internal/oauth", "may not"},
		{"internal/bench/report/main.go", module + "internal/bench/drive", ""},
		{"internal/bench/measure.go", module + "internal/store", "may not"},
		{"internal/brandnew/x.go", module + "internal/oauth", "may not"},
		{"internal/brandnew/x_test.go", module + "internal/oauth", ""},
	} {
		source := "package p\n\nimport _ " + strconv.Quote(tt.path) + "\n"
		imports, err := readImports(fstest.MapFS{tt.file: {Data: []byte(source)}})
		if err != nil || len(imports) != 1 {
			t.Fatalf("%s: %v, %v", tt.file, imports, err)
		}
		got := imports[0].forbidden()
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s imports %s: the reason is %q, want %q", tt.file, tt.path, got, tt.want)
		}
	}
}

// imported is one import of one file. Both are as written: the file relative to the module, the path of the package.
type imported struct{ file, path string }

// readImports parses the imports of every Go file below fsys.
func readImports(fsys fs.FS) ([]imported, error) {
	var all []imported
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			base := path.Base(name)
			if name != "." && (strings.HasPrefix(base, ".") || slices.Contains([]string{"testdata", "node_modules", "tools", "demo-data"}, base)) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			all = append(all, imported{name, p})
		}
		return nil
	})
	return all, err
}

// forbidden is why the import is not allowed, or "".
func (i imported) forbidden() string {
	from := path.Dir(i.file)
	isTest := strings.HasSuffix(i.file, "_test.go")
	if _, named := arrows[from]; strings.HasPrefix(from, "internal/web/") && !named {
		return from + " has no arrows of its own"
	}
	if to, ours := strings.CutPrefix(i.path, module); ours {
		allowed := nearest(arrows, from)
		if strings.HasPrefix(i.file, "cmd/gatehouse/demo") {
			allowed = slices.Concat(allowed, demo)
		}
		if isTest || slices.Contains(allowed, to) || slices.ContainsFunc(allowed, func(a string) bool { return isBelow(to, a) && nearestName(arrows, to) == a }) {
			return ""
		}
		if len(allowed) == 0 {
			return from + " may not import any package of ours"
		}
		return from + " may not; of ours it may import " + strings.Join(allowed, ", ")
	}
	for p, keepers := range kept {
		if covers(p, i.path) && !slices.ContainsFunc(keepers, func(k string) bool { return from == k || isBelow(from, k) }) && !isTest {
			return p + " is for " + strings.Join(keepers, " and ") + " alone"
		}
	}
	if slices.ContainsFunc(nearest(strangers, from), func(p string) bool { return covers(p, i.path) }) && !isTest {
		return "that is not its business: see the package's comment"
	}
	return ""
}

// covers reports whether rule, which may end in /, is about the package p.
func covers(rule, p string) bool {
	return rule == p || strings.HasSuffix(rule, "/") && strings.HasPrefix(p, rule)
}

func isBelow(p, folder string) bool { return strings.HasPrefix(p, folder+"/") }

// nearest is the rule of the folder, or of its nearest parent that has one.
func nearest(rules map[string][]string, folder string) []string {
	return rules[nearestName(rules, folder)]
}

func nearestName(rules map[string][]string, folder string) string {
	for ; folder != "."; folder = path.Dir(folder) {
		if _, found := rules[folder]; found {
			return folder
		}
	}
	return ""
}
