package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/configuration.md again")

const docsFile = "../../docs/configuration.md"

func TestConfigurationDocumentIsCurrent(t *testing.T) {
	want := configurationDocument()
	if *update {
		if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not what the code says; run go test ./internal/config -update\n%s", diff)
	}
}

// Every default in the document must be accepted as it is written there.
func TestDocumentedDefaultsAreAccepted(t *testing.T) {
	for _, s := range settings {
		shown := s.show(Default())
		if shown == "" || s.name == "scopes" {
			continue
		}
		c, err := Load("", []string{s.variable() + "=" + shown})
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if diff := cmp.Diff(Default(), c, compareConfigs); diff != "" {
			t.Errorf("%s: %s is not the default:\n%s", s.name, shown, diff)
		}
	}
}

func TestDocumentedExamplesAreAccepted(t *testing.T) {
	for _, file := range []string{docsFile, "../../docs/operations.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
		if len(examples) == 0 {
			t.Errorf("%s has no example", file)
		}
		for _, example := range examples {
			path := filepath.Join(t.TempDir(), "gatehouse.yaml")
			if err := os.WriteFile(path, example[1], 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(path, nil); err != nil {
				t.Errorf("%s: %v\n%s", file, err, example[1])
			}
		}
	}
}

func configurationDocument() string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Made from internal/config/settings.go by: go test ./internal/config -update -->

Gatehouse runs without any configuration: an SQLite database in the working directory, on http://localhost:8000.
What differs goes into one YAML file, given with ` + "`--config FILE`" + `, into environment variables, or both.

- Every field is also a variable: ` + "`listen`" + ` is ` + "`GATEHOUSE_LISTEN`" + `, ` + "`limits.client_failures`" + ` is ` + "`GATEHOUSE_LIMITS_CLIENT_FAILURES`" + `. A variable wins over the file; an empty one counts as not set.
- Every field and every variable has a twin that names a file with the value in it: ` + "`master_key_file: /run/secrets/key`" + `, ` + "`GATEHOUSE_DATABASE_URL_FILE`" + `. White space around the content is dropped.
- A dot means that the field is inside a group: ` + "`limits.client_failures: 20`" + ` is written as ` + "`limits: {client_failures: 20}`" + `.
- Relative paths start at the working directory.
- Unknown fields, unknown ` + "`GATEHOUSE_…`" + ` variables and bad values are errors that name the line or the variable, and nothing starts. (Variables that Kubernetes sets for a Service called gatehouse are left alone.)
- Durations have a unit: ` + "`90s`, `15m`, `336h`" + `.

`)
	b.WriteString("```yaml\n# A server behind a reverse proxy on the same machine.\npublic_url: https://auth.example.com\nlisten: localhost:8000\ndatabase_url: sqlite:/var/lib/gatehouse/gatehouse.db\ntrusted_proxies: [127.0.0.1, \"::1\"]\nscopes:\n  - name: chatbot:read\n    description: See the team's chatbots\n    access: read\n  - name: chatbot:interact\n    description: Send messages to the team's chatbots\n    access: write\n```\n\n")
	b.WriteString("## Fields\n\n")
	for _, s := range settings {
		fmt.Fprintf(&b, "### `%s`\n\n%s\n\n", s.name, s.doc)
		fmt.Fprintf(&b, "%s · `%s`", s.form, s.variable())
		if shown := s.show(Default()); shown != "" {
			fmt.Fprintf(&b, " · default `%s`", shown)
		}
		b.WriteString("\n\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
