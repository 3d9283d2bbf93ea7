package mail

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/words"
)

func TestTimesAreTheReaders(t *testing.T) {
	at := time.Date(2026, 3, 1, 1, 30, 0, 0, time.FixedZone("", 2*60*60))
	for want, r := range map[string]reader{
		"28 February 2026 at 23:30 UTC":       {Language: words.English},
		"1 March 2026 at 00:30 UTC+01:00":     {words.English, time.FixedZone("CET", 60*60)},
		"28. Februar 2026 um 18:30 UTC-05:00": {words.Named("de"), time.FixedZone("EST", -5*60*60)},
	} {
		if got := r.time(at); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
