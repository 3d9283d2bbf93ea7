// Command flood shows what a flood of sign-ins does to the token endpoint.
//
//	go run ./internal/bench/flood --duration 30s
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench"
)

const about = `Flood sends refresh tokens to the token endpoint at a steady rate, without and with a flood of passwords at the sign-in page, and prints how long
they took. Nothing waits for an answer: times count from when a request was due.`

func main() { bench.Main("flood", about, run) }

func run(ctx context.Context) error {
	var flood bench.Flood
	flood.Flags(flag.CommandLine)
	flag.Float64Var(&flood.SignIns, "sign-ins", 200, "how many passwords are sent per second; every other one is wrong")
	flag.Float64Var(&flood.Refreshes, "refreshes", 500, "how many refresh tokens are sent per second")
	flag.DurationVar(&flood.Duration, "duration", 20*time.Second, "of each of three measurements: before the flood, in it, and after it")
	flag.IntVar(&flood.Connections, "connections", 2000, "whose refresh tokens take turns")
	flag.Parse()
	if flood.SignIns <= 0 || flood.Refreshes <= 0 || flood.Duration <= 0 || flood.Connections < 1 {
		return errors.New("all numbers have to be more than nothing")
	}
	return flood.Report(ctx, os.Stdout)
}
