package authn

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
)

// Made by the reference implementation of Argon2 (its test.c), in the PHC string format.
var reference = map[string]string{
	"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4":   "password",
	"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc":   "password",
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc": "password",
}

func TestReferenceHashes(t *testing.T) {
	h := newHasher(insecureCost, 1)
	for phc, password := range reference {
		if ok, err := h.verify(t.Context(), password, phc); !ok || err != nil {
			t.Errorf("%s: got %v, %v; want it to match", phc, ok, err)
		}
		if ok, err := h.verify(t.Context(), password+"x", phc); ok || err != nil {
			t.Errorf("%s: got %v, %v for another password; want no match", phc, ok, err)
		}
	}
}

func TestHashRoundTrip(t *testing.T) {
	h := newHasher(insecureCost, 1)
	first, err := h.hash(t.Context(), "violet")
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.hash(t.Context(), "violet")
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("two hashes of one password are equal: there is no salt")
	}
	if ok, err := h.verify(t.Context(), "violet", first); !ok || err != nil {
		t.Errorf("got %v, %v; want a match", ok, err)
	}
	if !h.current(first) || newHasher(standardCost, 1).current(first) {
		t.Error("a hash must be current for its own cost only")
	}
	if ok, err := h.verify(t.Context(), "", h.unmatchable); ok || err != nil {
		t.Errorf("the unmatchable hash: got %v, %v", ok, err)
	}
}

func TestDamagedHashIsAnError(t *testing.T) {
	h := newHasher(insecureCost, 1)
	good := "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	if _, err := h.verify(t.Context(), "x", good); err != nil {
		t.Fatalf("the hash to be damaged: %v", err)
	}
	for _, damage := range [][2]string{
		{good, ""},
		{"argon2id", "argon2i"},
		{"v=19", "v=16"},
		{"m=8", "m=99999999"},
		{"t=1", "t=0"},
		{"t=1", "t=1000"},
		{"p=1", "p=0"},
		{"p=1", "p=256"},
		{"m=8,", ""},
		{"$c29tZXNhbHQ", "$"},
		{"c29t", "!!!!"},
		{"rEsF5h7TKyQwu9U1bMCHGi/4", ""},
		{"i/4", "i/4$x"},
	} {
		if _, err := h.verify(t.Context(), "x", strings.Replace(good, damage[0], damage[1], 1)); !errors.Is(err, errPHC) {
			t.Errorf("%q for %q: got %v, want errPHC", damage[1], damage[0], err)
		}
	}
}

func TestHashingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1, false)
		p.started.Store(1) // the test is the only worker
		work := func() { (<-p.jobs)() }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, queuePerWorker)
		for range queuePerWorker {
			go func() { ended <- p.run(ctx, func() {}) }()
		}
		synctest.Wait()
		if len(ended) > 0 {
			t.Fatalf("got %v although no worker is free", <-ended)
		}
		err := p.run(t.Context(), func() { t.Error("was run although the queue was full") })
		if _, ok := errors.AsType[*limit.ThrottledError](err); !ok {
			t.Errorf("with the queue full: got %v, want *limit.ThrottledError", err)
		}
		work()
		synctest.Wait()
		if len(ended) != 1 || <-ended != nil {
			t.Error("a free worker did not take the function of a caller that waited")
		}
		cancel()
		synctest.Wait()
		for range queuePerWorker - 1 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("a caller who gave up: got %v, want context.Canceled", err)
			}
		}
		go work()
		if err := p.run(t.Context(), func() {}); err != nil {
			t.Errorf("after everyone left: %v", err)
		}
	})
}

func TestNoMorePasswordsAreHashedAtOnceThanThereAreWorkers(t *testing.T) {
	const size = 3
	p := newPool(size, false)
	var running, most atomic.Int64
	var all sync.WaitGroup
	for range 10 * size {
		all.Go(func() {
			err := p.run(t.Context(), func() {
				n := running.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				runtime.Gosched()
				running.Add(-1)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := most.Load(); got > size {
		t.Errorf("%d functions ran at once, want at most %d", got, size)
	}
	if got := p.started.Load(); got > size {
		t.Errorf("%d workers have started, want at most %d", got, size)
	}
}

func TestPanicOnAWorkerIsItsCallersError(t *testing.T) {
	p := newPool(1, false)
	if err := p.run(t.Context(), func() { panic("broken") }); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("got %v, want the panic", err)
	}
	if err := p.run(t.Context(), func() {}); err != nil {
		t.Errorf("the worker is gone: %v", err)
	}
}

func TestWorkersBeginWhenTheyAreNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(1024, false)
		for range 5 {
			if err := p.run(t.Context(), func() {}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if got := p.started.Load(); got != 1 {
			t.Errorf("%d workers have started for one function at a time, want 1", got)
		}
		close(p.jobs) // workers never end; this one must, for the test to end
	})
}

func TestAProcessWithAQuotaKeepsHalfOfItForOthers(t *testing.T) {
	for _, tt := range []struct {
		processors int
		limited    bool
		want       int
	}{{1, false, 1}, {8, false, 8}, {1, true, 1}, {2, true, 1}, {8, true, 4}} {
		if got := concurrentHashes(tt.processors, tt.limited); got != tt.want {
			t.Errorf("%d processors, limited %t: got %d, want %d", tt.processors, tt.limited, got, tt.want)
		}
	}
}
