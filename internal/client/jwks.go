package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/outbound"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	jwksLifetime = 10 * time.Minute // how long a key is trusted, at most, after its owner withdrew it
	jwksRetry    = 10 * time.Second // the least time between two fetches of one URL
	jwksMaxBytes = 64 << 10
	jwksMaxURLs  = 1000 // in the cache
)

// KeyCache fetches the keys of clients from their jwks_uri, and caches them for a while.
type KeyCache struct {
	http   *outbound.Client
	now    func() time.Time
	flight singleflight.Group // one fetch of one URL at a time

	mu    sync.Mutex
	known map[string]fetchedKeys
}

// fetchedKeys is what the last fetch of a URL found. A failure is cached too, so that requests do not wait for a server
// that is down.
type fetchedKeys struct {
	keys jose.JSONWebKeySet
	err  error
	at   time.Time
}

// NewKeyCache is an empty cache that fetches with http.
func NewKeyCache(http *outbound.Client, now func() time.Time) *KeyCache {
	return &KeyCache{http: http, now: now, known: map[string]fetchedKeys{}}
}

// Fetch is the keys at uri. The cache answers while it holds the key with the id kid. Another id means that the client has
// a new key, so the keys are fetched again, but not more often than every jwksRetry. Without a kid the cache is enough.
func (c *KeyCache) Fetch(ctx context.Context, uri, kid string) (jose.JSONWebKeySet, error) {
	if f, ok := c.cached(uri, kid); ok {
		return f.keys, f.err
	}
	// Several callers may wait for one fetch, so the first caller's context must not end it. The client's timeout does.
	answer, _, _ := c.flight.Do(uri, func() (any, error) {
		if f, ok := c.cached(uri, kid); ok {
			return f, nil
		}
		f := fetchedKeys{at: c.now()}
		f.keys, f.err = c.get(context.WithoutCancel(ctx), uri)
		c.keep(uri, f)
		return f, nil
	})
	f := answer.(fetchedKeys)
	return f.keys, f.err
}

// cached is the last fetch of a URL, if it answers a request for the key kid.
func (c *KeyCache) cached(uri, kid string) (fetchedKeys, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.known[uri]
	age := c.now().Sub(f.at)
	switch {
	case !ok || age >= jwksLifetime:
		return fetchedKeys{}, false
	case age < jwksRetry:
		return f, true
	}
	return f, f.err == nil && (kid == "" || len(f.keys.Key(kid)) > 0)
}

func (c *KeyCache) keep(uri string, f fetchedKeys) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= jwksMaxURLs {
		clear(c.known)
	}
	c.known[uri] = f
}

func (c *KeyCache) get(ctx context.Context, uri string) (keys jose.JSONWebKeySet, err error) {
	body, err := c.http.Get(ctx, uri, "application/jwk-set+json, application/json", jwksMaxBytes)
	if err != nil {
		return keys, err
	}
	if err := json.Unmarshal(body, &keys); err != nil || len(keys.Keys) == 0 {
		return jose.JSONWebKeySet{}, errors.Join(fmt.Errorf("%s holds no JSON Web Key Set", uri), err)
	}
	return keys, nil
}
