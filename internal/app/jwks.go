package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

const (
	jwksLifetime = 10 * time.Minute // the most that a key which its owner withdrew is still believed
	jwksRetry    = 10 * time.Second // between two fetches of one URL, however many ask and whatever for
	jwksMaxBytes = 64 << 10
	jwksMaxURLs  = 1000 // remembered at a time
)

// jwksCache fetches the keys of clients from where they registered them, and remembers them for a while.
type jwksCache struct {
	client *http.Client
	now    func() time.Time
	flight singleflight.Group // one fetch of one URL at a time

	mu    sync.Mutex
	known map[string]fetchedJWKS
}

// fetchedJWKS is what the last fetch of a URL found. A failure is remembered too, so that a server which is down is not asked, nor waited for, at every request.
type fetchedJWKS struct {
	keys jose.JSONWebKeySet
	err  error
	at   time.Time
}

func newJWKSCache(client *http.Client, now func() time.Time) *jwksCache {
	return &jwksCache{client: client, now: now, known: map[string]fetchedJWKS{}}
}

// fetch is the keys at uri. What is remembered is good while it holds the key with the id kid; another id means that the client has a new key, so it is fetched again, but not more often than
// every jwksRetry. Without a kid what is remembered is good enough.
func (c *jwksCache) fetch(ctx context.Context, uri, kid string) (jose.JSONWebKeySet, error) {
	if f, ok := c.remembered(uri, kid); ok {
		return f.keys, f.err
	}
	// The first caller's context must not decide for those who wait with it; the client's timeout bounds the fetch.
	answer, _, _ := c.flight.Do(uri, func() (any, error) {
		if f, ok := c.remembered(uri, kid); ok {
			return f, nil
		}
		f := fetchedJWKS{at: c.now()}
		f.keys, f.err = c.get(context.WithoutCancel(ctx), uri)
		c.remember(uri, f)
		return f, nil
	})
	f := answer.(fetchedJWKS)
	return f.keys, f.err
}

func (c *jwksCache) remembered(uri, kid string) (fetchedJWKS, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.known[uri]
	age := c.now().Sub(f.at)
	switch {
	case !ok || age >= jwksLifetime:
		return fetchedJWKS{}, false
	case age < jwksRetry:
		return f, true
	}
	return f, f.err == nil && (kid == "" || len(f.keys.Key(kid)) > 0)
}

func (c *jwksCache) remember(uri string, f fetchedJWKS) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= jwksMaxURLs {
		clear(c.known)
	}
	c.known[uri] = f
}

func (c *jwksCache) get(ctx context.Context, uri string) (jose.JSONWebKeySet, error) {
	var keys jose.JSONWebKeySet
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return keys, fmt.Errorf("fetch the client's keys: %w", err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := c.client.Do(req)
	if err != nil {
		return keys, fmt.Errorf("fetch the client's keys: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return keys, fmt.Errorf("fetch the client's keys: %s answered %d", uri, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, jwksMaxBytes+1))
	if err != nil {
		return keys, fmt.Errorf("fetch the client's keys: %w", err)
	}
	if len(body) > jwksMaxBytes {
		return keys, fmt.Errorf("fetch the client's keys: %s answered more than %d bytes", uri, jwksMaxBytes)
	}
	if err := json.Unmarshal(body, &keys); err != nil || len(keys.Keys) == 0 {
		return jose.JSONWebKeySet{}, errors.Join(fmt.Errorf("fetch the client's keys: %s holds no JSON Web Key Set", uri), err)
	}
	return keys, nil
}
