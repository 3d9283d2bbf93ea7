package flight_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/flight"
)

// source is what a value is loaded from. Its answers are set by the test.
type source struct {
	loads atomic.Int32
	load  atomic.Pointer[func(context.Context) (string, error)]
}

func (s *source) answers(f func(context.Context) (string, error)) { s.load.Store(&f) }

func (s *source) says(text string, err error) {
	s.answers(func(context.Context) (string, error) { return text, err })
}

func newValue(s *source) *flight.Value[string] {
	return &flight.Value[string]{
		Load: func(ctx context.Context) (string, error) {
			s.loads.Add(1)
			return (*s.load.Load())(ctx)
		},
		Now: time.Now, Fresh: time.Second, Keep: time.Minute,
	}
}

func want(t *testing.T, v *flight.Value[string], text string, err error) {
	t.Helper()
	got, gotErr := v.Get(t.Context())
	if got != text || !errors.Is(gotErr, err) {
		t.Errorf("Get = %q, %v; want %q, %v", got, gotErr, text, err)
	}
}

func TestManyCallersMakeOneLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.answers(func(context.Context) (string, error) {
			time.Sleep(time.Second)
			return "a", nil
		})
		v := newValue(&s)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { want(t, v, "a", nil) })
		}
		wg.Wait()
		if n := s.loads.Load(); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

func TestValueIsLoadedAgainWhenItIsNotFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		v := newValue(&s)
		s.says("a", nil)
		want(t, v, "a", nil)
		s.says("b", nil)
		time.Sleep(time.Second - time.Millisecond)
		want(t, v, "a", nil)
		time.Sleep(time.Millisecond)
		want(t, v, "b", nil)
	})
}

// A database that does not answer holds a caller for the bound, and after that nobody until the value would have been loaded again.
func TestSlowLoadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		v := newValue(&s)
		s.says("good", nil)
		want(t, v, "good", nil)
		silent := make(chan struct{})
		defer close(silent)
		s.answers(func(context.Context) (string, error) { <-silent; return "", nil }) // obeys no context
		time.Sleep(time.Second)
		start := time.Now()
		want(t, v, "good", nil)
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("waited %s, want 3s", waited)
		}
		start = time.Now()
		want(t, v, "good", nil)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the next waited %s, want no time", waited)
		}
	})
}

func TestLastGoodValueIsKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		v := newValue(&s)
		broken := errors.New("broken")
		s.says("", broken)
		want(t, v, "", broken)
		time.Sleep(time.Second)
		s.says("good", nil)
		want(t, v, "good", nil)
		s.says("", broken)
		time.Sleep(time.Minute - time.Millisecond)
		want(t, v, "good", nil)
		time.Sleep(time.Millisecond)
		want(t, v, "", broken)
		time.Sleep(time.Second)
		s.says("again", nil)
		want(t, v, "again", nil)
	})
}

func TestCallerThatHangsUpStopsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s source
		s.answers(func(context.Context) (string, error) {
			time.Sleep(time.Second)
			return "a", nil
		})
		v := newValue(&s)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Millisecond)
			cancel()
		}()
		start := time.Now()
		if _, err := v.Get(ctx); !errors.Is(err, context.Canceled) || time.Since(start) != time.Millisecond {
			t.Errorf("error %v after %s, want Canceled at once", err, time.Since(start))
		}
		want(t, v, "a", nil) // the load went on for others
		if n := s.loads.Load(); n != 1 {
			t.Errorf("%d loads, want 1", n)
		}
	})
}

func TestPanicOfALoadIsAnError(t *testing.T) {
	var s source
	s.answers(func(context.Context) (string, error) { panic("oh") })
	if _, err := newValue(&s).Get(t.Context()); err == nil || !strings.Contains(err.Error(), "panic while loading: oh") {
		t.Errorf("error %v, want one that says what happened", err)
	}
}

func TestClockThatWasSetBackLoadsAgain(t *testing.T) {
	var s source
	v := newValue(&s)
	now := time.Now()
	v.Now = func() time.Time { return now }
	s.says("a", nil)
	want(t, v, "a", nil)
	s.says("b", nil)
	now = now.Add(-time.Hour)
	want(t, v, "b", nil)
}
