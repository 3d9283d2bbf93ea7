package token_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// clock is a time that only tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock {
	return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type memoryStore struct {
	mu   sync.Mutex
	keys []token.StoredKey
}

func (s *memoryStore) Keys(context.Context) ([]token.StoredKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]token.StoredKey(nil), s.keys...), nil
}

func (s *memoryStore) AddKeys(_ context.Context, keys []token.StoredKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
next:
	for _, k := range keys {
		for _, have := range s.keys {
			if have.Slot == k.Slot {
				continue next
			}
		}
		s.keys = append(s.keys, k)
	}
	return nil
}

func openStore(testing.TB) token.Store { return &memoryStore{} }

func openKeyring(t testing.TB, store token.Store, master token.MasterKey, c *clock) *token.Keyring {
	t.Helper()
	keys, err := token.OpenKeyring(t.Context(), store, master, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
