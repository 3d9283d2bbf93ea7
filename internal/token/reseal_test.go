package token_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// issued is one of everything that a keyring makes.
type issued struct{ access, id, refresh, sealed string }

func issue(t *testing.T, keys *token.Keyring, c *testkit.Clock) issued {
	t.Helper()
	var i issued
	var err [4]error
	i.access, err[0] = keys.SignAccessToken(claims(c.Now()))
	i.id, err[1] = keys.SignIDToken(idClaims(c.Now()), "RS256")
	i.refresh, err[2] = keys.RefreshToken(token.RefreshToken{Family: "F", Generation: 3})
	i.sealed, err[3] = keys.Seal(forTest, pending{"s", "c"}, time.Hour)
	if err := errors.Join(err[:]...); err != nil {
		t.Fatal(err)
	}
	return i
}

// wantValid fails unless keys accept everything that was issued.
func (i issued) wantValid(t *testing.T, name string, keys *token.Keyring) {
	t.Helper()
	var v pending
	_, err1 := keys.VerifyAccessToken(i.access)
	_, err2 := keys.VerifyIDToken(i.id)
	_, err3 := keys.OpenRefreshToken(i.refresh)
	if err := errors.Join(err1, err2, err3, keys.Open(forTest, i.sealed, &v)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func TestResealedKeysOpenUnderTheNewMasterKeyOnly(t *testing.T) {
	c, store, old, master := newClock(), openStore(t), token.NewMasterKey(), token.NewMasterKey()
	command, server := openKeyring(t, store, old, c), openKeyring(t, store, old, c)
	before := issue(t, server, c)
	stored, _ := store.Keys(t.Context())
	if err := command.Reseal(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	if _, err := token.OpenKeyring(t.Context(), store, old, c.Now); !errors.Is(err, token.ErrWrongMasterKey) {
		t.Errorf("under the old master key: got %v, want ErrWrongMasterKey", err)
	}
	restarted := openKeyring(t, store, master, c)
	before.wantValid(t, "after a restart", restarted)
	before.wantValid(t, "in the process that resealed", command)
	if err := command.Reload(t.Context()); err != nil {
		t.Errorf("the process that resealed reloads: %v", err)
	}
	// What runs with the old master key goes on, and others believe what it issues.
	if err := server.Reload(t.Context()); !errors.Is(err, token.ErrWrongMasterKey) {
		t.Errorf("a server with the old master key reloads: got %v, want ErrWrongMasterKey", err)
	}
	before.wantValid(t, "on a server with the old master key", server)
	issue(t, server, c).wantValid(t, "issued by a server with the old master key", restarted)

	resealed, _ := store.Keys(t.Context())
	for i, k := range resealed {
		if was := stored[i]; k.ID != was.ID || k.Slot != was.Slot || !k.CreatedAt.Equal(was.CreatedAt) || !k.SignsFrom.Equal(was.SignsFrom) || string(k.Sealed) == string(was.Sealed) {
			t.Errorf("key %s became %s in slot %s, want the same key with another seal", was.ID, k.ID, k.Slot)
		}
	}
}

// A key sealed under the old master key would keep every server with the new one from starting.
func TestNoRotationUnderAnOldMasterKey(t *testing.T) {
	c, store, old, master := newClock(), openStore(t), token.NewMasterKey(), token.NewMasterKey()
	server := openKeyring(t, store, old, c)
	command := openKeyring(t, store, old, c)
	if err := command.Reseal(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	if err := server.Rotate(t.Context(), overlap); !errors.Is(err, token.ErrWrongMasterKey) {
		t.Errorf("got %v, want ErrWrongMasterKey", err)
	}
	if n := len(openKeyring(t, store, master, c).Keys()); n != 5 {
		t.Errorf("got %d keys, want 5", n)
	}
	if err := command.Rotate(t.Context(), overlap); err != nil {
		t.Errorf("the process that resealed rotates: %v", err)
	}
	if n := len(openKeyring(t, store, master, c).Keys()); n != 9 {
		t.Errorf("got %d keys, want 9", n)
	}
}

// rotatingStore is a store in which another process rotates the keys while the first ones are sealed anew.
type rotatingStore struct {
	token.Store
	rotate func()
}

func (s *rotatingStore) ReplaceSealed(ctx context.Context, keys []token.StoredKey) error {
	if s.rotate != nil {
		s.rotate()
		s.rotate = nil
	}
	return s.Store.ReplaceSealed(ctx, keys)
}

func TestKeysThatAreAddedDuringResealingAreResealedToo(t *testing.T) {
	c, store, old, master := newClock(), openStore(t), token.NewMasterKey(), token.NewMasterKey()
	other := openKeyring(t, store, old, c)
	rotating := &rotatingStore{Store: store, rotate: func() {
		if err := other.Rotate(t.Context(), overlap); err != nil {
			t.Error(err)
		}
	}}
	if err := openKeyring(t, rotating, old, c).Reseal(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	if n := len(openKeyring(t, store, master, c).Keys()); n != 9 {
		t.Errorf("got %d keys, want 9", n)
	}
}

func TestResealRefuses(t *testing.T) {
	c, store, old := newClock(), openStore(t), token.NewMasterKey()
	keys := openKeyring(t, store, old, c)
	if err := keys.Reseal(t.Context(), token.MasterKey{}); err == nil {
		t.Error("the keys are sealed under no master key")
	}
	other := openKeyring(t, store, old, c)
	if err := other.Reseal(t.Context(), token.NewMasterKey()); err != nil {
		t.Fatal(err)
	}
	if err := keys.Reseal(t.Context(), token.NewMasterKey()); !errors.Is(err, token.ErrWrongMasterKey) {
		t.Errorf("after another process resealed: got %v, want ErrWrongMasterKey", err)
	}
}
