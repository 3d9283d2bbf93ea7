// Command floor is the least that a server of this kind can do: it parses and checks a request, signs with ES256, and commits one SQLite row per flow
// with synchronous=FULL, many in one commit. There is one application, nobody signs in, nothing is logged or counted, and nothing can be revoked.
// It shows what net/http, the signatures and the disk cost by themselves, so it must never be used for anything else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listen := flag.String("listen", "127.0.0.1:0", "the `ADDRESS` to listen on")
	database := flag.String("database", "floor.db", "the SQLite `FILE`")
	certificate := flag.String("tls-cert", "", "a certificate's `FILE`; with --tls-key it speaks https")
	key := flag.String("tls-key", "", "the certificate's private key, a `FILE`")
	flag.Parse()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	scheme := "http"
	if *certificate != "" {
		scheme = "https"
	}
	rows, err := openRows(ctx, *database)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	s, err := newServer(scheme+"://"+l.Addr().String(), rows)
	if err != nil {
		return errors.Join(err, rows.close(), l.Close())
	}
	server := &http.Server{Handler: s.mux(), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(done)
		bounded, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(bounded)
	})
	if scheme == "https" {
		err = server.ServeTLS(l, *certificate, *key)
	} else {
		err = server.Serve(l)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, rows.close())
	}
	<-done // requests that had begun are answered
	return rows.close()
}
