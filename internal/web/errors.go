package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// problem is an error of HTTP, not of OAuth: a wrong method, no such page.
type problem struct {
	status   int
	sentence string // what happened
	todo     string // what the person can do
}

func (p *problem) Error() string { return p.sentence }

// panicError is a panic on its way to the log.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// page is the adapter for people: errors become error pages, or travel to the redirect URI when they may. Where a browser goes from here, it does not say where it was.
func (s *server) page(h handler) http.Handler {
	return s.adapter(func(w http.ResponseWriter, r *http.Request) error {
		w.Header()["Referrer-Policy"] = noReferrer
		return h(w, r)
	}, s.failPage)
}

// endpoint is the adapter for programs: errors become JSON (RFC 6749 §5.2).
func (s *server) endpoint(h handler) http.Handler {
	return s.adapter(h, s.failJSON)
}

// protected is the adapter for what is reached with an access token: errors become JSON with a challenge (RFC 6750 §3).
func (s *server) protected(h handler) http.Handler {
	return s.adapter(h, s.failProtected)
}

func (s *server) adapter(h handler, fail func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := recovered(h, w, r)
		if err == nil {
			return
		}
		s.logError(r, err)
		if begun(w) {
			panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
		fail(w, r, err)
	})
}

// recovered runs h and makes a panic an error.
func recovered(h handler, w http.ResponseWriter, r *http.Request) (err error) {
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

// failPage writes the error page.
func (s *server) failPage(w http.ResponseWriter, r *http.Request, err error) {
	if redirect, ok := errors.AsType[*authz.RedirectError](err); ok {
		if err = s.respond(w, r, redirect.Response); err == nil {
			return
		}
		s.logError(r, err)
	}
	view := pageOf(err)
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		w.Header().Set("Retry-After", retryAfter(throttled.Wait))
	}
	session, sessionErr := s.session(r)
	if sessionErr != nil { // it only says who is signed in; what went wrong is said without it
		session = nil
	}
	view.Chrome = s.chrome(r, titleOf(view.Status), session)
	if err := s.show(w, r, view.Status, view); err != nil {
		s.logError(r, err)
		http.Error(w, "The server could not answer. The request id is "+traceOf(r.Context()).id+".", http.StatusInternalServerError)
	}
}

func titleOf(status int) string {
	switch {
	case status == http.StatusNotFound:
		return "Page not found"
	case status == http.StatusTooManyRequests:
		return "Too many attempts"
	case status >= 500:
		return "Something went wrong here"
	}
	return "We had to stop here"
}

// pageOf is what the error page says.
func pageOf(err error) errorView {
	if p, ok := errors.AsType[*problem](err); ok {
		return errorView{Status: p.status, Sentence: p.sentence, Todo: p.todo}
	}
	if p, ok := errors.AsType[*authz.PageError](err); ok {
		return pageOfRequest(p)
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		return errorView{
			Status:   http.StatusTooManyRequests,
			Sentence: "There were too many attempts.",
			Todo:     "Wait " + inWords(throttled.Wait) + ", then try again.",
		}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errorView{
			Status:   http.StatusRequestEntityTooLarge,
			Sentence: "What was sent is too large.",
			Todo:     "Go back and try again with less.",
			Developer: []developerFact{
				{"The most that is read of a body", strconv.FormatInt(tooLarge.Limit, 10) + " bytes"},
			},
		}
	}
	code, description := oauth.Outside(err)
	if code == oauth.ServerError {
		return errorView{
			Status:   http.StatusInternalServerError,
			Sentence: "The server could not answer this request.",
			Todo:     "Try again in a moment. If it lasts, tell the operator of this server the request id below.",
		}
	}
	return errorView{
		Status:    http.StatusBadRequest,
		Sentence:  "The request that brought you here is not complete or not well-formed.",
		Todo:      "Go back to where you came from and try again.",
		Developer: []developerFact{{"error", string(code)}, {"error_description", description}},
	}
}

