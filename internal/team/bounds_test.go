package team_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// RFC 5321 §4.5.3.1.3: an address has 254 bytes at most.
func TestLongestEmail(t *testing.T) {
	const domain = "@example.com"
	for length, accepted := range map[int]bool{254: true, 255: false} {
		email := strings.Repeat("a", length-len(domain)) + domain
		if _, err := team.ParseEmail(email); (err == nil) != accepted {
			t.Errorf("%d bytes: got %v, want acceptance: %v", length, err, accepted)
		}
	}
}
