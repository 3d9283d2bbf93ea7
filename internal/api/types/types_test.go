package types

import (
	"encoding/json"
	"testing"
	"time"
)

func TestInstantIsInUTCToTheSecondAndOmittedWhenZero(t *testing.T) {
	at := time.Date(2026, 3, 1, 13, 0, 0, 123_000_000, time.FixedZone("CET", 3600))
	for want, u := range map[string]User{
		`{"id":"","email":"","email_verified":false,"name":"","operator":false,"created_at":"2026-03-01T12:00:00Z"}`: {CreatedAt: Instant(at)},
		`{"id":"","email":"","email_verified":false,"name":"","operator":false,"created_at":"2026-03-01T12:00:00Z","disabled_at":"2026-03-01T12:00:00Z"}`: {
			CreatedAt: Instant(at), DisabledAt: Instant(at),
		},
	} {
		got, err := json.Marshal(u)
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}
