package app

import (
	"context"
	"io"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/flight"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Readiness costs one small write, and not more often than once in readyFresh, however many ask.
const (
	readyTimeout = 2 * time.Second // of the write
	readyFresh   = time.Second
)

// newReadiness is the answer of /readyz, which is asked for again and again by every load balancer.
func (a *App) newReadiness() *flight.Value[struct{}] {
	load := func(ctx context.Context) (struct{}, error) { return struct{}{}, a.Store.Ready(ctx) }
	return &flight.Value[struct{}]{Load: load, Now: a.now, Fresh: readyFresh, Bound: readyTimeout}
}

// OpsHandler is the operations endpoints: /healthz, /readyz, /metrics and, if configured, profiles.
func (a *App) OpsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{Registry: a.metrics.registry}))
	if a.Config.OpsPprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// readyz says whether a load balancer should send requests here.
func (a *App) readyz(w http.ResponseWriter, r *http.Request) {
	if a.stopping.Load() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	if wrong := a.clock.says(); wrong != "" {
		http.Error(w, wrong, http.StatusServiceUnavailable)
		return
	}
	if _, err := a.ready.Get(r.Context()); err != nil {
		a.Log.WarnContext(r.Context(), "not ready", "error", err)
		http.Error(w, "the database cannot commit a write", http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ok\n")
}
