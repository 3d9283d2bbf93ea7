package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/mail/inbox"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func newDemoCommand(e *env) *cobra.Command {
	var port int
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Start the server, an API and an application with sample data",
		Long: `Runs the server with an example API on http://localhost:8000, and an example
application on http://localhost:8001. There are two people, two teams and four
registered applications. It prints the addresses to open, the passwords, and the
e-mails that a server would send.

The data is stored in ./demo-data/ and is the same at the next start. Delete the
directory to start again. Only this machine can reach the demo. It reads no
configuration.`,
		Example: `  gatehouse demo
  gatehouse demo --port 9000`,
		Args: takes(),
	}
	cmd.Flags().IntVar(&port, "port", 8000, "the `PORT` of the server; the example application takes the next one")
	cmd.Flags().StringVar(&dir, "data", "demo-data", "store the data in `DIR`")
	cmd.RunE = e.start(func(cmd *cobra.Command, _ []string) error {
		if port < 1 || port > 65534 {
			return usagef("--port is %d; it must be from 1 to 65534", port)
		}
		return e.demo(cmd.Context(), dir, demoAddresses{port})
	})
	return cmd
}

// demoAddresses are the addresses of the demo.
type demoAddresses struct{ port int }

func (at demoAddresses) listen() string { return net.JoinHostPort("localhost", strconv.Itoa(at.port)) }

func (at demoAddresses) appListen() string {
	return net.JoinHostPort("localhost", strconv.Itoa(at.port+1))
}
func (at demoAddresses) url() string    { return "http://" + at.listen() }
func (at demoAddresses) appURL() string { return "http://" + at.appListen() }

// codeURL is a redirect URI that shows the code, to follow the guide by hand.
func (at demoAddresses) codeURL() string { return at.appURL() + "/code/" }

// redirectURIs returns the redirect URIs of one of the demo's clients.
func (at demoAddresses) redirectURIs(client string) []string {
	switch client {
	case demoWebClient:
		return []string{at.appURL() + demoCallbackPath, at.codeURL()}
	case demoDocsClient:
		return []string{at.url() + "/api/docs/oauth2-redirect.html"}
	case demoMachineClient:
		return nil
	}
	return []string{at.codeURL()}
}

func (e *env) demo(ctx context.Context, dir string, at demoAddresses) (err error) {
	listener, err := demoListen(at)
	if err != nil {
		return err
	}
	defer listener.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	out := &lockedWriter{w: e.stderr}
	log := slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg := demoConfig(dir, at)
	mails := &inbox.Inbox{ServerName: cfg.ServerName, PublicURL: cfg.PublicURL, Now: e.now}
	a, err := app.Open(ctx, cfg, app.Deps{Log: log, Now: e.now, Mail: out.mail(mails.Send)})
	if err != nil {
		return err
	}
	a.DevMails = mails
	defer func() { err = errors.Join(err, a.Close()) }()
	secrets, err := seedDemo(asCommandLine(ctx), a, filepath.Join(dir, "demo.json"), at)
	if err != nil {
		return fmt.Errorf("fill %s: %w", dir, err)
	}
	if a.API, err = demoAPI(ctx, e, at, secrets.Clients[demoDocsClient], log); err != nil {
		return err
	}
	web, err := demoWebApp(e, at, secrets.Clients[demoWebClient])
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", web)
	mux.HandleFunc("GET /code/", at.showCode)

	group, ctx := errgroup.WithContext(ctx)
	ready := make(chan struct{})
	a.ShareProcessors()
	group.Go(func() error { return a.Serve(ctx, func(string, string) { close(ready) }) })
	group.Go(func() error { return serveDemoApp(ctx, listener, mux) })
	group.Go(func() error {
		select {
		case <-ready:
			return e.showDemo(dir, at, secrets)
		case <-ctx.Done():
			return nil
		}
	})
	return group.Wait()
}

// serveDemoApp serves the example application until ctx ends.
func serveDemoApp(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the example application: %w", err)
	}
	return nil
}

// demoConfig is the default configuration, reachable from this machine only.
func demoConfig(dir string, at demoAddresses) config.Config {
	cfg := config.Default()
	cfg.PublicURL = at.url()
	cfg.Listen = at.listen()
	cfg.OpsListen = "off"
	cfg.DatabaseURL = "sqlite:" + filepath.Join(dir, "gatehouse.db")
	cfg.APIDocsURL = at.url() + "/api/docs/"
	cfg.ShutdownTimeout = 5 * time.Second
	cfg.SignUp.Mode, cfg.TeamCreation = team.SignUpOpen, string(team.CreationAnyone)
	return cfg
}

// demoListen opens the application's listener. It first checks that the server's port is free too, to report that early.
func demoListen(at demoAddresses) (net.Listener, error) {
	var last net.Listener
	for _, address := range []string{at.listen(), at.appListen()} {
		l, err := net.Listen("tcp", address)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("another program already listens on %s; stop it, or choose other ports with --port", address)
		}
		if err != nil {
			return nil, err
		}
		if address == at.appListen() {
			last = l
			break
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	return last, nil
}
