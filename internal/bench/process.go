// Package bench compares Gatehouse with the floor (internal/bench/floor), a program that does only what no server of its kind can do without. Both run as
// processes of their own on one machine, take turns under the same load, and what they cost is read from /proc. It runs on Linux only.
package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience bounds every wait for another program. Nothing comes near it.
const patience = time.Minute

// module is where go finds the programs, wherever it is started within the module.
const module = "github.com/gatehouse-auth/gatehouse/"

// build builds the programs as they ship, into dir.
func build(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir+string(filepath.Separator),
		module+"cmd/gatehouse", module+"internal/bench/floor", module+"examples/chatapi")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	return nil
}

// process is a program that runs until stop, or until this process ends.
type process struct {
	cmd   *exec.Cmd
	ended chan error // how it ended, once
}

// start starts a program, whose log goes where it costs no more than to be written.
func start(path string, env []string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), ended: make(chan error, 1)}
	p.cmd.Env, p.cmd.SysProcAttr = env, dieWithParent()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	p.cmd.Stdout, p.cmd.Stderr = null, null
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.cmd.Wait() }()
	return p, nil
}

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// stop asks the program to end, and kills it when it does not.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		return errors.Join(errors.New("the process did not end"), p.cmd.Process.Kill())
	}
}

// await returns when the program answers at address.
func (p *process) await(ctx context.Context, address string, client *http.Client) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		if response, err := client.Do(r); err == nil {
			return response.Body.Close()
		}
		select {
		case err := <-p.ended:
			p.ended <- err
			return fmt.Errorf("%s ended before it answered: %w", p.cmd.Path, err)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", p.cmd.Path, ctx.Err())
		case <-tick.C:
		}
	}
}

// cpu is the processor time that the program has used. The kernel counts it in hundredths of a second (proc_pid_stat(5)).
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(p.proc("stat"))
	if err != nil {
		return 0, err
	}
	// The name of the program is in parentheses and may hold anything. After it, utime and stime are the fields 11 and 12.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s is not as expected: %q", p.proc("stat"), text)
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, err
}

// resident is how many bytes of memory the program occupies.
func (p *process) resident() (int64, error) {
	text, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no VmRSS", p.proc("status"))
}

func (p *process) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), name)
}

// freeAddress is one on loopback where nobody listened a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
