package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
)

// trace is what the log says of one request. It travels in the request's context.
type trace struct {
	id      string     // the request id
	address netip.Addr // the client's, as far as trusted proxies tell
	from    string     // the address as text
	client  string     // the client id, once it is known to be one of ours
	answer  recorder
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
		t.answer.ResponseWriter = w
		ctx := audit.WithOrigin(r.Context(), audit.Origin{Address: t.from, RequestID: t.id})
		r = r.WithContext(context.WithValue(ctx, traceKey{}, t))

		header := w.Header()
		header["X-Request-Id"] = []string{t.id}
		header["X-Content-Type-Options"] = nosniff
		if s.https {
			header["Strict-Transport-Security"] = httpsForAYear
		}
		defer func() { // an aborted answer has its line too
			end := s.Now()
			s.durations.observe(r, t.answer.code(), end.Sub(start))
			s.logRequest(r, t, end, end.Sub(start))
		}()
		mux.ServeHTTP(&t.answer, r)
	})
}

// logRequest writes the access log's line. It calls the handler itself: the logger would find out first where in the program it was called.
func (s *server) logRequest(r *http.Request, t *trace, at time.Time, took time.Duration) {
	log := s.Log.Handler()
	if !log.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	attrs := [...]slog.Attr{
		slog.String("request_id", t.id),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", t.answer.code()),
		slog.Duration("duration", took),
		slog.Int64("bytes", t.answer.bytes),
		slog.String("address", t.from),
		slog.String("client_id", t.client),
	}
	known := attrs[:]
	if t.client == "" {
		known = attrs[:len(attrs)-1]
	}
	line := slog.NewRecord(at, slog.LevelInfo, "request", 0)
	line.AddAttrs(known...)
	_ = log.Handle(r.Context(), line) // where would one tell?
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
	t.from = t.address.String()
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
	ap, err := netip.ParseAddrPort(s)
	a := ap.Addr()
	if err != nil {
		if a, err = netip.ParseAddr(s); err != nil {
			return netip.Addr{}
		}
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
