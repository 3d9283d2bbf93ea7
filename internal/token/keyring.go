package token

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Use says what a key is for.
type Use string

// The uses of keys.
const (
	UseSign Use = "sig"  // signs JWTs; its public half is in the JWKS
	UseSeal Use = "seal" // seals values
	UseMAC  Use = "mac"  // authenticates refresh tokens
	UseKeep Use = "keep" // seals what is kept in the database
)

// StoredKey is a key in the store, with its private half sealed under the master key. Only Sealed ever changes: a key signs
// until its successor does, and the successor says how long its predecessor is still accepted.
type StoredKey struct {
	ID                string // the kid
	Use               Use
	Algorithm         string // "ES256", "RS256", "XC20P", "HS256"
	Slot              string // algorithm and generation, e.g. "ES256/1"; unique, so that two servers starting at once agree on one key
	Sealed            []byte
	CreatedAt         time.Time
	SignsFrom         time.Time // published before it signs
	PredecessorDeadAt time.Time // when everything that its predecessor signed has expired; zero for the first key
}

// Store is where the keyring keeps its keys.
type Store interface {
	// Keys returns every key, oldest first.
	Keys(ctx context.Context) ([]StoredKey, error)
	// AddKeys adds those whose Slot is free, in one transaction, and leaves the others alone.
	AddKeys(ctx context.Context, keys []StoredKey) error
	// RemoveKeys deletes keys, in one transaction. One that is not there is no error.
	RemoveKeys(ctx context.Context, ids []string) error
	// ReplaceSealed replaces what Sealed holds of these keys, in one transaction.
	ReplaceSealed(ctx context.Context, keys []StoredKey) error
}

// Keyring signs, seals and authenticates with the keys of one database. It may be used by any number of goroutines.
type Keyring struct {
	store Store
	now   func() time.Time
	// WrongClock is the right time, when what the process's clock has shown is wrong. nil: it never is. Set it before the first use.
	WrongClock func(shown time.Time) (right time.Time, wrong bool)

	keys atomic.Pointer[keySet]

	changing sync.Mutex // one Reload, Rotate or Reseal at a time, so that an older reading cannot overwrite a newer one
	master   MasterKey  // guarded by changing
}

// OpenKeyring loads the keys and makes those that are missing: ES256 for access tokens, RS256 for ID tokens, one key that seals,
// one that authenticates refresh tokens, and one that seals what is kept. Two servers that start at once end up with the same keys. now is the clock for
// keys and for the expiry of sealed values. The error is ErrWrongMasterKey when the keys were sealed under another master key.
func OpenKeyring(ctx context.Context, store Store, master MasterKey, now func() time.Time) (*Keyring, error) {
	k := &Keyring{store: store, master: master, now: now}
	if err := k.Reload(ctx); err != nil {
		return nil, err
	}
	var missing []StoredKey
	at := now().Truncate(time.Millisecond)
	for _, algorithm := range algorithms {
		if len(k.keys.Load().chains[algorithm]) > 0 {
			continue
		}
		made, err := newKey(master, algorithm, 1, at, at)
		if err != nil {
			return nil, err
		}
		missing = append(missing, made)
	}
	if missing == nil {
		return k, nil
	}
	if err := store.AddKeys(ctx, missing); err != nil {
		return nil, fmt.Errorf("save the first keys: %w", err)
	}
	// Another server may have been first, and then its keys were saved.
	return k, k.Reload(ctx)
}

// Reload reads the keys again, to learn what another process has changed. The error is ErrWrongMasterKey when the master key
// does not open one; then the known keys stay in use.
func (k *Keyring) Reload(ctx context.Context) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	return k.reload(ctx)
}

// UseMasterKey reads the keys again with another master key, and reports whether it is another one. When it does not open the keys, the error
// is ErrWrongMasterKey, and the old master key stays.
func (k *Keyring) UseMasterKey(ctx context.Context, master MasterKey) (changed bool, err error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	was := k.master
	if master == was {
		return false, nil
	}
	k.master = master
	if err := k.reload(ctx); err != nil {
		k.master = was
		return false, err
	}
	return true, nil
}

func (k *Keyring) reload(ctx context.Context) error {
	set, err := k.load(ctx)
	if err == nil {
		set.inherit(k.keys.Load())
		k.keys.Store(set)
	}
	return err
}

