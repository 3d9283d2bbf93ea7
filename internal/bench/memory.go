package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// Memory measures what Gatehouse has resident: at rest, with many connections that are all in use, and after many people who came and went away.
type Memory struct {
	Setup
	Connections int           // made by real flows, and then each of them refreshed
	Abandoned   int           // authorization requests that nobody ends
	Rest        time.Duration // after each load: the server gives memory back when it has had nothing to do for a minute or so
}

// memoryHands is how many requests are under way at once.
const memoryHands = 64

// Report writes a table in Markdown. That abandoned requests leave rows behind is an error, once it is there.
func (m Memory) Report(ctx context.Context, w io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	_, s, leave, err := m.single(ctx, sharedOnes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	fmt.Fprintf(w, "Gatehouse on %s. At rest is after %s without a request.\n\n| | resident MB | heap in use MB | goroutines | open files | rows | database MB |\n|---|--:|--:|--:|--:|--:|--:|\n", m.Database, m.Rest)
	row := func(name string) (int, error) { return m.row(ctx, w, s, name) }
	before, err := row("started")
	if err != nil {
		return err
	}
	if err := drive.Abandon(ctx, s.target, m.Abandoned, memoryHands); err != nil {
		return err
	}
	after, err := row(fmt.Sprintf("%d authorization requests abandoned", m.Abandoned))
	if err != nil {
		return err
	}
	if err := m.rest(ctx, row); err != nil {
		return err
	}
	if err := m.connected(ctx, s, row); err != nil {
		return err
	}
	if after != before {
		return fmt.Errorf("abandoned authorization requests left %d rows behind", after-before)
	}
	return nil
}

// connected makes the connections, and uses each of them.
func (m Memory) connected(ctx context.Context, s *server, row func(string) (int, error)) error {
	crowd, err := drive.Gather(ctx, s.target, min(memoryHands, m.Connections), drive.Connection{})
	if err != nil {
		return err
	}
	ring, err := crowd.Connect(ctx, m.Connections, memoryHands)
	crowd.Leave()
	if err != nil {
		return err
	}
	defer ring.Leave()
	if _, err := row(fmt.Sprintf("%d connections made", m.Connections)); err != nil {
		return err
	}
	started := time.Now()
	if err := ring.RefreshAll(ctx, memoryHands); err != nil {
		return err
	}
	if _, err := row(fmt.Sprintf("each of them refreshed, %.0f a second", float64(m.Connections)/time.Since(started).Seconds())); err != nil {
		return err
	}
	ring.Leave()
	return m.rest(ctx, row)
}

// rest leaves the server alone for a while.
func (m Memory) rest(ctx context.Context, row func(string) (int, error)) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(m.Rest):
	}
	_, err := row("at rest")
	return err
}

// row writes how things are, and returns how many rows there are in all tables together.
func (m Memory) row(ctx context.Context, w io.Writer, s *server, name string) (rows int, err error) {
	v, err := s.sample(ctx)
	if err != nil {
		return 0, err
	}
	counts, err := rowCounts(ctx, s.database)
	if err != nil {
		return 0, err
	}
	for _, n := range counts {
		rows += n
	}
	fmt.Fprintf(w, "| %s | %.0f | %.0f | %.0f | %.0f | %d | %.0f |\n", name, v["process_resident_memory_bytes"]/1e6, v["go_memstats_heap_inuse_bytes"]/1e6,
		v["go_goroutines"], v["process_open_fds"], rows, v[diskMetric]/1e6)
	return rows, nil
}
