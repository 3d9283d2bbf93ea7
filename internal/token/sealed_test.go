package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

type pending struct{ State, Challenge string }

const forTest = token.PurposeRequest

func TestSealedValueOpensUntilItExpires(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	want := pending{"a&b", "xyz"}
	sealed, err := keys.Seal(forTest, want, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(sealed, "+/=&?#% ") || strings.Contains(sealed, "xyz") {
		t.Errorf("got %q, want something opaque that is safe in a URL", sealed)
	}
	c.Advance(time.Minute - time.Millisecond)
	var got pending
	if err := keys.Open(forTest, sealed, &got); err != nil || got != want {
		t.Errorf("a millisecond before its expiry: got %v, %v, want %v", got, err, want)
	}
	c.Advance(time.Millisecond)
	got = pending{}
	if err := keys.Open(forTest, sealed, &got); !errors.Is(err, token.ErrExpired) {
		t.Errorf("at its expiry: got %v, want ErrExpired", err)
	}
	if got != want {
		t.Errorf("an expired value is %v, want %v for the log", got, want)
	}
}

func TestSealedValueOfAnotherServerDoesNotOpen(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	stranger := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	sealed, _ := keys.Seal(forTest, pending{"s", "c"}, time.Minute)
	var v pending
	if err := stranger.Open(forTest, sealed, &v); !errors.Is(err, token.ErrNotOurs) {
		t.Errorf("another server's keyring: got %v, want ErrNotOurs", err)
	}
	if v != (pending{}) {
		t.Errorf("a value that did not open left %v", v)
	}
}

func TestSealedValueCannotBeAltered(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	sealed, _ := keys.Seal(forTest, pending{"state", "challenge"}, time.Minute)
	var v pending
	if err := keys.Open(forTest, sealed, &v); err != nil {
		t.Fatal(err)
	}
	refused := func(altered string) {
		t.Helper()
		if err := keys.Open(forTest, altered, &v); !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%q: got %v, want ErrNotOurs", altered, err)
		}
	}
	for i := range len(sealed) {
		for _, b := range []byte{sealed[i] ^ 1, 'A', 'z', '_', '.', '\n'} {
			if b != sealed[i] {
				refused(sealed[:i] + string([]byte{b}) + sealed[i+1:])
			}
		}
		refused(sealed[:i])
		refused(sealed[:i] + "\n" + sealed[i:])
		refused(sealed[:i] + "\r" + sealed[i:])
	}
	// Sizes that leave the last character bits without a meaning.
	for _, state := range []string{"", "1", "12"} {
		sealed, _ := keys.Seal(forTest, pending{State: state}, time.Minute)
		last := len(sealed) - 1
		for b := range byte(128) {
			if b != sealed[last] {
				refused(sealed[:last] + string([]byte{b}))
			}
		}
	}
	for _, tail := range []string{"A", "=", "==", "\n", ".", " "} {
		refused(sealed + tail)
	}
	refused(strings.Repeat("A", 4096))
}

func FuzzOpen(f *testing.F) {
	c := newClock()
	keys := openKeyring(f, openStore(f), token.NewMasterKey(), c)
	sealed, _ := keys.Seal(forTest, pending{"s", "c"}, time.Minute)
	f.Add(sealed)
	f.Add("")
	f.Add(".")
	f.Add(sealed[:9])
	f.Fuzz(func(t *testing.T, s string) {
		var v pending
		if err := keys.Open(forTest, s, &v); err == nil && s != sealed {
			t.Errorf("%q opens and was never sealed", s)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	c := newClock()
	keys := openKeyring(b, openStore(b), token.NewMasterKey(), c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Seal(forTest, pending{"state", "challenge"}, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	c := newClock()
	keys := openKeyring(b, openStore(b), token.NewMasterKey(), c)
	sealed, _ := keys.Seal(forTest, pending{"state", "challenge"}, time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		var v pending
		if err := keys.Open(forTest, sealed, &v); err != nil {
			b.Fatal(err)
		}
	}
}
