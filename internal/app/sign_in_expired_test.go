package app

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
)

// TestApplicationsAreToldThatASignInExpired, once, although nobody comes to this server.
func TestApplicationsAreToldThatASignInExpired(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, cfg config.Config) {
		cfg.Authn.SessionLifetime = 10 * time.Minute
		endpoint, clock := newLogoutEndpoint(t), testkit.NewClock(noon)
		a, _, _, sid := connectedIn(t, cfg, clock, endpoint)
		told := func() int {
			t.Helper()
			a.prune(t.Context())
			a.deliver(t.Context())
			return len(endpoint.tokens)
		}
		clock.Advance(cfg.Authn.SessionLifetime - 1)
		if n := told(); n != 0 {
			t.Fatalf("told %d times before the sign-in has expired", n)
		}
		clock.Advance(pruneMargin + 1)
		if n := told(); n != 1 {
			t.Fatalf("told %d times, want once", n)
		}
		payload, err := base64.RawURLEncoding.DecodeString(strings.Split(endpoint.tokens[0], ".")[1])
		if err != nil || !strings.Contains(string(payload), `"sid":"`+sid+`"`) {
			t.Errorf("the logout token says %s (%v), want the sid %s", payload, err, sid)
		}
		if n := told(); n != 1 {
			t.Errorf("told again: %d times", n)
		}
	})
}
