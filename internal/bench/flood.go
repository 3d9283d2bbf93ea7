package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// Flood measures the token endpoint while many people, or one who guesses, sign in by password. Both loads are open: what is due is sent, however slow the
// answers are.
type Flood struct {
	Setup
	SignIns     float64       // offered per second, every other one with a wrong password
	Refreshes   float64       // offered per second
	Duration    time.Duration // of each measurement
	Connections int           // whose refresh tokens take turns
}

// floodHands is how many requests of a kind can be under way: enough that the server, not the load, is what limits them.
const floodHands = 512

// floodSettings let every sign-in be tried that the server has room for: what is refused is then refused because it is busy.
var floodSettings = []string{"GATEHOUSE_TRUSTED_PROXIES=127.0.0.1/32", "GATEHOUSE_LIMITS_SIGN_IN_FAILURES_PER_ACCOUNT=1000000"}

// Report measures without the flood, in it, and without it again, and writes a table in Markdown.
func (f Flood) Report(ctx context.Context, w io.Writer) (err error) {
	_, s, leave, err := f.single(ctx, sharedOnes, floodSettings...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	crowd, err := drive.Gather(ctx, s.target, 2*len(s.target.Accounts), drive.Connection{})
	if err != nil {
		return err
	}
	defer crowd.Leave()
	ring, err := crowd.Connect(ctx, f.Connections, floodHands)
	if err != nil {
		return err
	}
	defer ring.Leave()
	fmt.Fprintf(w, "Gatehouse on %s; %.0f refreshes a second are due, in the flood also %.0f sign-ins; %s each. Times count from when a request was due.\n\n", f.Database, f.Refreshes, f.SignIns, f.Duration)
	fmt.Fprintln(w, "| | refreshed per second | p50 ms | p95 ms | p99 ms | errors | CPU s per second | sign-ins per second: right | wrong | told to wait | p50 ms | p95 ms | p99 ms | errors |")
	fmt.Fprintln(w, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	var problems []error
	for _, phase := range []struct {
		name    string
		signIns float64
	}{{"before", 0}, {"flood", f.SignIns}, {"after", 0}} {
		if err := f.measure(ctx, w, s, ring, phase.name, phase.signIns); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", phase.name, err))
		}
	}
	return errors.Join(problems...)
}

// measure writes the row of one phase. What went wrong is an error, once the row is there.
func (f Flood) measure(ctx context.Context, w io.Writer, s *server, ring *drive.Ring, name string, signIns float64) error {
	start, err := s.spent(ctx)
	if err != nil {
		return err
	}
	people := drive.NewSignIns(s.target, floodHands)
	defer people.Leave()
	var signedIn drive.Offered
	var signInErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		if signIns > 0 {
			signedIn, signInErr = drive.Offer(ctx, signIns, f.Duration, floodHands, func(ctx context.Context, _ int) error { return people.Try(ctx) })
		}
	}()
	refreshed, err := drive.Offer(ctx, f.Refreshes, f.Duration, floodHands, func(ctx context.Context, _ int) error { return ring.Refresh(ctx) })
	<-done
	if err := errors.Join(err, signInErr); err != nil {
		return err
	}
	end, err := s.spent(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "| %s | %.0f | %s | %d | %.2f |", name, refreshed.Rate(), milliseconds(refreshed.Result), refreshed.Errors, end.minus(start).cpu.Seconds()/refreshed.Elapsed.Seconds())
	if signIns == 0 {
		fmt.Fprintln(w, " | | | | | | |")
	} else {
		seconds := signedIn.Elapsed.Seconds()
		fmt.Fprintf(w, " %.0f | %.0f | %.0f | %s | %d |\n", float64(people.Right.Load())/seconds, float64(people.Wrong.Load())/seconds,
			float64(people.Refused.Load())/seconds, milliseconds(signedIn.Result), signedIn.Errors)
	}
	return errors.Join(refreshed.First, signedIn.First)
}
