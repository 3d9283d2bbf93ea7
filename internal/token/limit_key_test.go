package token_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// All servers on a database must count in the same counters, and nobody else may compute their names.
func TestLimitMACIsSharedByServersAndSecret(t *testing.T) {
	clock, store, master := newClock(), openStore(t), token.NewMasterKey()
	message := []byte("account ada@example.com")
	first := openKeyring(t, store, master, clock).LimitMAC(message)
	if again := openKeyring(t, store, master, clock).LimitMAC(message); !bytes.Equal(first, again) {
		t.Error("two servers on one database compute different MACs")
	}
	if other := openKeyring(t, openStore(t), master, clock).LimitMAC(message); bytes.Equal(first, other) {
		t.Error("another database has the same MAC")
	}
	if other := openKeyring(t, store, master, clock).LimitMAC([]byte("account eve@example.com")); bytes.Equal(first, other) {
		t.Error("another message has the same MAC")
	}
}

// When the MAC key is replaced, old refresh tokens keep their key, and counters change to the new one.
func TestLimitMACUsesTheCurrentKey(t *testing.T) {
	clock := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), clock)
	before := keys.LimitMAC([]byte("x"))
	if err := keys.Rotate(t.Context(), token.RotationOverlap{Publish: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if waiting := keys.LimitMAC([]byte("x")); !bytes.Equal(before, waiting) {
		t.Error("the MAC changed before the new key is in use")
	}
	clock.Advance(time.Hour)
	if after := keys.LimitMAC([]byte("x")); bytes.Equal(before, after) {
		t.Error("the MAC did not change with the key")
	}
}
