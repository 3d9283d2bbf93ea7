// Command chatapi serves the example API: chatbots and sessions, protected with the tokens of a Gatehouse server.
//
//	go run ./examples/chatapi --issuer https://id.example.com --listen localhost:8002
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

	"github.com/gatehouse-auth/gatehouse/examples/chatapi/api"
	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "chatapi:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	issuer := flag.String("issuer", "http://localhost:8000", "the `URL` of the authorization server")
	listen := flag.String("listen", "localhost:8002", "the `ADDRESS` to listen on")
	publicURL := flag.String("public-url", "", "the public `URL` of this API (default http://ADDRESS)")
	audience := flag.String("audience", "", "the required aud of tokens (default the issuer)")
	bound := flag.Duration("revocation-bound", 5*time.Second, "how long a revoked token may be accepted")
	docsClient := flag.String("docs-client-id", "", "the client id of the public client for the page \"Try it\"")
	flag.Parse()
	if *publicURL == "" {
		*publicURL = "http://" + *listen
		if strings.HasPrefix(*listen, ":") {
			*publicURL = "http://localhost" + *listen
		}
	}
	*publicURL = strings.TrimSuffix(*publicURL, "/")
	guard, err := resourceserver.New(ctx, *issuer, resourceserver.Options{
		Audience: *audience, PublicURL: *publicURL, RevocationBound: *bound, Name: "Example API", Documentation: *publicURL + "/api/docs/",
	})
	if err != nil {
		return err
	}
	handler := http.NewServeMux()
	chats := api.New(api.Config{Issuer: *issuer, PublicURL: *publicURL, DocsClientID: *docsClient, Guard: guard})
	handler.Handle("/api/", chats)
	handler.Handle("/.well-known/", chats)
	handler.Handle("/{$}", http.RedirectHandler("/api/docs/", http.StatusSeeOther))
	server := &http.Server{Addr: *listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	done := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(done)
		bounded, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(bounded)
	})
	fmt.Printf("The API documentation is at %s/api/docs/\n", *publicURL)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-done // until running requests are answered
	return nil
}
