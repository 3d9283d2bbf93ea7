package client

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/outbound"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/go-jose/go-jose/v4"
)

// keyServer serves the keys of a client and counts how often it is asked.
type keyServer struct {
	url   string
	asked atomic.Int64
	body  atomic.Pointer[string]
	code  atomic.Int64
}

func newKeyServer(t *testing.T, kids ...string) *keyServer {
	t.Helper()
	s := &keyServer{}
	s.code.Store(http.StatusOK)
	s.serve(t, kids...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		w.WriteHeader(int(s.code.Load()))
		w.Write([]byte(*s.body.Load()))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// local is an HTTP client that may reach this machine.
func local() *outbound.Client { return outbound.New(outbound.Options{ThisMachine: true}) }

// serve changes the keys.
func (s *keyServer) serve(t *testing.T, kids ...string) {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, kid := range kids {
		public, _, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: kid})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	body := string(text)
	s.body.Store(&body)
}

func TestClientKeysAreFetchedOnceInAWhile(t *testing.T) {
	server, clock := newKeyServer(t, "a"), testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	cache := NewKeyCache(local(), clock.Now)
	fetch := func(kid string, wantKeys int, wantAsked int64) {
		t.Helper()
		keys, err := cache.Fetch(t.Context(), server.url, kid)
		if err != nil || len(keys.Key(kid)) != wantKeys || server.asked.Load() != wantAsked {
			t.Errorf("key %s: %d of them, %v, after %d fetches; want %d after %d", kid, len(keys.Key(kid)), err, server.asked.Load(), wantKeys, wantAsked)
		}
	}
	fetch("a", 1, 1)
	clock.Advance(jwksLifetime - time.Second)
	fetch("a", 1, 1)
	clock.Advance(time.Second)
	fetch("a", 1, 2) // a key that was withdrawn is not believed for longer

	// A new key is found at once, and one that does not exist is not looked for each time it is named.
	server.serve(t, "a", "b")
	clock.Advance(jwksRetry)
	fetch("b", 1, 3)
	for range 10 {
		fetch("none", 0, 3)
	}
	clock.Advance(jwksRetry)
	fetch("none", 0, 4)
	fetch("none", 0, 4)
}

func TestClientKeysAreFetchedOnceForManyWhoWait(t *testing.T) {
	server := newKeyServer(t, "a")
	cache := NewKeyCache(local(), testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)).Now)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if keys, err := cache.Fetch(t.Context(), server.url, "a"); err != nil || len(keys.Keys) != 1 {
				t.Errorf("%d keys, %v", len(keys.Keys), err)
			}
		})
	}
	wg.Wait()
	if got := server.asked.Load(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
}

// Others may wait for a fetch, so it does not end with the caller who began it.
func TestFetchOutlivesTheCallerWhoBeganIt(t *testing.T) {
	server := newKeyServer(t, "a")
	cache := NewKeyCache(local(), testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)).Now)
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for _, ctx := range []context.Context{gone, t.Context()} {
		if keys, err := cache.Fetch(ctx, server.url, "a"); err != nil || len(keys.Keys) != 1 || server.asked.Load() != 1 {
			t.Errorf("%d keys, %v, after %d fetches; want one key after one", len(keys.Keys), err, server.asked.Load())
		}
	}
}

func TestClientKeysThatCannotBeHadAreNotAskedForAtEveryRequest(t *testing.T) {
	server, clock := newKeyServer(t, "a"), testkit.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	server.code.Store(http.StatusInternalServerError)
	cache := NewKeyCache(local(), clock.Now)
	for range 3 {
		if _, err := cache.Fetch(t.Context(), server.url, "a"); err == nil || !strings.Contains(err.Error(), "answered 500") {
			t.Errorf("got %v", err)
		}
	}
	if got := server.asked.Load(); got != 1 {
		t.Errorf("%d fetches, want 1", got)
	}
	server.code.Store(http.StatusOK)
	clock.Advance(jwksRetry)
	if _, err := cache.Fetch(t.Context(), server.url, "a"); err != nil {
		t.Errorf("when the server is back: %v", err)
	}
}

func TestClientKeysAreBounded(t *testing.T) {
	for name, body := range map[string]string{
		"too long":  `{"keys":[]` + strings.Repeat(" ", jwksMaxBytes) + `}`,
		"no JSON":   "<html>",
		"no keys":   `{"keys":[]}`,
		"no object": `[]`,
	} {
		server := newKeyServer(t, "a")
		server.body.Store(&body)
		keys, err := NewKeyCache(local(), time.Now).Fetch(t.Context(), server.url, "a")
		if err == nil || len(keys.Keys) > 0 {
			t.Errorf("%s: %d keys, %v", name, len(keys.Keys), err)
		}
	}
	cache := NewKeyCache(local(), time.Now)
	for i := range jwksMaxURLs + 10 {
		cache.keep(strings.Repeat("x", i), fetchedKeys{at: time.Now()})
	}
	if len(cache.known) > jwksMaxURLs {
		t.Errorf("%d URLs are cached", len(cache.known))
	}
}
