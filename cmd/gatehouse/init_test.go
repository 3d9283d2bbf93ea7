package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The first start in an empty directory makes the database, and says so. The second start finds it.
func TestFirstStartSaysThatItMakesTheDatabase(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []bool{true, false} {
		ctx, stop := context.WithCancel(t.Context())
		log := &untilServing{stop: stop}
		e := &env{stdout: io.Discard, stderr: log, now: time.Now, environ: []string{
			"GATEHOUSE_DATABASE_URL=sqlite:" + filepath.Join(dir, "gatehouse.db"), "GATEHOUSE_LISTEN=localhost:0", "GATEHOUSE_OPS_LISTEN=off", "GATEHOUSE_LOG_LEVEL=info",
		}}
		root := newRootCommand(e)
		root.SetArgs([]string{"serve"})
		if err := root.ExecuteContext(ctx); err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(log.String(), `"level":"WARN","msg":"made a new database`) && strings.Contains(log.String(), filepath.Join(dir, "gatehouse.db"))
		if said != want {
			t.Errorf("the log says that a database was made: %v, want %v\n%s", said, want, log)
		}
	}
}

// untilServing is a log. When it says that the server serves, the server is stopped.
type untilServing struct {
	bytes.Buffer
	stop func()
}

func (u *untilServing) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`"msg":"serving"`)) {
		u.stop()
	}
	return u.Buffer.Write(line)
}
