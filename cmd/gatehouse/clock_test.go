package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a command changes on a machine whose clock is wrong would have a wrong time. What only reads works.
func TestCommandsThatChangeSomethingNeedTheRightTime(t *testing.T) {
	environ := []string{"GATEHOUSE_DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "gatehouse.db")}
	command := func(now func() time.Time, args ...string) (status int, said string) {
		var out bytes.Buffer
		e := &env{stdin: strings.NewReader(""), stdout: &out, stderr: &out, environ: environ, now: now}
		root := newRootCommand(e)
		root.SetArgs(args)
		cmd, err := root.ExecuteContextC(t.Context())
		return e.report(cmd, err), out.String()
	}
	ahead := func() time.Time { return time.Now().Add(2 * time.Hour) }
	if status, said := command(time.Now, "init"); status != exitOK {
		t.Fatal(said)
	}
	status, said := command(ahead, "team", "add", "acme", "--name", "Acme")
	if status != exitFailure || !strings.Contains(said, "the clock of this server is 2h0m0s ahead of the database's") {
		t.Errorf("adding a team: exit status %d, %s", status, said)
	}
	if status, said := command(ahead, "team", "list"); status != exitOK || strings.Contains(said, "acme") {
		t.Errorf("listing teams: exit status %d, %s", status, said)
	}
	if status, said := command(time.Now, "team", "add", "acme", "--name", "Acme"); status != exitOK {
		t.Errorf("adding a team with the right clock: exit status %d, %s", status, said)
	}
}
