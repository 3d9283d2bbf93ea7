// Command load drives a server that speaks the endpoints of Gatehouse, and says how fast it answers.
//
//	go run ./internal/bench/load --target https://id.example.com --setup setup.json --connections 16 --duration 10s --operations flow,refresh
//
// The file has the clients and the accounts to use, as internal/bench/drive.Target says; "internal/bench/report --keep" writes one.
package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	address := flag.String("target", "", "the `URL` of the server (default: that of the file)")
	setup := flag.String("setup", "", "the `FILE` with clients and accounts, in JSON")
	connections := flag.String("connections", "16", "how many virtual users, each with a connection; a `LIST`")
	duration := flag.Duration("duration", 5*time.Second, "how long each operation is repeated")
	names := flag.String("operations", strings.Join(drive.Operations, ","), "what to do; a `LIST`")
	fresh := flag.Bool("fresh-tls", false, "open a new connection for every request")
	roots := flag.String("ca", "", "a `FILE` with the certificates to trust, in PEM")
	flag.Parse()
	target, err := readTarget(*setup, *address)
	if err != nil {
		return err
	}
	how := drive.Connection{Fresh: *fresh}
	if *roots != "" {
		if how.Roots, err = readRoots(*roots); err != nil {
			return err
		}
	}
	fmt.Println("| operation | connections | per second | p50 ms | p95 ms | p99 ms | errors |\n|---|--:|--:|--:|--:|--:|--:|")
	for size := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return fmt.Errorf("--connections: %q is no number of connections", size)
		}
		if err := measure(ctx, target, n, how, strings.Split(*names, ","), *duration); err != nil {
			return err
		}
	}
	return nil
}

// measure prints a line for each operation, by one crowd.
func measure(ctx context.Context, target drive.Target, size int, how drive.Connection, operations []string, duration time.Duration) error {
	crowd, err := drive.Gather(ctx, target, size, how)
	if err != nil {
		return err
	}
	defer crowd.Leave()
	for _, operation := range operations {
		result, err := crowd.Run(ctx, operation, duration)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | %d | %.0f |", operation, size, result.Rate())
		for _, d := range result.Quantiles(.5, .95, .99) {
			fmt.Printf(" %.1f |", d.Seconds()*1000)
		}
		fmt.Printf(" %d |\n", result.Errors)
		if result.First != nil {
			fmt.Fprintln(os.Stderr, "load:", result.First)
		}
	}
	return nil
}

func readTarget(file, address string) (target drive.Target, err error) {
	if file == "" {
		return target, errors.New("--setup is missing")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return target, err
	}
	if err := json.Unmarshal(text, &target); err != nil {
		return target, fmt.Errorf("%s: %w", file, err)
	}
	if address != "" {
		target.URL = strings.TrimSuffix(address, "/")
	}
	if target.API == "" {
		target.API = target.URL
	}
	return target, nil
}

func readRoots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate", file)
	}
	return pool, nil
}
