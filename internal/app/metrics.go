package app

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics is what the process counts about itself. The endpoints add theirs to the registry.
type metrics struct {
	registry   *prometheus.Registry
	statements *prometheus.CounterVec
	pruned     prometheus.Counter
	failures   *prometheus.CounterVec
	notices    *prometheus.CounterVec
	events     *prometheus.CounterVec
}

// newMetrics returns the metrics. logDropped is as in Deps.
func newMetrics(logDropped func() uint64) metrics {
	if logDropped == nil {
		logDropped = func() uint64 { return 0 }
	}
	m := metrics{
		registry: prometheus.NewRegistry(),
		statements: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_store_statements_total",
			Help: "Statements sent to the database, by the unit of work they belong to, and commits.",
		}, []string{"statement"}),
		pruned: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gatehouse_pruned_rows_total",
			Help: "Expired rows removed.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_background_failures_total",
			Help: "Failures of what the server does by itself: prune, reload and rotate keys, deliver notices, reload the certificate.",
		}, []string{"task"}),
		notices: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_notices_total",
			Help: "E-mails and back-channel logouts: delivered, failed (to be tried again), given up, obsolete (nobody to tell any more).",
		}, []string{"kind", "outcome"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_events_total",
			Help: "Events that this server recorded in the audit trail, by kind.",
		}, []string{"kind"}),
	}
	for _, kind := range audit.Kinds() { // a rate can be computed only from a counter that is there before the first event
		m.events.WithLabelValues(string(kind))
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
		m.statements, m.pruned, m.failures, m.notices, m.events,
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gatehouse_log_lines_dropped_total",
			Help: "Lines of the log that were dropped, because what reads the log is slow or gone.",
		}, func() float64 { return float64(logDropped()) }),
	)
	return m
}

// clock shows how far the clock is off.
func (m metrics) clock(off func() time.Duration) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gatehouse_clock_off_seconds",
		Help: "How far the clock of this server is ahead of the right time, when it is wrong by more than a minute; negative: behind. Otherwise 0.",
	}, func() float64 { return off().Seconds() }))
}

// happened counts an event of the audit trail.
func (m metrics) happened(kind audit.Kind) { m.events.WithLabelValues(string(kind)).Inc() }
