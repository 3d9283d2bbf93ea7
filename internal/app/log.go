package app

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/config"
)

const (
	// logRoom is how many bytes of log lines wait for a slow reader: some thousand lines.
	logRoom = 1 << 20
	// logFlush is how long Close waits for a reader that has stalled.
	logFlush = time.Second
)

// Log writes log lines to a file or pipe. A caller never waits for it: lines are kept in a bounded buffer, and a goroutine writes
// them. While the buffer is full, or the reader is gone, lines are dropped and counted, and the next line that can be written says how many.
type Log struct {
	to      io.Writer
	format  func(io.Writer) slog.Handler
	dropped atomic.Uint64

	mu     sync.Mutex
	lines  []byte // complete lines
	closed bool

	wake chan struct{} // has a token while there is something to do
	done chan struct{} // closed when the goroutine has ended
}

// NewLog returns the log that a configuration asks for. Close it at the end.
func NewLog(cfg config.Config, to io.Writer) *Log {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	l := &Log{
		to: to, wake: make(chan struct{}, 1), done: make(chan struct{}),
		format: func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) },
	}
	if cfg.LogFormat == "text" {
		l.format = func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	}
	go l.run()
	return l
}

// Logger writes to the log.
func (l *Log) Logger() *slog.Logger { return slog.New(l.format(l)) }

// Dropped is how many lines were dropped so far.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

// Write takes complete lines. Its error is always nil.
func (l *Log) Write(lines []byte) (int, error) {
	l.mu.Lock()
	fits := !l.closed && len(l.lines)+len(lines) <= logRoom
	if fits {
		l.lines = append(l.lines, lines...)
	}
	l.mu.Unlock()
	if !fits {
		l.drop(lines)
		return len(lines), nil
	}
	l.signal()
	return len(lines), nil
}

// Close writes what is in the buffer. It waits for logFlush at most.
func (l *Log) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.signal()
	select {
	case <-l.done:
	case <-time.After(logFlush):
	}
}

func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Log) drop(lines []byte) { l.dropped.Add(uint64(bytes.Count(lines, []byte("\n")))) }

// run writes the lines, until the log is closed and none is left.
func (l *Log) run() {
	defer close(l.done)
	var told uint64 // dropped lines that the log has told about
	var spare []byte
	to := &wholeLines{to: l.to}
	for range l.wake {
		l.mu.Lock()
		lines, closed := l.lines, l.closed
		l.lines = spare[:0]
		l.mu.Unlock()
		if dropped := l.Dropped(); dropped > told && l.tell(to, dropped-told) {
			told = dropped
		}
		if n, err := to.Write(lines); err != nil {
			l.drop(lines[n:])
		}
		spare = lines
		if closed {
			return
		}
	}
}

// tell reports whether it could write that lines were dropped.
func (l *Log) tell(to io.Writer, n uint64) bool {
	var line bytes.Buffer
	slog.New(l.format(&line)).Error("log lines were dropped, because what reads the log is slow or gone", "lines", n)
	_, err := to.Write(line.Bytes())
	return err == nil
}

// wholeLines begins a new line when an error, such as that of a full disk, has cut the last one off.
type wholeLines struct {
	to  io.Writer
	cut bool
}

func (w *wholeLines) Write(lines []byte) (n int, err error) {
	if w.cut {
		if _, err := w.to.Write([]byte("\n")); err != nil {
			return 0, err
		}
	}
	n, err = w.to.Write(lines)
	w.cut = n > 0 && lines[n-1] != '\n'
	return n, err
}
