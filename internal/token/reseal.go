package token

import (
	"context"
	"fmt"
)

// Reseal seals every key under another master key, in one transaction. Nothing else changes: everything that was issued stays
// valid. This Keyring then uses the new master key. Servers that have the old one keep working with the keys that they know,
// and learn of no rotation until they restart with the new one.
func (k *Keyring) Reseal(ctx context.Context, master MasterKey) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	// Repeated until no key is sealed under the old one, because another process may add keys at the same moment.
	for {
		resealed, err := k.underAnother(ctx, master)
		if err != nil {
			return err
		}
		if len(resealed) == 0 {
			break
		}
		if err := k.store.ReplaceSealed(ctx, resealed); err != nil {
			return fmt.Errorf("save the keys sealed anew: %w", err)
		}
	}
	k.master = master
	return k.reload(ctx)
}

// underAnother seals every stored key under master that master does not open yet.
func (k *Keyring) underAnother(ctx context.Context, master MasterKey) ([]StoredKey, error) {
	stored, err := k.store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("load keys: %w", err)
	}
	var resealed []StoredKey
	for _, s := range stored {
		if _, err := master.openKey(s); err == nil {
			continue
		}
		private, err := k.master.openKey(s)
		if err != nil {
			return nil, fmt.Errorf("open key %s: %w", s.ID, err)
		}
		if s.Sealed, err = master.sealKey(s, private); err != nil {
			return nil, fmt.Errorf("seal key %s: %w", s.ID, err)
		}
		resealed = append(resealed, s)
	}
	return resealed, nil
}
