// Command chatapi serves the example API: chatbots and sessions, protected with the tokens of a Gatehouse server.
//
//	go run ./examples/chatapi --issuer https://id.example.com --listen localhost:8002
package main

import (
	"context"
	"crypto/rand"
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

// options are the flags.
type options struct {
	issuer, listen, publicURL, audience, docsClient string
	bound                                           time.Duration
	requireEndedList, fapi2                         bool
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("chatapi", flag.ExitOnError)
	flags.StringVar(&o.issuer, "issuer", "http://localhost:8000", "the `URL` of the authorization server")
	flags.StringVar(&o.listen, "listen", "localhost:8002", "the `ADDRESS` to listen on")
	flags.StringVar(&o.publicURL, "public-url", "", "the public `URL` of this API, for which clients may request tokens (default http://ADDRESS)")
	flags.StringVar(&o.audience, "audience", "", "the required aud of tokens, if it is not the public URL (default the issuer)")
	flags.DurationVar(&o.bound, "revocation-bound", 5*time.Second, "how long a revoked token may be accepted")
	flags.BoolVar(&o.requireEndedList, "require-ended-list", false, "answer 503 if the authorization server does not publish which tokens were revoked")
	flags.BoolVar(&o.fapi2, "fapi2", false, "accept only tokens and proofs that the FAPI 2.0 Security Profile allows, for an authorization server with profile: fapi2")
	flags.StringVar(&o.docsClient, "docs-client-id", "", "the client id of the public client for the page \"Try it\"")
	err = flags.Parse(args)
	if o.publicURL == "" {
		o.publicURL = "http://" + o.listen
		if strings.HasPrefix(o.listen, ":") {
			o.publicURL = "http://localhost" + o.listen
		}
	}
	o.publicURL = strings.TrimSuffix(o.publicURL, "/")
	return o, err
}

// handler serves the API, its documentation and its metadata.
func (o options) handler(ctx context.Context) (http.Handler, error) {
	// With nonces, the clock of an application that uses DPoP does not matter. Several processes would need the same key.
	nonceKey := make([]byte, 32)
	rand.Read(nonceKey)
	guard, err := resourceserver.New(ctx, o.issuer, resourceserver.Options{
		Audience: o.audience, PublicURL: o.publicURL, RevocationBound: o.bound, RequireEndedList: o.requireEndedList, FAPI2: o.fapi2, NonceKey: nonceKey,
		Name: "Example API", Documentation: o.publicURL + "/api/docs/",
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	chats := api.New(api.Config{Issuer: o.issuer, PublicURL: o.publicURL, DocsClientID: o.docsClient, Guard: guard})
	mux.Handle("/api/", chats)
	mux.Handle("/.well-known/", chats)
	mux.Handle("/{$}", http.RedirectHandler("/api/docs/", http.StatusSeeOther))
	return mux, nil
}

func run(ctx context.Context) error {
	o, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	handler, err := o.handler(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: o.listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	done := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(done)
		bounded, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(bounded)
	})
	fmt.Printf("The API documentation is at %s/api/docs/\n", o.publicURL)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-done // until running requests are answered
	return nil
}
