package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestLongestInputs: what is accepted at its longest is refused, or passed over, when it is one longer.
func TestLongestInputs(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for length, kept := range map[int]bool{128: true, 129: false} {
			sent := strings.Repeat("i", length)
			if got := h.Browser().Get("/", "X-Request-Id", sent).Header.Get("X-Request-Id"); (got == sent) != kept {
				h.Errorf("a request id of %d bytes is kept: %v, want %v", length, got == sent, kept)
			}
		}
		for length, shown := range map[int]bool{254: true, 255: false} {
			hint := strings.Repeat("h", length-len("@example.org")) + "@example.org"
			page := h.Browser().Authorize(h.Insight, "login_hint", hint).WantSignIn()
			if got := strings.Contains(page.Body, hint); got != shown {
				h.Errorf("a login_hint of %d bytes is on the page: %v, want %v", length, got, shown)
			}
		}
		for length, refused := range map[int]bool{64 << 10: false, 64<<10 + 1: true} {
			a := h.Program().Post("/o/token/", webtest.Pairs("x", strings.Repeat("x", length-len("x="))))
			if (a.Status == http.StatusRequestEntityTooLarge) != refused {
				h.Errorf("a body of %d bytes: got %d, want 413: %v", length, a.Status, refused)
			}
		}
	}, webtest.TrustLoopback)
}
