package client

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testkit"
)

// A document of keys is read up to its bound and not beyond it, and one that is remembered is trusted until its time is over.
func TestClientKeysAtTheirBounds(t *testing.T) {
	for more, accepted := range map[int]bool{0: true, 1: false} {
		server := newKeyServer(t, "a")
		whole := strings.TrimSpace(*server.body.Load())
		padded := strings.Repeat(" ", jwksMaxBytes+more-len(whole)) + whole
		server.body.Store(&padded)
		if keys, err := NewKeyCache(local(), time.Now).Fetch(t.Context(), server.url, "a"); (err == nil) != accepted {
			t.Errorf("%d bytes and %d more: got %d keys, %v, want acceptance: %v", jwksMaxBytes, more, len(keys.Keys), err, accepted)
		}
	}

	clock, server := testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), newKeyServer(t, "a")
	cache := NewKeyCache(local(), clock.Now)
	if _, err := cache.Fetch(t.Context(), server.url, "a"); err != nil {
		t.Fatal(err)
	}
	server.code.Store(http.StatusNotFound)
	clock.Advance(jwksLifetime - time.Millisecond)
	if keys, err := cache.Fetch(t.Context(), server.url, "a"); err != nil || len(keys.Key("a")) == 0 {
		t.Errorf("just before its time is over: %v", err)
	}
	clock.Advance(time.Millisecond)
	if keys, err := cache.Fetch(t.Context(), server.url, "a"); err == nil || len(keys.Keys) > 0 {
		t.Errorf("when its time is over: a key that was withdrawn is still trusted")
	}
}
