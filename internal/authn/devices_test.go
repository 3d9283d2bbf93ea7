package authn

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// What is remembered of sessions is bounded, and there is room again when the interval is over.
func TestRememberedSessionsAreBounded(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := &Authenticator{clock: func() time.Time { return at }}
	for i := range maxSightings + 10 {
		a.Seen(fmt.Sprint("s", i), netip.Addr{})
	}
	if n := len(a.seen.take(at)); n != maxSightings {
		t.Errorf("%d are remembered, want %d", n, maxSightings)
	}
	a.Seen("s0", netip.Addr{})
	if n := len(a.seen.take(at.Add(SightingInterval))); n != 0 {
		t.Errorf("noted again after no time: %d, want none", n)
	}
	at = at.Add(SightingInterval)
	a.Seen("s0", netip.Addr{})
	a.Seen("new", netip.Addr{})
	if n := len(a.seen.take(at)); n != 2 {
		t.Errorf("after the interval: %d are noted, want 2", n)
	}
}
