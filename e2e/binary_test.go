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
	if file := os.Getenv(clockFile); file != "" {
		os.Exit(serveWithClock(file))
	}
	status := m.Run()
	os.RemoveAll(binaryDir)
	os.RemoveAll(strangersDir)
	os.Exit(status)
}

// binaryDir is the directory of the built binary. It is empty until a test needs the binary.
var binaryDir string

// watch makes go test run the tests again when a file below dir changes. go test only sees files that the test itself opens, not those
// that the programs started by the test open.
func watch(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "node_modules" {
			return fs.SkipDir // package-lock.json changes with it
		}
		return err
	})
}

// buildBinary builds gatehouse the same way as make, once.
var buildBinary = sync.OnceValue(func() error {
	// This test imports packages of internal/, so go test sees those. It does not import these two.
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
	// go test does not see which sources the build reads, and would use an old cached result. Stat makes it see them.
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

// shell runs the commands of a document.
type shell struct {
	t    *testing.T
	dir  string
	vars []string // NAME=value
}

// newShell returns a shell in an empty directory. Of our programs it finds only the gatehouse command.
func newShell(t *testing.T, vars ...string) shell {
	t.Helper()
	path := filepath.Dir(binary(t)) + string(os.PathListSeparator) + os.Getenv("PATH")
	return shell{t, t.TempDir(), append([]string{"PATH=" + path, "NO_PROXY=127.0.0.1,localhost"}, vars...)}
}

// command prepares a program in the shell's directory, with the shell's variables and vars. When the test ends, the program and its children are killed.
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

// bash runs a script. It stops at the first command that fails and at a variable that is not set.
func (s shell) bash(script string, vars ...string) string {
	s.t.Helper()
	return s.run([]string{"bash", "-euc", script}, vars...)
}
