package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// cost is what a server has used up so far.
type cost struct {
	cpu                 time.Duration
	statements, commits float64 // that it sent to its database
}

func (c cost) minus(other cost) cost {
	return cost{c.cpu - other.cpu, c.statements - other.statements, c.commits - other.commits}
}

func (c cost) plus(other cost) cost {
	return cost{c.cpu + other.cpu, c.statements + other.statements, c.commits + other.commits}
}

// figure is one operation at one server, over all rounds.
type figure struct {
	drive.Result
	cost
}

// perThousand is the processor seconds of the server per 1000 operations.
func (f figure) perThousand() float64 {
	return f.cpu.Seconds() * 1000 / float64(max(f.Count(), 1))
}

// measure runs an operation after a moment of the same that does not count.
func (s *server) measure(ctx context.Context, crowd *drive.Crowd, operation string, warmUp, duration time.Duration) (figure, error) {
	before, err := crowd.Run(ctx, operation, warmUp)
	if err != nil {
		return figure{}, err
	}
	if operation == "flow" {
		// Twice as many as will be needed, should the warm-up have been slow.
		if err := crowd.ReadyForFlows(ctx, int(2*before.Rate()*duration.Seconds())); err != nil {
			return figure{}, err
		}
	}
	start, err := s.spent(ctx)
	if err != nil {
		return figure{}, err
	}
	result, err := crowd.Run(ctx, operation, duration)
	if err != nil {
		return figure{}, err
	}
	end, err := s.spent(ctx)
	if failed := errors.Join(before.First, result.First); failed != nil {
		return figure{}, fmt.Errorf("%s, %s: %d of %d failed: %w", s.name, operation, result.Errors, result.Errors+result.Count(), failed)
	}
	return figure{result, end.minus(start)}, err
}

// spent reads what all processes of the server have used, and what it says itself.
func (s *server) spent(ctx context.Context) (cost, error) {
	var total cost
	for _, ops := range s.ops {
		sent, err := s.statements(ctx, ops)
		if err != nil {
			return cost{}, err
		}
		total = total.plus(sent)
	}
	if s.database != nil {
		used, err := s.database.cpu()
		if err != nil {
			return cost{}, err
		}
		total.cpu += used
	}
	for _, p := range s.processes {
		used, err := p.cpu()
		if err != nil {
			return cost{}, err
		}
		total.cpu += used
	}
	return total, nil
}

// statements reads the server's own count of statements and commits.
func (s *server) statements(ctx context.Context, ops string) (c cost, err error) {
	body, err := s.operations(ctx, ops+"/metrics")
	if err != nil {
		return cost{}, err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		sample, ok := strings.CutPrefix(lines.Text(), `gatehouse_store_statements_total{statement="`)
		if !ok {
			continue
		}
		name, number, _ := strings.Cut(sample, `"} `)
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return cost{}, fmt.Errorf("/metrics: %q: %w", lines.Text(), err)
		}
		if name == "commit" {
			c.commits += n
		} else {
			c.statements += n
		}
	}
	return c, lines.Err()
}

// operations asks an operations listener.
func (s *server) operations(ctx context.Context, address string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s answered %s", address, response.Status), response.Body.Close())
	}
	return response.Body, nil
}

// profile writes a profile of what the server's processor time goes into while it is under this load.
func (s *server) profile(ctx context.Context, crowd *drive.Crowd, operation string, duration time.Duration, dir string) error {
	seconds := max(1, int(duration.Seconds()))
	taken := make(chan error, 1)
	go func() { taken <- s.saveProfile(ctx, seconds, filepath.Join(dir, operation+".pprof")) }()
	_, err := crowd.Run(ctx, operation, time.Duration(seconds)*time.Second+300*time.Millisecond)
	return errors.Join(err, <-taken)
}

func (s *server) saveProfile(ctx context.Context, seconds int, path string) error {
	body, err := s.operations(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.ops[0], seconds))
	if err != nil {
		return err
	}
	defer body.Close()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, body)
	return errors.Join(err, file.Close())
}
