package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// If the master key is beside the database, the commands printed by "key reseal" are all that is needed.
func TestResealSaysHowToGoOn(t *testing.T) {
	dir := t.TempDir()
	command := func(args ...string) (string, error) {
		var stdout, stderr bytes.Buffer
		e := &env{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now, environ: []string{"GATEHOUSE_DATABASE_URL=sqlite:" + filepath.Join(dir, "gatehouse.db")}}
		root := newRootCommand(e)
		root.SetArgs(args)
		err := root.ExecuteContext(t.Context())
		return stdout.String(), err
	}
	if _, err := command("init"); err != nil {
		t.Fatal(err)
	}
	before, err := command("key", "list", "--json")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "new.key")
	if err := os.WriteFile(file, []byte(token.NewMasterKey().Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := command("key", "reseal", "--new-master-key-file", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := command("key", "list"); err == nil {
		t.Error("the old master key still opens the keys")
	}
	next := regexp.MustCompile(`(?m)^  (cp .*)$`).FindStringSubmatch(said)
	if next == nil {
		t.Fatalf("no command in\n%s", said)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", next[1]).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", next[1], err, out)
	}
	after, err := command("key", "list", "--json")
	if err != nil || after != before {
		t.Errorf("after that: %v\n%s\nwant\n%s", err, after, before)
	}
	if _, err := os.Stat(filepath.Join(dir, "master.key.old")); err != nil {
		t.Errorf("the old master key is gone: %v", err)
	}
}
