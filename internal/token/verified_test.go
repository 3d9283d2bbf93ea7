package token_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// forgetful is a store from which keys can be taken.
type forgetful struct {
	token.Store
	gone string // the id of a key
}

func (s *forgetful) Keys(ctx context.Context) ([]token.StoredKey, error) {
	keys, err := s.Store.Keys(ctx)
	return slices.DeleteFunc(keys, func(k token.StoredKey) bool { return k.ID == s.gone }), err
}

// seenToken is an access token of an hour that was verified already.
func seenToken(t testing.TB, keys *token.Keyring, c *testkit.Clock) string {
	t.Helper()
	signed, err := keys.SignAccessToken(claims(c.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.VerifyAccessToken(signed); err != nil {
		t.Fatal(err)
	}
	return signed
}

// wantSeen checks that verifying a token costs no signature.
func wantSeen(t *testing.T, keys *token.Keyring, signed string) {
	t.Helper()
	if allocs := testing.AllocsPerRun(100, func() { keys.VerifyAccessToken(signed) }); allocs > 1 {
		t.Errorf("a token that was seen costs %v allocations", allocs)
	}
}

func TestSeenAccessTokenIsNotVerifiedAgain(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	signed := seenToken(t, keys, c)
	wantSeen(t, keys, signed)
	if err := keys.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantSeen(t, keys, signed) // the keys are the same
}

func TestSeenAccessTokenExpires(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	want := claims(c.Now())
	signed := seenToken(t, keys, c)
	c.Advance(time.Unix(want.Expires, 0).Sub(c.Now()) - time.Second)
	if _, err := keys.VerifyAccessToken(signed); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	c.Advance(time.Second)
	if got, err := keys.VerifyAccessToken(signed); !errors.Is(err, token.ErrExpired) || got.ID != want.ID {
		t.Errorf("got %v and the claims of %q, want ErrExpired and those of %q", err, got.ID, want.ID)
	}
}

// TestSeenAccessTokenDiesWithItsKey: its key's end was not known when the token was seen. The token would live longer.
func TestSeenAccessTokenDiesWithItsKey(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	signed := seenToken(t, keys, c)
	if err := keys.Rotate(t.Context(), token.RotationOverlap{Publish: time.Minute, Retire: time.Minute}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"before the rotation", "after it"} {
		if _, err := keys.VerifyAccessToken(signed); err != nil {
			t.Errorf("seen %s: %v", at, err)
		}
	}
	c.Advance(2 * time.Minute)
	if _, err := keys.VerifyAccessToken(signed); !errors.Is(err, token.ErrNotOurs) {
		t.Errorf("after its key's end: got %v, want ErrNotOurs", err)
	}
}

func TestSeenAccessTokenIsRefusedWhenItsKeyIsGone(t *testing.T) {
	c := newClock()
	store := &forgetful{Store: openStore(t)}
	keys := openKeyring(t, store, token.NewMasterKey(), c)
	old := signingKID(t, keys, c)
	signed := seenToken(t, keys, c)
	if err := keys.Rotate(t.Context(), token.RotationOverlap{Publish: 0, Retire: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.VerifyAccessToken(signed); err != nil {
		t.Errorf("while its key is there: %v", err)
	}
	store.gone = old
	if err := keys.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.VerifyAccessToken(signed); !errors.Is(err, token.ErrNotOurs) {
		t.Errorf("got %v, want ErrNotOurs", err)
	}
}

// TestNoTokenPassesForOneThatWasSeen alters each character of one, the last included, of which base64url uses only some bits.
func TestNoTokenPassesForOneThatWasSeen(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	signed := seenToken(t, keys, c)
	for i := range signed {
		other := "A"
		if signed[i] == 'A' {
			other = "B"
		}
		if _, err := keys.VerifyAccessToken(signed[:i] + other + signed[i+1:]); !errors.Is(err, token.ErrNotOurs) {
			t.Fatalf("altered at %d of %d: got %v, want ErrNotOurs", i, len(signed), err)
		}
	}
	for name, text := range map[string]string{"longer": signed + "A", "shorter": signed[:len(signed)-1], "with a line break": signed + "\n", "padded": strings.Repeat(signed, 30)} {
		if _, err := keys.VerifyAccessToken(text); !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%s: got %v, want ErrNotOurs", name, err)
		}
	}
}

func BenchmarkSeenAccessToken(b *testing.B) {
	c := newClock()
	keys := openKeyring(b, openStore(b), token.NewMasterKey(), c)
	signed := seenToken(b, keys, c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.VerifyAccessToken(signed); err != nil {
			b.Fatal(err)
		}
	}
}
