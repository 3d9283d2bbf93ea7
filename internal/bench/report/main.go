// Command report builds Gatehouse and the floor, lets them take turns under the same load, and prints what each operation costs, as a table in Markdown.
//
//	go run ./internal/bench/report --connections 16,64 --duration 5s --rounds 2
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench"
	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

const about = `Report puts Gatehouse and the floor under the same load, in turns, and prints what each operation costs, and the ratio of the two.
With --scale it compares a Gatehouse that has a full database with one that has an empty one.`

func main() { bench.Main("report", about, run) }

func run(ctx context.Context) error {
	var plan bench.Plan
	connections := flag.String("connections", "16,64", "how many virtual users, each with a connection; a `LIST`")
	operations := flag.String("operations", "", "what to measure; a `LIST` (default: all of "+strings.Join(drive.Operations, ",")+"; with --scale flow,refresh,introspect)")
	flag.DurationVar(&plan.Duration, "duration", 3*time.Second, "of each measurement")
	flag.DurationVar(&plan.WarmUp, "warm-up", 500*time.Millisecond, "before each measurement")
	flag.IntVar(&plan.Rounds, "rounds", 2, "how often the servers take turns")
	flag.IntVar(&plan.Each, "each", 0, "how many connections every virtual user has, and refreshes in turn (default: 1, and 100 with --scale)")
	flag.IntVar(&plan.Sessions, "sessions", 320, "how many browsers are signed in and used in turn for flows; to 100 flows, one other session signs out")
	flag.IntVar(&plan.Servers, "servers", 1, "how many Gatehouses share the database and the load")
	flag.IntVar(&plan.Starts, "starts", 3, "how often each Gatehouse is started, to see how long that takes")
	flag.BoolVar(&plan.FreshTLS, "fresh-tls", false, "https, and a new connection for every request; leaves out the operation api")
	plan.Flags(flag.CommandLine)
	flag.StringVar(&plan.Profiles, "profiles", "", "write a CPU profile of each operation into this `FOLDER`")
	keep := flag.Bool("keep", false, "measure nothing: start both servers for internal/bench/load, until interrupted")
	flag.Parse()
	if plan.Duration <= 0 || plan.WarmUp < 0 || plan.Rounds < 1 || plan.Starts < 1 {
		return errors.New("--duration, --rounds and --starts have to be more than nothing")
	}
	for size := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return fmt.Errorf("--connections: %q is no number of connections", size)
		}
		plan.Connections = append(plan.Connections, n)
	}
	if plan.Each == 0 && plan.Scale != (bench.Scale{}) {
		plan.Each = 100
	}
	switch {
	case *operations != "":
		plan.Operations = strings.Split(*operations, ",")
	case plan.Scale != (bench.Scale{}):
		plan.Operations = []string{"flow", "refresh", "introspect"}
	default:
		plan.Operations = slices.Clone(drive.Operations)
	}
	if plan.FreshTLS {
		plan.Operations = slices.DeleteFunc(plan.Operations, func(o string) bool { return o == "api" }) // the example API speaks plain http
	}
	if *keep {
		return plan.Keep(ctx, os.Stdout)
	}
	return plan.Report(ctx, os.Stdout)
}
