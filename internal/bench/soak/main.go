// Command soak lets Gatehouse work for long under a load of all that people and applications do, and shows what grows.
//
//	go run ./internal/bench/soak --duration 15m
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench"
)

const about = `Soak measures what Gatehouse manages of all that people and applications do, puts a part of that on it for long, with lifetimes so short that there is
always something to prune, revocations, disconnections and new keys, and prints how the first third of the time compares with the last.
An error other than those that a revocation must cause makes it fail.`

func main() { bench.Main("soak", about, run) }

func run(ctx context.Context) error {
	var soak bench.Soak
	soak.Flags(flag.CommandLine)
	flag.DurationVar(&soak.Duration, "duration", 15*time.Minute, "of the load")
	flag.DurationVar(&soak.Capacity, "capacity", 20*time.Second, "how long is measured how much the server manages, before")
	flag.Float64Var(&soak.Share, "share", .7, "how much of that is the load")
	flag.IntVar(&soak.People, "people", 32, "who are there, each with an account and a connection of their own")
	flag.DurationVar(&soak.Sample, "sample", 10*time.Second, "how often the process is looked at")
	flag.DurationVar(&soak.RotateKeys, "rotate-keys", 75*time.Second, "how often the keys are replaced; a minute at least")
	flag.Parse()
	switch {
	case soak.Duration <= 0 || soak.Capacity <= 0 || soak.Share <= 0 || soak.People < 1 || soak.Sample <= 0:
		return errors.New("all numbers have to be more than nothing")
	case soak.RotateKeys < time.Minute:
		return errors.New("--rotate-keys: new keys need a minute to take over")
	}
	return soak.Report(ctx, os.Stdout)
}
