package authn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// A cookie that is longer than any of ours is not hashed, and is nobody's.
func TestLongestSessionCookie(t *testing.T) {
	for length, hashed := range map[int]bool{128: true, 129: false} {
		cookie := token.PrefixSession + strings.Repeat("a", length-len(token.PrefixSession))
		if got := authn.SessionID(cookie) != ""; got != hashed {
			t.Errorf("a cookie of %d bytes is hashed: %v, want %v", length, got, hashed)
		}
	}
}

// Every character of the cookie counts.
func TestSessionIsOfOneCookie(t *testing.T) {
	h := newHouse(t)
	cookie := h.signIn(ask(right)).Cookie.Reveal()
	for at := range cookie {
		if h.alive(token.SecretFrom(cookie[:at] + "*" + cookie[at+1:])) {
			t.Errorf("a cookie that is altered at %d of %d passes", at, len(cookie))
		}
	}
	if h.alive(token.SecretFrom(cookie+"A")) || h.alive(token.SecretFrom(cookie[:len(cookie)-1])) {
		t.Error("a longer or a shorter cookie passes")
	}
	if !h.alive(token.SecretFrom(cookie)) {
		t.Error("the cookie itself does not pass")
	}
}

func TestShortestAndLongestPassword(t *testing.T) {
	for _, tt := range []struct {
		password string
		accepted bool
	}{
		{"xq7Vw!k", false}, {"xq7Vw!kZ", true}, {"éü7Vw!k", false}, // 7 characters of 9 bytes
		{strings.Repeat("xq7Vw!kZ", 32), true}, {strings.Repeat("xq7Vw!kZ", 32) + "x", false},
	} {
		err := authn.CheckPassword(8, tt.password)
		if _, weak := errors.AsType[*authn.WeakPasswordError](err); (err == nil) != tt.accepted || err != nil && !weak {
			t.Errorf("a password of %d bytes: got %v, want acceptance: %v", len(tt.password), err, tt.accepted)
		}
	}
}
