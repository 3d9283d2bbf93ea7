package team

import (
	"errors"
	"testing"
	"time"
)

func TestLinkWorksOnceUntilItExpires(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for kind, traits := range linkKinds {
		if traits.purpose.String() == "" || traits.path == "" || traits.lifetime <= 0 || traits.lifetime > LongestLink {
			t.Errorf("%s: %+v", kind, traits)
		}
		l := NewLink(kind, "u", "Ada@Example.com", "", now)
		if err := l.Works(now.Add(traits.lifetime - 1)); err != nil {
			t.Errorf("%s at its last moment: %v", kind, err)
		}
		if err := l.Works(now.Add(traits.lifetime)); !errors.Is(err, ErrLinkExpired) {
			t.Errorf("%s after it: %v", kind, err)
		}
		if l.UsedAt = now; !errors.Is(l.Works(now), ErrLinkUsed) {
			t.Errorf("%s works twice", kind)
		}
		if !l.SentTo("ada@example.com") || l.SentTo("ada@example.org") {
			t.Errorf("%s was sent to %s", kind, l.Email)
		}
	}
}
