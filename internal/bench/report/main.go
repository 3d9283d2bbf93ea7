// Command report builds Gatehouse and the floor, lets them take turns under the same load, and prints what each operation costs, as a table in Markdown.
//
//	go run ./internal/bench/report --connections 16,64 --duration 5s --rounds 2
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench"
	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var plan bench.Plan
	connections := flag.String("connections", "16,64", "how many virtual users, each with a connection; a `LIST`")
	operations := flag.String("operations", strings.Join(drive.Operations, ","), "what to measure; a `LIST`")
	flag.DurationVar(&plan.Duration, "duration", 3*time.Second, "of each measurement")
	flag.DurationVar(&plan.WarmUp, "warm-up", 500*time.Millisecond, "before each measurement")
	flag.IntVar(&plan.Rounds, "rounds", 2, "how often the servers take turns")
	flag.BoolVar(&plan.FreshTLS, "fresh-tls", false, "https, and a new connection for every request; leaves out the operation api")
	flag.StringVar(&plan.Dir, "dir", "", "the `FOLDER` for the databases: what disk they are on matters (default: a temporary one)")
	flag.StringVar(&plan.Profiles, "profiles", "", "write a CPU profile of each operation into this `FOLDER`")
	keep := flag.Bool("keep", false, "measure nothing: start both servers for internal/bench/load, until interrupted")
	flag.Parse()
	for size := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return fmt.Errorf("--connections: %q is no number of connections", size)
		}
		plan.Connections = append(plan.Connections, n)
	}
	plan.Operations = strings.Split(*operations, ",")
	if plan.FreshTLS {
		plan.Operations = slices.DeleteFunc(plan.Operations, func(o string) bool { return o == "api" }) // the example API speaks plain http
	}
	if plan.Dir == "" {
		remove, err := plan.TemporaryDir()
		if err != nil {
			return err
		}
		defer remove()
	}
	if *keep {
		return plan.Keep(ctx, os.Stdout)
	}
	return plan.Report(ctx, os.Stdout)
}
