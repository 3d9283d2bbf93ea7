package route

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// Adapter makes an http.Handler of a Handler.
type Adapter struct {
	Log ErrorLog
	// Header is set on every answer, successful or not. It may be nil.
	Header func(http.Header)
	// Decline answers a request that no person made (unasked). It is nil for routes that answer programs.
	Decline Handler
	// Fail writes an error as the answer.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

// Handler runs h; it logs and writes the error that h returns, and makes a panic an error.
func (a Adapter) Handler(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.Header != nil {
			a.Header(w.Header())
		}
		err := recovered(h, w, r)
		if err == nil {
			return
		}
		a.Log.Report(r, err)
		if started(w) {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		a.Fail(w, r, err)
	})
}

// panicError is a panic on its way to the log.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// recovered runs h and makes a panic an error.
func recovered(h Handler, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return h(w, r)
}

// ErrorLog writes to the log what the client is not told.
type ErrorLog struct {
	*slog.Logger
	Status func(error) int // the HTTP status of an error: below 500 it is the client's mistake
}

// Report logs the error of a request. A mistake of the client is no error of ours. Descriptions are left out, because they may quote
// what was received, and a secret can be sent in the wrong place.
func (l ErrorLog) Report(r *http.Request, err error) {
	level, message := slog.LevelError, "request failed"
	if l.Status(err) < 500 {
		level, message = slog.LevelInfo, "request refused"
	} else if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		level, message = slog.LevelInfo, "request abandoned"
	}
	attrs := []slog.Attr{slog.String("request_id", TraceOf(r.Context()).ID)}
	if p, ok := errors.AsType[*panicError](err); ok {
		attrs = append(attrs, slog.String("error", p.Error()), slog.String("stack", string(p.stack)))
	} else if e, ok := errors.AsType[*oauth.Error](err); ok {
		attrs = append(attrs, slog.String("error", string(e.Code)))
		if e.Cause != nil {
			attrs = append(attrs, slog.String("cause", e.Cause.Error()))
		}
		if also := beside(err); also != "" {
			level = slog.LevelError
			attrs = append(attrs, slog.String("also", also))
		}
	} else {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	l.LogAttrs(r.Context(), level, message, attrs...)
}

// beside is a failure of ours that was joined to the refusal of a client: the audit trail could not be written.
func beside(err error) string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return ""
	}
	var also []string
	for _, one := range joined.Unwrap() {
		if _, told := errors.AsType[*oauth.Error](one); !told || errors.Is(one, oauth.TemporarilyUnavailable) {
			also = append(also, one.Error())
		}
	}
	return strings.Join(also, "; ")
}
