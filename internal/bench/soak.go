package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// Soak lets Gatehouse work for long and looks whether anything grows: people connect, refresh, revoke and disconnect, what has expired is pruned, and
// keys are replaced.
type Soak struct {
	Setup
	Duration   time.Duration // of the load, after its capacity has been measured
	Capacity   time.Duration // for which that is measured
	Share      float64       // of the capacity, which is the load
	People     int           // each with an account and a connection of their own
	Sample     time.Duration // between two looks at the process
	RotateKeys time.Duration // between two rotations
}

// soakSettings let everything expire so soon that there is always something to prune.
var soakSettings = []string{
	"GATEHOUSE_ACCESS_TOKEN_LIFETIME=1m", "GATEHOUSE_REFRESH_IDLE_LIFETIME=1m", "GATEHOUSE_REFRESH_ABSOLUTE_LIFETIME=5m",
	"GATEHOUSE_SESSION_LIFETIME=2m", "GATEHOUSE_REQUEST_LIFETIME=1m", "GATEHOUSE_CODE_LIFETIME=10s",
}

// soaking is a Soak that is under way.
type soaking struct {
	Soak
	house   house
	server  *server
	crowd   *drive.Crowd
	samples samples
	rotated []time.Time // when the keys were
}

// Report soaks, and writes tables in Markdown. Anything that failed is an error, once they are there.
func (s Soak) Report(ctx context.Context, w io.Writer) (err error) {
	h, server, leave, err := s.single(ctx, s.People, soakSettings...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	crowd, err := drive.Gather(ctx, server.target, s.People, drive.Connection{})
	if err != nil {
		return err
	}
	defer crowd.Leave()
	most, err := crowd.Run(ctx, "life", s.Capacity)
	if err := errors.Join(err, most.First); err != nil {
		return err
	}
	fmt.Fprintf(w, "Gatehouse on %s; %.0f operations a second are due for %s, which is %.0f %% of the %.0f that it managed.\n\n",
		s.Database, s.Share*most.Rate(), s.Duration, 100*s.Share, most.Rate())
	soaking := &soaking{Soak: s, house: h, server: server, crowd: crowd}
	return soaking.run(ctx, w, s.Share*most.Rate())
}

func (s *soaking) run(ctx context.Context, w io.Writer, rate float64) error {
	beside, cancel := context.WithCancel(ctx)
	defer cancel()
	problems := make([]error, 2)
	var wg sync.WaitGroup
	wg.Go(func() { problems[0] = periodically(beside, s.Sample, s.look) })
	wg.Go(func() { problems[1] = periodically(beside, s.RotateKeys, s.rotate) })
	var thirds [3]drive.Offered
	var err error
	for i := range thirds {
		if thirds[i], err = drive.Offer(ctx, rate, s.Duration/3, s.People, s.crowd.Live); err != nil {
			break
		}
	}
	cancel()
	wg.Wait()
	if err := errors.Join(append(problems, err)...); err != nil {
		return err
	}
	return s.write(ctx, w, thirds)
}

// periodically calls act at each interval until ctx ends, or it fails.
func periodically(ctx context.Context, interval time.Duration, act func(context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := act(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

func (s *soaking) look(ctx context.Context) error {
	sample, err := s.server.sample(ctx)
	if err == nil {
		s.samples = append(s.samples, sample)
	}
	return err
}

// keysTakeOver is when new keys sign: once the server, which reads them every 30 seconds, must have seen them.
const keysTakeOver = 45 * time.Second

// rotate replaces the keys by the command, and brings the hour forward in which the new ones would only be published.
func (s *soaking) rotate(ctx context.Context) error {
	now := time.Now()
	if n := len(s.rotated); n > 0 && now.Sub(s.rotated[n-1]) < keysTakeOver {
		return nil // those wait, and until then there can be no others
	}
	if err := s.house.command(ctx, s.server, "", nil, "key", "rotate"); err != nil {
		return err
	}
	s.rotated = append(s.rotated, now)
	earlier := (time.Hour - keysTakeOver).Milliseconds()
	return s.server.database.run(ctx, []string{fmt.Sprintf(
		"UPDATE gh_keyring SET signs_from = signs_from - %d, predecessor_dead_at = predecessor_dead_at - %[1]d WHERE signs_from > %d", earlier, now.Add(keysTakeOver).UnixMilli())})
}

// write writes what came of it.
func (s *soaking) write(ctx context.Context, w io.Writer, thirds [3]drive.Offered) error {
	last, err := s.server.sample(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "| | per second | p50 ms | p95 ms | p99 ms | errors |\n|---|--:|--:|--:|--:|--:|")
	var all drive.Result
	for i, third := range thirds {
		writeSpan(w, []string{"first third", "second third", "last third"}[i], third.Result)
		all.Add(third.Result)
	}
	writeSpan(w, "all", all)
	fmt.Fprintln(w)
	s.samples.write(w)
	failures := last["gatehouse_background_failures_total"]
	fmt.Fprintf(w, "\nPruned %.0f rows. Rotated the keys %d times. Ended access %d times, which was refused from then on. %.0f failures in the background.\n",
		last["gatehouse_pruned_rows_total"], len(s.rotated), s.crowd.Ended(), failures)
	if failures > 0 {
		return errors.New("what the server does by itself failed; see gatehouse_background_failures_total")
	}
	return all.First
}

func writeSpan(w io.Writer, name string, r drive.Result) {
	fmt.Fprintf(w, "| %s | %.0f | %s | %d |\n", name, r.Rate(), milliseconds(r), r.Errors)
}
