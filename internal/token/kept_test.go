package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// What is kept opens for its owner and its purpose only. It opens after a rotation, years later, and under another master key.
func TestKept(t *testing.T) {
	c, store, old, master := newClock(), openStore(t), token.NewMasterKey(), token.NewMasterKey()
	keys := openKeyring(t, store, old, c)
	sealed, err := keys.SealKept(token.KeptAppSecret, "ada", []byte("a secret"))
	if err != nil || strings.Contains(sealed, "secret") {
		t.Fatalf("sealed: %q, %v", sealed, err)
	}
	for name, wrong := range map[string][2]string{
		"another owner": {"bob", sealed}, "nobody": {"", sealed}, "a part": {"ada", sealed[:len(sealed)-4]}, "nothing": {"ada", ""}, "no key": {"ada", sealed[9:]},
		"a sealed value": {"ada", seal(t, keys)},
	} {
		if _, err := keys.OpenKept(token.KeptAppSecret, wrong[0], wrong[1]); !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%s: got %v, want ErrNotOurs", name, err)
		}
	}
	if _, err := keys.OpenKept("another", "ada", sealed); !errors.Is(err, token.ErrNotOurs) {
		t.Errorf("another purpose: got %v, want ErrNotOurs", err)
	}
	for range 3 {
		if err := keys.Rotate(t.Context(), token.RotationOverlap{Publish: time.Hour, Retire: time.Hour, Refresh: time.Hour}); err != nil {
			t.Fatal(err)
		}
		c.Advance(100 * 24 * time.Hour)
		if _, err := keys.Prune(t.Context(), c.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := keys.Reseal(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]*token.Keyring{"the same process": keys, "a new process": openKeyring(t, store, master, c)} {
		if secret, err := keys.OpenKept(token.KeptAppSecret, "ada", sealed); err != nil || string(secret) != "a secret" {
			t.Errorf("%s, after rotations: %q, %v", name, secret, err)
		}
	}
}

func seal(t *testing.T, keys *token.Keyring) string {
	t.Helper()
	sealed, err := keys.Seal(forTest, "a secret", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}