// pageOfRequest is the page for a request that must not be redirected. The person learns whose mistake it is, the developer what exactly is wrong.
func pageOfRequest(p *authz.PageError) errorView {
	view := errorView{
		Status:   http.StatusBadRequest,
		Sentence: "The application that sent you here asked in a way that this server must refuse.",
		Todo:     "Nothing was shared with it. Go back to the application; if this happens again, tell those who run it.",
	}
	if p.Client != "" {
		view.Sentence = p.Client + " asked in a way that this server must refuse."
	}
	if errors.Is(p, token.ErrExpired) || errors.Is(p, token.ErrNotOurs) {
		view.Sentence = "This step of connecting an application is no longer valid."
		view.Todo = "Nothing was shared. Go back to the application and start again."
	}
	code, description := oauth.Outside(p.Err)
	view.Developer = []developerFact{{"error", string(code)}, {"error_description", description}}
	if p.Client != "" {
		view.Developer = append(view.Developer, developerFact{"Application", p.Client})
	}
	if p.Received != "" {
		view.Developer = append(view.Developer, developerFact{"Received", p.Received})
	}
	return view
}

// failJSON writes an error response of RFC 6749 §5.2.
func (s *server) failJSON(w http.ResponseWriter, r *http.Request, err error) {
	status, code, description := jsonOf(err)
	header := w.Header()
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		header.Set("Retry-After", retryAfter(throttled.Wait))
	}
	if status == http.StatusUnauthorized && r.Header.Get("Authorization") != "" {
		// RFC 6749 §5.2: name the scheme that the client tried.
		header.Set("WWW-Authenticate", `Basic realm="`+s.Issuer+`", charset="UTF-8"`)
	}
	writeError(w, status, code, description)
}

func writeError(w http.ResponseWriter, status int, code oauth.Code, description string) {
	writeJSON(w, status, struct {
		Error       oauth.Code `json:"error"`
		Description string     `json:"error_description,omitempty"`
	}{code, description})
}

// jsonOf is what a program is told.
func jsonOf(err error) (int, oauth.Code, string) {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.status, oauth.InvalidRequest, p.sentence
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		return http.StatusTooManyRequests, oauth.TemporarilyUnavailable,
			"Too many failed attempts to authenticate this client. Wait " + inWords(throttled.Wait) + ", then try again with the right secret."
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return http.StatusRequestEntityTooLarge, oauth.InvalidRequest, fmt.Sprintf("The body is larger than %d bytes.", tooLarge.Limit)
	}
	code, description := oauth.Outside(err)
	status := http.StatusBadRequest
	switch code {
	case oauth.InvalidClient:
		status = http.StatusUnauthorized
	case oauth.ServerError:
		status = http.StatusInternalServerError
	case oauth.TemporarilyUnavailable:
		status = http.StatusServiceUnavailable
	}
	return status, code, description
}

// writeJSON answers with JSON that no cache keeps (RFC 6749 §5.1).
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own structs can be written
	}
	header := w.Header()
	header["Content-Type"], header["Cache-Control"], header["Pragma"] = typeJSON, noStore, noCache
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body)
}

// logError writes what the client is not told. A mistake of the client is no error of ours. Descriptions are left out: they may echo what was
// received, and a secret can be sent in the wrong place.
func (s *server) logError(r *http.Request, err error) {
	level, message := slog.LevelError, "request failed"
	if status, _, _ := protectedError(err); status < 500 {
		level, message = slog.LevelInfo, "request refused"
	} else if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		level, message = slog.LevelInfo, "request abandoned"
	}
	attrs := []slog.Attr{slog.String("request_id", traceOf(r.Context()).id)}
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
	s.Log.LogAttrs(r.Context(), level, message, attrs...)
}

// beside is what went wrong here while a client was refused for a mistake of its own, and joined to that: the audit trail could not be written.
func beside(err error) string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return ""
	}
	var also []string
	for _, one := range joined.Unwrap() {
		if _, told := errors.AsType[*oauth.Error](one); !told {
			also = append(also, one.Error())
		}
	}
	return strings.Join(also, "; ")
}

// retryAfter is a wait in whole seconds, rounded up (RFC 9110 §10.2.3).
func retryAfter(wait time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
}

// inWords is a wait as people say it, rounded up.
func inWords(wait time.Duration) string {
	count, unit := int(math.Ceil(wait.Minutes())), "minute"
	if wait <= time.Minute {
		count, unit = max(1, int(math.Ceil(wait.Seconds()))), "second"
	}
	if count != 1 {
		unit += "s"
	}
	return strconv.Itoa(count) + " " + unit
}
