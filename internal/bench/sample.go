package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// sample is the server's own metrics at one moment, each the sum over its labels.
type sample map[string]float64

// diskMetric is in a sample besides: the bytes of the database on the disk.
const diskMetric = "database"

func (s *server) sample(ctx context.Context) (sample, error) {
	body, err := s.operations(ctx, s.ops[0]+"/metrics")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	values := sample{}
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		line := lines.Text()
		end := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || end < 0 {
			continue
		}
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("/metrics: %q: %w", line, err)
		}
		name, _, _ := strings.Cut(line[:end], "{")
		values[name] += value
	}
	size, err := s.database.size()
	values[diskMetric] = float64(size)
	return values, errors.Join(lines.Err(), err)
}

// samples is what was seen over time.
type samples []sample

// shown is what is written of them. What a counter has is its growth per sample.
var shown = []struct {
	name, metric string
	unit         float64
	counter      bool
}{
	{"resident MB", "process_resident_memory_bytes", 1e6, false},
	{"heap in use MB", "go_memstats_heap_inuse_bytes", 1e6, false},
	{"goroutines", "go_goroutines", 1, false},
	{"open files", "process_open_fds", 1, false},
	{"garbage collections per sample", "go_gc_duration_seconds_count", 1, true},
	{"their pauses, ms per sample", "go_gc_duration_seconds_sum", 1e-3, true},
	{"CPU s of Gatehouse per sample", "process_cpu_seconds_total", 1, true},
	{"rows pruned per sample", "gatehouse_pruned_rows_total", 1, true},
	{"database on the disk MB", diskMetric, 1e6, false},
}

// write compares the first third with the last.
func (all samples) write(w io.Writer) {
	third := len(all) / 3
	fmt.Fprintf(w, "| mean of %d samples each | first third | last third | last by first | most |\n|---|--:|--:|--:|--:|\n", third)
	if third == 0 {
		return
	}
	for _, s := range shown {
		var values []float64
		for i, sample := range all {
			value := sample[s.metric] / s.unit
			if s.counter {
				value -= all[max(i-1, 0)][s.metric] / s.unit
			}
			values = append(values, value)
		}
		if s.counter {
			values = values[1:] // the first has none before it
		}
		span := max(len(values)/3, 1)
		first, last, most := mean(values[:min(span, len(values))]), mean(values[max(len(values)-span, 0):]), 0.0
		for _, v := range values {
			most = max(most, v)
		}
		fmt.Fprintf(w, "| %s | %.1f | %.1f |", s.name, first, last)
		if first == 0 {
			fmt.Fprint(w, " |")
		} else {
			fmt.Fprintf(w, " %.2f |", last/first)
		}
		fmt.Fprintf(w, " %.1f |\n", most)
	}
}

func mean(values []float64) (m float64) {
	for _, v := range values {
		m += v / float64(len(values))
	}
	return m
}
