package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	status := m.Run()
	os.RemoveAll(binaryDir)
	os.RemoveAll(strangersDir)
	os.Exit(status)
}

// binaryDir is where the binary was built, empty until a test asked for it.
var binaryDir string

// watch tells go test to run the tests again when a file below dir has changed. It knows only of files that the test itself looks at, not of
// those that the programs which it starts read.
func watch(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "node_modules" {
			return fs.SkipDir // package-lock.json stands for it
		}
		return err
	})
}

// buildBinary builds gatehouse as make does, once.
var buildBinary = sync.OnceValue(func() error {
	// The packages of internal/ are the tests' own, these two are not.
	err := errors.Join(watch("../cmd"), watch("../examples"))
	if err != nil {
		return err
	}
	if binaryDir, err = os.MkdirTemp("", "gatehouse-e2e-"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binaryDir, "../cmd/gatehouse")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	// go test does not know what is only built, and would repeat an old result. Looking at the sources makes it know.
	sources, err := filepath.Glob("../cmd/gatehouse/*.go")
	for _, source := range sources {
		_, err = os.Stat(source)
	}
	if err != nil {
		return err
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build gatehouse: %w\n%s", err, text)
	}
	return nil
})

// binary is the path of the gatehouse binary.
func binary(t testing.TB) string {
	t.Helper()
	if err := buildBinary(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(binaryDir, "gatehouse")
}

// shell runs what a document says.
type shell struct {
	t    *testing.T
	dir  string
	vars []string // NAME=value
}

// newShell is a shell in an empty directory that knows the gatehouse command, and nothing else of ours.
func newShell(t *testing.T, vars ...string) shell {
	t.Helper()
	path := filepath.Dir(binary(t)) + string(os.PathListSeparator) + os.Getenv("PATH")
	return shell{t, t.TempDir(), append([]string{"PATH=" + path, "NO_PROXY=127.0.0.1,localhost"}, vars...)}
}

// command is a program in the shell's directory, with the shell's variables and more. It ends with the test, and what it started with it.
func (s shell) command(ctx context.Context, argv []string, vars ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = s.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GATEHOUSE_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, s.vars...), vars...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// run runs a program and returns what it printed.
func (s shell) run(argv []string, vars ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	output, err := s.command(ctx, argv, vars...).Output()
	if err != nil {
		var text []byte
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			text = failed.Stderr
		}
		s.t.Fatalf("%s\n%v\n%s%s\nIf a program is missing, run scripts/setup.", strings.Join(argv, " "), err, output, text)
	}
	return string(output)
}

// bash runs a script, which fails with its first command that does and with a variable that is not set.
func (s shell) bash(script string, vars ...string) string {
	s.t.Helper()
	return s.run([]string{"bash", "-euc", script}, vars...)
}
