package authn

import (
	"context"
	"errors"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"strings"
	"testing"
	"testing/synctest"
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
		h := newHasher(insecureCost, 1)
		if err := h.acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waited := make(chan error, queuePerSlot)
		for range queuePerSlot {
			go func() { waited <- h.acquire(ctx) }()
		}
		synctest.Wait()
		if len(waited) > 0 {
			t.Fatalf("got %v although the only slot is taken", <-waited)
		}
		err := h.acquire(t.Context())
		if _, ok := errors.AsType[*limit.ThrottledError](err); !ok {
			t.Errorf("with the queue full: got %v, want *limit.ThrottledError", err)
		}
		h.release()
		synctest.Wait()
		if len(waited) != 1 || <-waited != nil {
			t.Error("a free slot did not go to one who waited")
		}
		cancel()
		synctest.Wait()
		for range queuePerSlot - 1 {
			if err := <-waited; !errors.Is(err, context.Canceled) {
				t.Errorf("a caller who gave up: got %v, want context.Canceled", err)
			}
		}
		h.release()
		if err := h.acquire(t.Context()); err != nil {
			t.Errorf("after everyone left: %v", err)
		}
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
