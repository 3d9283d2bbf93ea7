package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Keyed gives a new database the keys of a first start, and returns the master key that seals them. They are made once for
// all databases, on the first day of 2026, because making an RSA key takes longer than most tests.
func Keyed(t testing.TB, db token.Store) token.MasterKey {
	t.Helper()
	keys, err := firstKeys()
	if err != nil {
		t.Fatal(err)
	}
	if err := db.AddKeys(t.Context(), keys.made); err != nil {
		t.Fatal(err)
	}
	return keys.master
}

var firstKeys = sync.OnceValues(func() (*keyCarrier, error) {
	carrier := &keyCarrier{master: token.NewMasterKey()}
	_, err := token.OpenKeyring(context.Background(), carrier, carrier.master, func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) })
	return carrier, err
})

// keyCarrier only carries keys from the keyring that makes them to the databases of the tests.
type keyCarrier struct {
	master token.MasterKey
	made   []token.StoredKey
}

func (k *keyCarrier) Keys(context.Context) ([]token.StoredKey, error) { return k.made, nil }

func (k *keyCarrier) AddKeys(_ context.Context, keys []token.StoredKey) error {
	k.made = append(k.made, keys...)
	return nil
}

func (k *keyCarrier) RemoveKeys(context.Context, []string) error {
	panic("no test removes the first keys")
}

func (k *keyCarrier) ReplaceSealed(context.Context, []token.StoredKey) error {
	panic("no test replaces the first keys")
}
