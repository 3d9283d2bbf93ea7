package app

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/config"
)

// reader is what reads a log. It takes lines only after it was let go.
type reader struct {
	began, open chan struct{}
	once        sync.Once
	text        bytes.Buffer
	room        int // bytes that still fit; negative for no end
}

func newReader() *reader {
	return &reader{began: make(chan struct{}), open: make(chan struct{}), room: -1}
}

func (r *reader) Write(lines []byte) (int, error) {
	r.once.Do(func() { close(r.began) })
	<-r.open
	if r.room >= 0 && len(lines) > r.room {
		n, _ := r.text.Write(lines[:r.room])
		r.room = 0
		return n, errors.New("no space left")
	}
	return r.text.Write(lines)
}

func TestLogLosesNothingAtAnOrdinaryEnd(t *testing.T) {
	r := newReader()
	l := NewLog(config.Default(), r)
	log := l.Logger()
	for i := range 1000 {
		log.Info("line", "number", i)
	}
	<-r.began
	close(r.open)
	l.Close()
	lines := strings.Split(strings.TrimSpace(r.text.String()), "\n")
	if len(lines) != 1000 || l.Dropped() != 0 {
		t.Fatalf("%d lines were written, %d dropped; want 1000 and 0", len(lines), l.Dropped())
	}
	for i, line := range lines {
		if !strings.Contains(line, fmt.Sprintf(`"number":%d}`, i)) {
			t.Fatalf("line %d is %s", i, line)
		}
	}
}

// Callers do not wait for a reader that stalls. What does not fit is counted, and the log says so when the reader goes on.
func TestLogOfAStalledReaderIsBounded(t *testing.T) {
	r := newReader()
	l := NewLog(config.Default(), r)
	log := l.Logger()
	log.Info("first")
	<-r.began
	long := strings.Repeat("x", 10_000)
	const n = 3 * logRoom / 10_000
	for range n {
		log.Info(long)
	}
	dropped := l.Dropped()
	if dropped < n/2 || dropped >= n {
		t.Errorf("%d of %d lines were dropped, want about two thirds", dropped, n)
	}
	close(r.open)
	l.Close()
	kept := strings.Count(r.text.String(), long)
	if kept+int(dropped) != n || !strings.Contains(r.text.String(), fmt.Sprintf(`"lines":%d}`, dropped)) {
		t.Errorf("%d lines were kept and %d dropped of %d, and the log ends with %.200s", kept, dropped, n, r.text.String()[max(0, r.text.Len()-200):])
	}
}

func TestLogEndsWithoutItsReader(t *testing.T) {
	r := newReader()
	defer close(r.open)
	l := NewLog(config.Default(), r)
	l.Logger().Info("line")
	<-r.began
	l.Close() // returns
	l.Logger().Info("too late")
	if n := l.Dropped(); n != 1 {
		t.Errorf("%d lines were dropped, want 1", n)
	}
}

// A full disk cuts a line off. The next one begins on a line of its own.
func TestLogContinuesOnANewLine(t *testing.T) {
	r := newReader()
	close(r.open)
	r.room = 10
	to := &wholeLines{to: r}
	if n, err := to.Write([]byte("a line that does not fit\n")); n != 10 || err == nil {
		t.Fatalf("got %d, %v", n, err)
	}
	r.room = -1
	if _, err := to.Write([]byte("next\n")); err != nil {
		t.Fatal(err)
	}
	if got := r.text.String(); got != "a line tha\nnext\n" {
		t.Errorf("got %q", got)
	}
}
