// Command memory shows how much memory Gatehouse has resident: at rest, with many connections in use, and after many abandoned authorization requests.
//
//	go run ./internal/bench/memory --connections 100000 --abandoned 10000
package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench"
)

const about = `Memory prints what Gatehouse has resident: at first, after many authorization requests that nobody ended, after many connections were made, after
each of these was refreshed, and when it has come to rest. It fails when the abandoned requests left rows behind.`

func main() { bench.Main("memory", about, run) }

func run(ctx context.Context) error {
	var memory bench.Memory
	memory.Flags(flag.CommandLine)
	flag.IntVar(&memory.Connections, "connections", 100_000, "how many are made, by real flows, and then refreshed, each once")
	flag.IntVar(&memory.Abandoned, "abandoned", 10_000, "how many authorization requests are begun and not ended")
	flag.DurationVar(&memory.Rest, "rest", 90*time.Second, "how long the server is left alone after each load")
	flag.Parse()
	if memory.Connections < 1 || memory.Abandoned < 1 || memory.Rest < 0 {
		return errors.New("all numbers have to be more than nothing")
	}
	return memory.Report(ctx, os.Stdout)
}
