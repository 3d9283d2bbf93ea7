package route

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// Observer is the middleware around all routes. It gives each request its id and address, each response the headers that all have, and
// the log a line.
type Observer struct {
	Log            *slog.Logger
	Now            func() time.Time
	HTTPS          bool           // the public URL is https
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Durations      *Durations     // nil without metrics
	// Context adds to the context of each request. It may be nil.
	Context func(context.Context, *Trace) context.Context
}

// Handler is the middleware. Nothing from a query, a body, a cookie or the Authorization header is ever logged: codes, tokens, secrets,
// verifiers and passwords are there.
func (o *Observer) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := o.Now()
		t := o.newTrace(r)
		t.answer.ResponseWriter = w
		ctx := r.Context()
		if o.Context != nil {
			ctx = o.Context(ctx, t)
		}
		r = r.WithContext(context.WithValue(ctx, traceKey{}, t))

		header := w.Header()
		header["X-Request-Id"] = []string{t.ID}
		header["X-Content-Type-Options"] = nosniff
		if o.HTTPS {
			header["Strict-Transport-Security"] = httpsForAYear
		}
		defer func() { // an aborted answer has its line too
			end := o.Now()
			o.Durations.observe(r, t.answer.code(), end.Sub(start))
			o.logRequest(r, t, end, end.Sub(start))
		}()
		next.ServeHTTP(&t.answer, r)
	})
}

// logRequest writes the access log's line. It calls the slog handler itself, because the logger would first look up the program counter
// of its caller.
func (o *Observer) logRequest(r *http.Request, t *Trace, at time.Time, took time.Duration) {
	log := o.Log.Handler()
	if !log.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	attrs := [...]slog.Attr{
		slog.String("request_id", t.ID),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", t.answer.code()),
		slog.Duration("duration", took),
		slog.Int64("bytes", t.answer.bytes),
		slog.String("address", t.From),
		slog.String("client_id", t.Client),
	}
	known := attrs[:]
	if t.Client == "" {
		known = attrs[:len(attrs)-1]
	}
	line := slog.NewRecord(at, slog.LevelInfo, "request", 0)
	line.AddAttrs(known...)
	_ = log.Handle(r.Context(), line) // a log that fails cannot be told to the log
}

// recorder keeps the status and the size of an answer.
type recorder struct {
	http.ResponseWriter
	status int // 0 until the header is written
	bytes  int64
}

// WriteHeader keeps the final status; informational ones (1xx) pass.
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

// started reports whether an answer has begun, so that no other can be given.
func started(w http.ResponseWriter) bool {
	rec, ok := w.(*recorder)
	return ok && rec.status != 0
}
