package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/config"
)

// clockFile makes this test binary a server whose clock is wrong. It names a file that says by how much.
const clockFile = "E2E_CLOCK"

// serveWithClock is "gatehouse serve" with a clock that another process steps: the clock of the machine is not ours to set.
func serveWithClock(file string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE)
	load := func() (config.Config, error) { return config.Load("", os.Environ()) }
	cfg, err := load()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	log := app.NewLog(cfg, os.Stderr)
	defer log.Close()
	began, ahead := time.Now(), newStepped(file)
	a, err := app.Open(ctx, cfg, app.Deps{
		Log: log.Logger(), Reread: load, Making: app.MakeInEmpty,
		Now:     func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Elapsed: func() time.Duration { return time.Since(began) },
	})
	if err != nil {
		log.Logger().Error(err.Error())
		return 1
	}
	defer a.Close()
	if err := a.Serve(ctx, nil); err != nil {
		log.Logger().Error(err.Error())
		return 1
	}
	return 0
}

// newStepped is how far the clock is ahead, in nanoseconds. The file is read again and again.
func newStepped(file string) *atomic.Int64 {
	ahead := new(atomic.Int64)
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			text, err := os.ReadFile(file)
			if by, problem := time.ParseDuration(string(text)); err == nil && problem == nil {
				ahead.Store(int64(by))
			}
		}
	}()
	return ahead
}

// steppedClock is the clock of a server that serveWithClock runs.
type steppedClock struct {
	t    *testing.T
	file string
}

func newSteppedClock(t *testing.T) steppedClock {
	c := steppedClock{t, filepath.Join(t.TempDir(), "ahead")}
	c.step(0)
	return c
}

// step sets how far the clock is ahead. The server sees it within a moment.
func (c steppedClock) step(ahead time.Duration) {
	c.t.Helper()
	next := c.file + ".next"
	if err := os.WriteFile(next, []byte(ahead.String()), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(next, c.file); err != nil {
		c.t.Fatal(err)
	}
}
