package web

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/prometheus/client_golang/prometheus"
)

// trace is what the log says of one request. It travels in the request's context.
type trace struct {
	id      string     // the request id
	address netip.Addr // the client's, as far as trusted proxies tell
	client  string     // the client id, once it is known to be one of ours
}

type traceKey struct{}

// traceOf is the trace of a request; outside observe, an empty one.
func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}

// observe gives each request its id and address, each response the headers that all have, and the log a line. What travels in a query, a
// body, a cookie or the Authorization header is never logged: codes, tokens, secrets, verifiers and passwords are there.
func (s *server) observe(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.Now()
		t := s.newTrace(r)
		rec := &recorder{ResponseWriter: w}
		ctx := audit.WithOrigin(r.Context(), audit.Origin{Address: t.address.String(), RequestID: t.id})
		r = r.WithContext(context.WithValue(ctx, traceKey{}, t))

		header := w.Header()
		header.Set("X-Request-Id", t.id)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		if s.https {
			header.Set("Strict-Transport-Security", "max-age=31536000")
		}
		defer func() { // an aborted answer has its line too
			took := s.Now().Sub(start)
			if s.durations != nil {
				s.durations.WithLabelValues(routeLabel(r.Pattern), methodLabel(r.Method), strconv.Itoa(rec.code())).Observe(took.Seconds())
			}
			s.logRequest(r, t, rec, took)
		}()
		mux.ServeHTTP(rec, r)
	})
}

// logRequest writes the access log's line.
func (s *server) logRequest(r *http.Request, t *trace, rec *recorder, took time.Duration) {
	if !s.Log.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs,
		slog.String("request_id", t.id),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", rec.code()),
		slog.Duration("duration", took),
		slog.Int64("bytes", rec.bytes),
		slog.String("address", t.address.String()),
	)
	if t.client != "" {
		attrs = append(attrs, slog.String("client_id", t.client))
	}
	s.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
}

// newTrace finds out who asks. A peer that is no trusted proxy can choose neither its address nor the request id.
func (s *server) newTrace(r *http.Request) *trace {
	t := &trace{address: peerAddress(r.RemoteAddr)}
	if s.trusted(t.address) {
		t.id = requestID(r.Header.Get("X-Request-Id"))
		t.address = s.forwardedFor(t.address, r.Header.Values("X-Forwarded-For"))
	}
	if t.id == "" {
		t.id = rand.Text()
	}
	return t
}

func (s *server) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// forwardedFor walks X-Forwarded-For from the right, as each trusted proxy appended who it heard from, to the first address that is not a
// trusted proxy. What stands left of that, anyone may have written.
func (s *server) forwardedFor(peer netip.Addr, values []string) netip.Addr {
	hops := strings.Split(strings.Join(values, ","), ",")
	for _, hop := range slices.Backward(hops) {
		a := peerAddress(strings.TrimSpace(hop))
		if !a.IsValid() {
			break
		}
		peer = a
		if !s.trusted(a) {
			break
		}
	}
	return peer
}

// peerAddress is the address of "ip" or "ip:port", the zero Addr when it is neither.
func peerAddress(s string) netip.Addr {
	a, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return netip.Addr{}
		}
		a = ap.Addr()
	}
	return a.Unmap().WithZone("")
}

// requestID is the id that a trusted proxy gave, or "" when it is not fit for a log and a page.
func requestID(id string) string {
	fit := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:", r)
	}
	if len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return !fit(r) }) {
		return ""
	}
	return id
}

// printable is s without what could disturb a page or a header, cut to 32 bytes.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 32)]
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int // 0 until the header is written
	bytes  int64
}

// WriteHeader remembers the final status; informational ones (1xx) pass.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= 200 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// code is the status that the client sees.
func (rec *recorder) code() int {
	if rec.status == 0 {
		return http.StatusOK
	}
	return rec.status
}

// begun reports whether an answer is under way, so that no other can be given.
func begun(w http.ResponseWriter) bool {
	rec, ok := w.(*recorder)
	return ok && rec.status != 0
}

// requestDurations registers the histogram of request durations. Its labels have few values: routes of ours, known methods, statuses.
func requestDurations(registry prometheus.Registerer) *prometheus.HistogramVec {
	if registry == nil {
		return nil
	}
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gatehouse_http_request_duration_seconds",
		Help:    "How long requests took, by route, method and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"route", "method", "status"})
	if err := registry.Register(durations); err != nil {
		if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			return there.ExistingCollector.(*prometheus.HistogramVec)
		}
		panic(err) // another metric has this name: a mistake of ours
	}
	return durations
}

// routeLabel is a pattern of the mux without what differs between a path and the same path without its slash.
func routeLabel(pattern string) string {
	pattern = strings.TrimSuffix(pattern, "{$}")
	if pattern == "" {
		return "other"
	}
	if strings.HasSuffix(pattern, "/") {
		return pattern
	}
	return pattern + "/"
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
		return method
	}
	return "other"
}
