// Package bench compares Gatehouse with the floor (internal/bench/floor), a program that does only what no server of its kind can do without. Both run as
// processes of their own on one machine, take turns under the same load, and what they cost is read from /proc. It runs on Linux only.
package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
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
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.SysProcAttr = env, dieWithParent()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	cmd.Stdout, cmd.Stderr = null, null
	return startProcess(cmd)
}

func startProcess(cmd *exec.Cmd) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, ended: make(chan error, 1)}
	go func() { p.ended <- p.cmd.Wait() }()
	return p, nil
}

func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// stop asks the program to end, and kills it when it does not.
func (p *process) stop() error { return p.stopBy(syscall.SIGTERM) }

func (p *process) stopBy(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
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

// freeAddress is one on loopback where nobody listened a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
