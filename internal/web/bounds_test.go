package web_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestLongestInputs: what is accepted at its longest is refused, or passed over, when it is one longer.
func TestLongestInputs(t *testing.T) {
	onBoth(t, func(h *house) {
		for length, kept := range map[int]bool{128: true, 129: false} {
			sent := strings.Repeat("i", length)
			if got := h.browser().get("/", "X-Request-Id", sent).header.Get("X-Request-Id"); (got == sent) != kept {
				h.Errorf("a request id of %d bytes is kept: %v, want %v", length, got == sent, kept)
			}
		}
		for length, shown := range map[int]bool{254: true, 255: false} {
			hint := strings.Repeat("h", length-len("@example.org")) + "@example.org"
			page := h.browser().authorize(h.insight, "login_hint", hint).wantSignIn()
			if got := strings.Contains(page.body, hint); got != shown {
				h.Errorf("a login_hint of %d bytes is on the page: %v, want %v", length, got, shown)
			}
		}
		for length, refused := range map[int]bool{64 << 10: false, 64<<10 + 1: true} {
			a := h.program().post("/o/token/", pairs("x", strings.Repeat("x", length-len("x="))))
			if (a.status == http.StatusRequestEntityTooLarge) != refused {
				h.Errorf("a body of %d bytes: got %d, want 413: %v", length, a.status, refused)
			}
		}
	}, trustLoopback)
}
