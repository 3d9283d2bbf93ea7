// Command webclient serves the example application. It connects to a team with Gatehouse, and reads its chatbots and sessions.
//
//	go run ./examples/webclient --issuer https://id.example.com --client-id … --client-secret … --listen localhost:8001
//
// Register it first: gatehouse client add "My application" --redirect-uri http://localhost:8001/callback
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-auth/gatehouse/examples/webclient/webapp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "webclient:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var cfg webapp.Config
	flag.StringVar(&cfg.Name, "name", "", "the `NAME` of the application")
	flag.StringVar(&cfg.Issuer, "issuer", "http://localhost:8000", "the `URL` of the authorization server")
	flag.StringVar(&cfg.ClientID, "client-id", os.Getenv("CLIENT_ID"), "the client `ID` (default $CLIENT_ID)")
	flag.StringVar(&cfg.ClientSecret, "client-secret", "", "the client `SECRET`; empty for a public client. Better set $CLIENT_SECRET, because other users can see arguments")
	flag.StringVar(&cfg.RedirectURI, "redirect-uri", "", "the registered redirect `URI` (default http://ADDRESS/callback)")
	flag.StringVar(&cfg.API, "api", "", "the `URL` of the API (default the issuer)")
	listen := flag.String("listen", "localhost:8001", "the `ADDRESS` to listen on")
	flag.Parse()
	if cfg.ClientSecret == "" {
		cfg.ClientSecret = os.Getenv("CLIENT_SECRET")
	}
	address := *listen
	if strings.HasPrefix(address, ":") {
		address = "localhost" + address
	}
	if cfg.RedirectURI == "" {
		cfg.RedirectURI = "http://" + address + "/callback"
	}
	handler, err := webapp.New(cfg)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	done := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(done)
		bounded, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(bounded)
	})
	fmt.Printf("Open http://%s\n", address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-done // until running requests are answered
	return nil
}
