package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/store/engine"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Keys is every key, the oldest first.
func (db *DB) Keys(ctx context.Context) ([]token.StoredKey, error) {
	scan := func(r engine.Row) (k token.StoredKey, err error) {
		var sealed string
		if err := r.Scan(&k.ID, &k.Use, &k.Algorithm, &k.Slot, &sealed,
			engine.TimeTo(&k.CreatedAt), engine.TimeTo(&k.SignsFrom), engine.TimeTo(&k.PredecessorDeadAt)); err != nil {
			return k, err
		}
		if k.Sealed, err = base64.StdEncoding.DecodeString(sealed); err != nil {
			return k, fmt.Errorf("key %s: %w", k.ID, err)
		}
		return k, nil
	}
	return engine.All(ctx, db.engine, "Keys", scan, `SELECT id, purpose, algorithm, slot, sealed, created_at, signs_from, predecessor_dead_at
		FROM gh_keyring ORDER BY created_at, id`)
}

// AddKeys adds the keys whose slot is free, and leaves the others alone.
func (db *DB) AddKeys(ctx context.Context, keys []token.StoredKey) error {
	// Always in the same order, so that two servers that start at once do not wait for each other.
	keys = slices.SortedFunc(slices.Values(keys), func(a, b token.StoredKey) int { return cmp.Compare(a.Slot, b.Slot) })
	return db.write(ctx, "AddKeys", func(t *tx) error {
		var rotated []string
		for _, k := range keys {
			n, err := t.Change(`INSERT INTO gh_keyring (id, purpose, algorithm, slot, sealed, created_at, signs_from, predecessor_dead_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (slot) DO NOTHING`,
				k.ID, k.Use, k.Algorithm, k.Slot, base64.StdEncoding.EncodeToString(k.Sealed),
				engine.Millis(k.CreatedAt), engine.Millis(k.SignsFrom), engine.Millis(k.PredecessorDeadAt))
			if err != nil {
				return err
			}
			if n > 0 && !strings.HasSuffix(k.Slot, "/1") { // the first of an algorithm replaces none
				rotated = append(rotated, k.Slot+" is "+k.ID)
			}
		}
		if len(rotated) == 0 {
			return nil
		}
		return t.happened(audit.Event{Kind: audit.KeysRotated, Detail: strings.Join(rotated, ", ")})
	})
}

// ReplaceSealed replaces what Sealed holds of these keys.
func (db *DB) ReplaceSealed(ctx context.Context, keys []token.StoredKey) error {
	keys = slices.SortedFunc(slices.Values(keys), func(a, b token.StoredKey) int { return cmp.Compare(a.ID, b.ID) })
	return db.write(ctx, "ReplaceSealed", func(t *tx) error {
		for _, k := range keys {
			if err := t.MustChange(fmt.Errorf("there is no key %s any more", k.ID), `UPDATE gh_keyring SET sealed = $2 WHERE id = $1`,
				k.ID, base64.StdEncoding.EncodeToString(k.Sealed)); err != nil {
				return err
			}
		}
		return t.happened(audit.Event{Kind: audit.MasterKeyReplaced, Detail: fmt.Sprintf("%d keys", len(keys))})
	})
}

// RemoveKeys deletes keys that nothing depends on any more. One that is not there is no error.
func (db *DB) RemoveKeys(ctx context.Context, ids []string) error {
	return db.write(ctx, "RemoveKeys", func(t *tx) error {
		for _, id := range slices.Sorted(slices.Values(ids)) {
			if _, err := t.Change(`DELETE FROM gh_keyring WHERE id = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
}
