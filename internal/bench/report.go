package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// Plan is what a report measures.
type Plan struct {
	Dir         string        // for databases and programs; files of the same names are overwritten
	Connections []int         // each with a crowd of its own
	Operations  []string      // of drive.Operations
	WarmUp      time.Duration // before each measurement
	Duration    time.Duration // of each measurement
	Rounds      int           // in which the servers take turns
	FreshTLS    bool          // https, and a new connection for each request
	Profiles    string        // a folder for a profile of each operation; "" for none
}

// pair is Gatehouse and the floor.
type pair struct {
	house
	gatehouse, floor *server
}

// open builds the programs and starts both servers.
func (p Plan) open(ctx context.Context) (*pair, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*patience) // the first build takes a while
	defer cancel()
	both := &pair{house: house{dir: p.Dir}}
	if err := build(ctx, p.Dir); err != nil {
		return nil, err
	}
	var err error
	if p.FreshTLS {
		if both.certificate, err = both.makeCertificate(); err != nil {
			return nil, err
		}
	}
	if both.gatehouse, err = both.startGatehouse(ctx, p.Profiles != ""); err != nil {
		return nil, err
	}
	if both.floor, err = both.startFloor(ctx); err != nil {
		return nil, errors.Join(err, both.gatehouse.stop())
	}
	return both, nil
}

func (both *pair) stop() error { return errors.Join(both.floor.stop(), both.gatehouse.stop()) }

// Report measures, and writes a table in Markdown.
func (p Plan) Report(ctx context.Context, w io.Writer) (err error) {
	both, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, both.stop()) }()
	fmt.Fprintf(w, "%s, %s, %d processors, %d × %s for each figure, the load from the same machine.\n\n",
		time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), p.Rounds, p.Duration)
	fmt.Fprintln(w, "| operation | connections | per second | p50 ms | p95 ms | p99 ms | CPU s per 1000 | statements | commits | floor per second | floor p99 ms | floor CPU s per 1000 | **ratio of CPU** |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, size := range p.Connections {
		if err := p.compare(ctx, w, both, size); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	for _, s := range []*server{both.gatehouse, both.floor} {
		loaded, err := s.processes[0].resident()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: first answer after %d ms; %.0f MB resident when idle, %.0f MB after the load.\n",
			s.name, s.starting.Milliseconds(), float64(s.idle)/1e6, float64(loaded)/1e6)
	}
	return nil
}

// compare measures every operation with one number of connections.
func (p Plan) compare(ctx context.Context, w io.Writer, both *pair, size int) error {
	servers := []*server{both.gatehouse, both.floor}
	crowds := map[*server]*drive.Crowd{}
	for _, s := range servers {
		crowd, err := drive.Gather(ctx, s.target, size, drive.Connection{Fresh: p.FreshTLS, Roots: both.roots()})
		if err != nil {
			return err
		}
		defer crowd.Leave()
		crowds[s] = crowd
	}
	for _, operation := range p.Operations {
		figures := map[*server]*figure{both.gatehouse: {}, both.floor: {}}
		for range p.Rounds {
			for _, s := range servers {
				f, err := s.measure(ctx, crowds[s], operation, p.WarmUp, p.Duration)
				if err != nil {
					return err
				}
				figures[s].Add(f.Result)
				figures[s].cost = figures[s].plus(f.cost)
			}
			slices.Reverse(servers) // whoever goes first gains nothing by it
		}
		writeRow(w, operation, size, figures[both.gatehouse], figures[both.floor])
		if p.Profiles != "" && size == p.Connections[0] {
			if err := both.gatehouse.profile(ctx, crowds[both.gatehouse], operation, p.Duration, p.Profiles); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeRow(w io.Writer, operation string, size int, gatehouse, floor *figure) {
	fmt.Fprintf(w, "| %s | %d | %.0f |", operation, size, gatehouse.Rate())
	for _, d := range gatehouse.Quantiles(.5, .95, .99) {
		fmt.Fprintf(w, " %.1f |", d.Seconds()*1000)
	}
	n := float64(max(gatehouse.Count(), 1))
	fmt.Fprintf(w, " %.3f | %.1f | %.2f | %.0f | %.1f | %.3f |", gatehouse.perThousand(), gatehouse.statements/n, gatehouse.commits/n,
		floor.Rate(), floor.Quantiles(.99)[0].Seconds()*1000, floor.perThousand())
	if floor.cpu == 0 {
		fmt.Fprintln(w, " |")
		return
	}
	fmt.Fprintf(w, " **%.2f** |\n", gatehouse.perThousand()/floor.perThousand())
}

// Keep starts both servers, writes what internal/bench/load needs into the folder, and lets them run until ctx ends.
func (p Plan) Keep(ctx context.Context, w io.Writer) (err error) {
	both, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, both.stop()) }()
	for _, s := range []*server{both.gatehouse, both.floor} {
		file := both.path(s.name + ".json")
		if err := s.writeSetup(file); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: process %d, --setup %s\n", s.name, s.processes[0].cmd.Process.Pid, file)
	}
	if both.certificate != nil {
		fmt.Fprintf(w, "--fresh-tls --ca %s\n", both.certificate.certFile)
	}
	<-ctx.Done()
	return nil
}

// TemporaryDir makes the folder of a plan that has none. remove removes it.
func (p *Plan) TemporaryDir() (remove func(), err error) {
	p.Dir, err = os.MkdirTemp("", "gatehouse-bench-")
	return func() { os.RemoveAll(p.Dir) }, err
}
