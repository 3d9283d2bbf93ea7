package mail

import (
	"testing"
	"time"
)

func TestTimesAreInUTC(t *testing.T) {
	at := time.Date(2026, 3, 1, 1, 30, 0, 0, time.FixedZone("", 2*60*60))
	if got, want := longTime(at), "28 February 2026 at 23:30 UTC"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
