package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/config"
)

// timeouts bound what a slow client can hold.
type timeouts struct {
	header, read, write, idle time.Duration
	headerBytes               int
}

var serverTimeouts = timeouts{
	header: 10 * time.Second,
	read:   30 * time.Second,
	// Longer than read, because an answer may wait for a password hash or for a busy database.
	write: 90 * time.Second,
	idle:  2 * time.Minute,
	// net/http accepts 4096 bytes more than this.
	headerBytes: 32<<10 - 4096,
}

// Serve answers on the public and the operations listener until ctx ends. Then it finishes the requests that have begun, for at
// most ShutdownTimeout.
// ready is called once both listeners are open, with their addresses (opsAddr is empty when it is off).
// The error is nil after an orderly end.
func (a *App) Serve(ctx context.Context, ready func(publicAddr, opsAddr string)) error {
	certificate, err := a.certificate()
	if err != nil {
		return err
	}
	public, err := a.listen(ctx, "listen", a.Config.Listen)
	if err != nil {
		return err
	}
	ops, err := a.listenOps(ctx)
	if err != nil {
		return errors.Join(err, public.Close())
	}
	server := a.server(a.Handler())
	if certificate != nil {
		server.TLSConfig = certificate.config()
	}
	opsServer := a.server(a.OpsHandler())
	opsServer.ReadTimeout, opsServer.WriteTimeout = 0, 0 // a profile may take longer

	defer runtime.KeepAlive(reserveHeap(os.Getenv))
	// Background tasks and listeners end with this context. It also ends when a listener fails.
	running, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	wg.Go(func() { stop(serve(server, public)) })
	if ops != nil {
		wg.Go(func() { stop(serve(opsServer, ops)) })
	}
	a.background(running, &wg, certificate)
	if a.Config.InsecureHTTPPublicURL {
		a.Log.Warn("insecure_http_public_url is on: everyone on the network's way can read passwords, codes and tokens")
	}
	if open := config.OpenToAll(a.Config.SecretFiles); len(open) > 0 {
		a.Log.Warn("every user of this machine can read these files, which hold a secret: run chmod o= on each, with the server's user as owner or in the group", "files", open)
	}
	a.warnKeptOut(ctx)
	a.clockAgrees(ctx)
	a.warnAboutClients(ctx)
	a.Log.Info("serving", "public_url", a.Config.PublicURL, "listen", public.Addr().String(), "ops_listen", address(ops))
	if ready != nil {
		ready(public.Addr().String(), address(ops))
	}

	<-running.Done()
	failure := context.Cause(running)
	if ctx.Err() != nil {
		failure = nil
	}
	return errors.Join(failure, a.shutdown(server, opsServer, &wg))
}

// shutdownLeast is how long shutdown waits for background tasks at least: they end at once, unless the database is silent.
const shutdownLeast = 250 * time.Millisecond

// shutdown makes /readyz say no, then closes the public listener and waits for requests, and then closes the operations
// listener and waits for background tasks.
func (a *App) shutdown(public, ops *http.Server, tasks *sync.WaitGroup) error {
	a.stopping.Store(true)
	a.Log.Info("shutting down")
	a.sleep(a.Config.ShutdownDelay)
	// Not the context of Serve: that has ended, and the requests that have begun must be finished.
	ctx, cancel := context.WithTimeout(context.Background(), a.Config.ShutdownTimeout)
	defer cancel()
	err := public.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests were cut off after shutdown_timeout (%s): %w", a.Config.ShutdownTimeout, err), public.Close())
	}
	ops.Close()
	if !finishes(ctx, tasks) {
		err = errors.Join(err, fmt.Errorf("background tasks were cut off after shutdown_timeout (%s)", a.Config.ShutdownTimeout))
	}
	a.Log.Info("stopped")
	return err
}

// finishes reports whether all tasks finish before ctx ends.
func finishes(ctx context.Context, tasks *sync.WaitGroup) bool {
	deadline, _ := ctx.Deadline()
	finished := make(chan struct{})
	go func() {
		tasks.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return true
	case <-time.After(max(shutdownLeast, time.Until(deadline))):
		return false
	}
}

func (a *App) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: a.timeouts.header,
		ReadTimeout:       a.timeouts.read,
		WriteTimeout:      a.timeouts.write,
		IdleTimeout:       a.timeouts.idle,
		MaxHeaderBytes:    a.timeouts.headerBytes,
		ErrorLog:          slog.NewLogLogger(a.Log.Handler(), slog.LevelWarn),
	}
}

// serve is nil when the server was shut down.
func serve(s *http.Server, l net.Listener) error {
	var err error
	if s.TLSConfig != nil {
		err = s.ServeTLS(l, "", "")
	} else {
		err = s.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve on %s: %w", l.Addr(), err)
}

func (a *App) certificate() (*certificate, error) {
	if a.Config.TLSCertFile == "" {
		return nil, nil
	}
	return loadCertificate(a.Config.TLSCertFile, a.Config.TLSKeyFile)
}

func (a *App) listenOps(ctx context.Context) (net.Listener, error) {
	if a.Config.OpsListen == config.Off {
		return nil, nil
	}
	return a.listen(ctx, "ops_listen", a.Config.OpsListen)
}

func (a *App) listen(ctx context.Context, setting, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another program is listening on %s already; end it, or change %s", address, setting)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return l, nil
}

func address(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}
