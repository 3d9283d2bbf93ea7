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
)

// StoredKey is a key as the store keeps it: its private half sealed under the master key. Nothing but Sealed ever changes once stored:
// a key signs until its successor does, and the successor says how long its predecessor is still believed.
type StoredKey struct {
	ID                string // the kid
	Use               Use
	Algorithm         string // "ES256", "RS256", "XC20P", "HS256"
	Slot              string // algorithm and generation, e.g. "ES256/1"; unique, so that two servers starting at once agree on one key
	Sealed            []byte
	CreatedAt         time.Time
	SignsFrom         time.Time // published before it signs
	PredecessorDeadAt time.Time // when everything that its predecessor signed has expired; zero for the first
}

// Store is where the keyring keeps its keys.
type Store interface {
	// Keys returns every key, oldest first.
	Keys(ctx context.Context) ([]StoredKey, error)
	// AddKeys adds those whose Slot is free, in one transaction, and leaves the others alone.
	AddKeys(ctx context.Context, keys []StoredKey) error
	// ReplaceSealed replaces what Sealed holds of these keys, in one transaction.
	ReplaceSealed(ctx context.Context, keys []StoredKey) error
}

// Keyring signs, seals and authenticates with the keys of one database. It may be used by any number of goroutines.
type Keyring struct {
	store Store
	now   func() time.Time
	keys  atomic.Pointer[keySet]

	changing sync.Mutex // one Reload, Rotate or Reseal at a time, so that an older reading cannot overwrite a newer one
	master   MasterKey  // guarded by changing
}

// OpenKeyring loads the keys and, where there are none yet, makes them: ES256 for access tokens, RS256 for ID tokens, one key that seals and one that authenticates refresh tokens.
// Two servers that start at once end up with the same keys.
// now is the clock for sealed values' expiry and the keys' times. The error is ErrWrongMasterKey when master is not the one they were sealed under.
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
	// Another server may have been first: what is stored counts, not what was made here.
	return k, k.Reload(ctx)
}

// Reload reads the keys again, so that what another process or command did becomes known. The error is ErrWrongMasterKey when the master key does not open one; the keys known before stay in use then.
func (k *Keyring) Reload(ctx context.Context) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	return k.reload(ctx)
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

// RotationOverlap says how long a new key is published before it signs, and how long an old one is still believed after its last signature.
type RotationOverlap struct {
	Publish time.Duration
	Retire  time.Duration // longer than what keys sign and seal may live
	Refresh time.Duration // longer than a refresh token may be used and renewed, since a family stays with the MAC key of its first; zero: for ever
}

// deadAt is when the predecessor of a key that signs from a time is no longer believed.
func (o RotationOverlap) deadAt(algorithm string, signsFrom time.Time) time.Time {
	if algorithm != algorithmMAC {
		return signsFrom.Add(o.Retire)
	}
	if o.Refresh == 0 {
		return time.Time{}
	}
	return signsFrom.Add(max(o.Refresh, o.Retire))
}

// Rotate adds a successor to each newest key: published now, signing after overlap.Publish; the old one is dropped overlap.Retire after it last signed, and one that authenticates
// refresh tokens after overlap.Refresh. When two processes rotate at once, both end up with one successor.
//
// The error is ErrWrongMasterKey, and nothing is added, when the keys were sealed anew since under another master key: a key sealed under the old one would keep the servers with the new one from starting.
func (k *Keyring) Rotate(ctx context.Context, overlap RotationOverlap) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	now := k.now().Truncate(time.Millisecond)
	// The successors are those of the keys known here, not of those just read: who rotated a moment ago was meant to do this.
	chains := k.keys.Load().chains
	var next []StoredKey
	for _, algorithm := range slices.Sorted(maps.Keys(chains)) {
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

// KeyInfo is what may be said of a key: never its private half.
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
