package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// Plan is what a report measures: Gatehouse beside the floor, or, with a Scale, one with a full database beside one with an empty one.
type Plan struct {
	Setup
	Connections []int         // each with a crowd of its own
	Operations  []string      // of drive.Operations
	WarmUp      time.Duration // before each measurement
	Duration    time.Duration // of each measurement
	Rounds      int           // in which the servers take turns
	Each        int           // connections that every virtual user has, and refreshes in turn
	Sessions    int           // that are used in turn for flows, shared out among the virtual users
	Servers     int           // of Gatehouse, on its database
	Starts      int           // of each Gatehouse, to see how long they take
	FreshTLS    bool          // https, and a new connection for each request
	Profiles    string        // a folder for a profile of each operation; "" for none
}

// pair is what is measured, and what it is measured by.
type pair struct {
	house
	subject, base *server
	leave         func() error
}

// open builds the programs and starts both servers.
func (p *Plan) open(ctx context.Context) (_ *pair, err error) {
	if slices.Min(p.Connections) < 1 {
		return nil, errors.New("a crowd needs one connection at least")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Hour) // to build and to fill takes a while
	defer cancel()
	both := &pair{}
	if both.house, both.leave, err = p.enter(ctx); err != nil {
		return nil, err
	}
	if p.FreshTLS {
		if both.certificate, err = both.makeCertificate(); err != nil {
			return nil, errors.Join(err, both.leave())
		}
	}
	if err := p.start(ctx, both); err != nil {
		return nil, errors.Join(err, both.stop())
	}
	return both, nil
}

func (p *Plan) start(ctx context.Context, both *pair) (err error) {
	w := wanted{
		name: "gatehouse", kind: p.Database, accounts: cmp.Or(p.Accounts, min(sharedOnes, slices.Max(p.Connections))), starts: p.Starts, servers: p.Servers, api: slices.Contains(p.Operations, "api"),
		settings: []string{fmt.Sprintf("GATEHOUSE_OPS_PPROF=%t", p.Profiles != "")},
	}
	if p.Scale == (Scale{}) {
		if both.subject, err = both.startGatehouse(ctx, w); err != nil {
			return err
		}
		both.base, err = both.startFloor(ctx)
		return err
	}
	w.accounts = cmp.Or(p.Accounts, slices.Max(p.Connections)) // everybody has one connection, as real people do
	w.name = "empty"
	if both.base, err = both.startGatehouse(ctx, w); err != nil {
		return err
	}
	w.name, w.scale = "full", p.Scale
	both.subject, err = both.startGatehouse(ctx, w)
	return err
}

func (both *pair) stop() error {
	var problems []error
	for _, s := range []*server{both.base, both.subject} {
		if s != nil {
			problems = append(problems, s.stop())
		}
	}
	return errors.Join(append(problems, both.leave())...)
}

// Report measures, and writes a table in Markdown.
func (p Plan) Report(ctx context.Context, w io.Writer) (err error) {
	both, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, both.stop()) }()
	fmt.Fprintf(w, "%s, %s, %d processors, Gatehouse on %s, %d × %s for each figure, the load from the same machine.\n",
		time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), p.Database, p.Rounds, p.Duration)
	if p.Scale != (Scale{}) {
		fmt.Fprintf(w, "Full is %s; empty has the measured accounts alone.\n", p.Scale)
	}
	base := both.base.name
	fmt.Fprintf(w, "\n| operation | connections | per second | p50 ms | p95 ms | p99 ms | CPU s per 1000 | statements | commits | %s per second | %[1]s p99 ms | %[1]s CPU s per 1000 | **ratio of CPU** |\n", base)
	fmt.Fprintln(w, "|---|"+strings.Repeat("--:|", 12))
	for _, size := range p.Connections {
		if err := p.compare(ctx, w, both, size); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	for _, s := range []*server{both.subject, both.base} {
		if err := s.describe(w); err != nil {
			return err
		}
	}
	return nil
}

// describe writes what is true of a server whatever it is asked.
func (s *server) describe(w io.Writer) error {
	loaded, err := s.processes[0].resident()
	if err != nil {
		return err
	}
	var starts []string
	for _, d := range s.starts {
		starts = append(starts, fmt.Sprint(d.Milliseconds()))
	}
	fmt.Fprintf(w, "%s: first answer after %s ms; %.0f MB resident when idle, %.0f MB after the load", s.name, strings.Join(starts, ", "), float64(s.idle)/1e6, float64(loaded)/1e6)
	if s.database != nil {
		size, err := s.database.size()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "; %.0f MB on the disk", float64(size)/1e6)
	}
	fmt.Fprintln(w, ".")
	return nil
}

// compare measures every operation with one number of connections.
func (p Plan) compare(ctx context.Context, w io.Writer, both *pair, size int) error {
	servers := []*server{both.subject, both.base}
	crowds := map[*server]*drive.Crowd{}
	for _, s := range servers {
		crowd, err := drive.Gather(ctx, s.target, size, drive.Connection{
			Fresh: p.FreshTLS, Roots: both.roots(), Each: p.Each, Addresses: s.addresses, Browsers: p.Sessions / size,
		})
		if err != nil {
			return err
		}
		defer crowd.Leave()
		crowds[s] = crowd
	}
	for _, operation := range p.Operations {
		figures := map[*server]*figure{both.subject: {}, both.base: {}}
		for range p.Rounds {
			for _, s := range servers {
				f, err := s.measure(ctx, crowds[s], operation, p.WarmUp, p.Duration)
				if err != nil {
					return err
				}
				figures[s].Add(f.Result)
				figures[s].cost = figures[s].plus(f.cost)
			}
			slices.Reverse(servers) // to go first is no advantage
		}
		writeRow(w, operation, size, figures[both.subject], figures[both.base])
		if p.Profiles != "" && size == p.Connections[0] {
			if err := both.subject.profile(ctx, crowds[both.subject], operation, p.Duration, p.Profiles); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeRow(w io.Writer, operation string, size int, subject, base *figure) {
	fmt.Fprintf(w, "| %s | %d | %.0f | %s |", operation, size, subject.Rate(), milliseconds(subject.Result))
	n := float64(max(subject.Count(), 1))
	fmt.Fprintf(w, " %.3f | %.1f | %.2f | %.0f | %.1f | %.3f |", subject.perThousand(), subject.statements/n, subject.commits/n,
		base.Rate(), base.Quantiles(.99)[0].Seconds()*1000, base.perThousand())
	if base.cpu == 0 {
		fmt.Fprintln(w, " |")
		return
	}
	fmt.Fprintf(w, " **%.2f** |\n", subject.perThousand()/base.perThousand())
}

// milliseconds is the cells p50, p95 and p99.
func milliseconds(r drive.Result) string {
	q := r.Quantiles(.5, .95, .99)
	return fmt.Sprintf("%.1f | %.1f | %.1f", q[0].Seconds()*1000, q[1].Seconds()*1000, q[2].Seconds()*1000)
}

// Keep starts both servers, writes what internal/bench/load needs into the folder, and lets them run until ctx ends.
func (p Plan) Keep(ctx context.Context, w io.Writer) (err error) {
	p.Operations = drive.Operations // whatever will be asked
	both, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, both.stop()) }()
	for _, s := range []*server{both.subject, both.base} {
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
