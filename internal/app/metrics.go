package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics is what the process counts about itself. The endpoints add theirs to the registry.
type metrics struct {
	registry   *prometheus.Registry
	statements *prometheus.CounterVec
	pruned     prometheus.Counter
	failures   *prometheus.CounterVec
}

func newMetrics() metrics {
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
			Help: "Failures of what the server does by itself: prune, reload keys, reload the certificate.",
		}, []string{"task"}),
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
		m.statements, m.pruned, m.failures,
	)
	return m
}