func (k *Keyring) load(ctx context.Context) (*keySet, error) {
	stored, err := k.store.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("load keys: %w", err)
	}
	return newKeySet(k.master, stored)
}

// RotationOverlap is how long a new key is published before it signs, and how long an old one is accepted after it last signed.
type RotationOverlap struct {
	Publish time.Duration
	Retire  time.Duration // longer than anything lives that keys sign or seal
	Refresh time.Duration // longer than a family lives, because it keeps the MAC key of its first refresh token; zero: for ever
}

// deadAt is when a key is no longer accepted whose successor signs from signsFrom.
func (o RotationOverlap) deadAt(algorithm string, signsFrom time.Time) time.Time {
	if algorithm != algorithmMAC {
		return signsFrom.Add(o.Retire)
	}
	if o.Refresh == 0 {
		return time.Time{}
	}
	return signsFrom.Add(max(o.Refresh, o.Retire))
}

// Rotate adds a successor to each newest key, except the one that seals what is kept: that protects rows against those who have the database
// without the master key, and a successor would not make old rows safer. It is published now and signs after overlap.Publish. The old key is dropped
// overlap.Retire after it last signed, and one that authenticates refresh tokens after overlap.Refresh. When two processes
// rotate at once, both end up with one successor.
//
// The error is ErrWrongMasterKey, and nothing is added, when the keys were since sealed under another master key: servers
// with the new master key could not open a key that was sealed under the old one.
func (k *Keyring) Rotate(ctx context.Context, overlap RotationOverlap) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	now := k.now().Truncate(time.Millisecond)
	// The known keys get successors, not those in the store: if another process has just rotated, this rotation is done.
	chains := k.keys.Load().chains
	var next []StoredKey
	for _, algorithm := range slices.Sorted(maps.Keys(chains)) {
		if algorithm == algorithmKeep {
			continue
		}
		newest := chains[algorithm][len(chains[algorithm])-1]
		made, err := newKey(k.master, algorithm, newest.generation+1, now, now.Add(overlap.Publish))
		if err != nil {
			return err
		}
		made.PredecessorDeadAt = overlap.deadAt(algorithm, made.SignsFrom)
		next = append(next, made)
	}
	if _, err := k.load(ctx); err != nil {
		return err
	}
	if err := k.store.AddKeys(ctx, next); err != nil {
		return fmt.Errorf("save the next keys: %w", err)
	}
	return k.reload(ctx)
}

// Prune deletes the keys that nothing depends on any more at a time, and returns how many there were. The newest key of each algorithm stays,
// and so does every key whose last token has no known end.
func (k *Keyring) Prune(ctx context.Context, now time.Time) (int, error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	set, err := k.load(ctx)
	if err != nil {
		return 0, err
	}
	var dead []string
	for _, chain := range set.chains {
		for _, key := range chain {
			if key.dead(now) {
				dead = append(dead, key.ID)
			}
		}
	}
	if len(dead) == 0 {
		return 0, nil
	}
	if err := k.store.RemoveKeys(ctx, dead); err != nil {
		return 0, fmt.Errorf("delete keys: %w", err)
	}
	return len(dead), k.reload(ctx)
}

// KeyInfo is the public part of a key.
type KeyInfo struct {
	ID        string    `json:"kid"`
	Use       Use       `json:"use"`
	Algorithm string    `json:"alg"`
	State     string    `json:"state"` // next, current, retired, dead
	CreatedAt time.Time `json:"created_at"`
	SignsFrom time.Time `json:"signs_from"`
	DeadAt    time.Time `json:"dead_at,omitzero"`
}

// Keys lists the keys, oldest first.
func (k *Keyring) Keys() []KeyInfo {
	now, set := k.now(), k.keys.Load()
	var infos []KeyInfo
	for _, chain := range set.chains {
		for _, key := range chain {
			infos = append(infos, KeyInfo{
				ID: key.ID, Use: key.Use, Algorithm: key.Algorithm, State: set.state(key, now),
				CreatedAt: key.CreatedAt, SignsFrom: key.SignsFrom, DeadAt: key.deadAt,
			})
		}
	}
	slices.SortFunc(infos, func(a, b KeyInfo) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Algorithm, b.Algorithm))
	})
	return infos
}
