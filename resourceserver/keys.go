package resourceserver

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	firstRetry    = time.Second     // between fetches while there are no keys at all
	keysDeadline  = 24 * time.Hour  // keys that were fetched longer ago are not trusted
	documentLimit = 5 * time.Second // for fetching one document
	maxDocument   = 1 << 20         // bytes of metadata or keys
)

// keySource keeps the issuer's keys. They are fetched when they are needed, at a bounded rate and one fetch at a time. While
// the issuer does not answer, the known ones stay in use.
type keySource struct {
	ctx    context.Context // ends fetches, which outlive the requests that cause them
	issuer string
	opts   Options
	set    atomic.Pointer[keySet] // nil until fetched once
	flight flight
}

type keySet struct {
	keys       map[string]*jose.JSONWebKey // by kid
	ended      string                      // the URL of the issuer's list of ended tokens; "" when it has none
	generation uint64                      // grows with each set that lacks or changes a key of the set before
	fetched    time.Time
}

func newKeySource(ctx context.Context, issuer string, opts Options) *keySource {
	return &keySource{ctx: ctx, issuer: issuer, opts: opts, flight: flight{log: opts.Log}}
}

// generation changes when a key that tokens were verified with may be gone.
func (s *keySource) generation(now time.Time) uint64 {
	set := s.set.Load()
	if set == nil {
		return 0
	}
	if now.Sub(set.fetched) >= s.opts.KeyLifetime {
		s.fetch(now) // in the background; this request uses what is known
	}
	return set.generation
}

// key is the key with an id; nil when the issuer has none. The error is a refusal when keys cannot be fetched, or ctx's.
func (s *keySource) key(ctx context.Context, kid string, now time.Time) (*jose.JSONWebKey, error) {
	if set := s.set.Load(); set != nil && set.keys[kid] != nil && now.Sub(set.fetched) < keysDeadline {
		return set.keys[kid], nil
	}
	if kid == "" {
		return nil, nil
	}
	if err := wait(ctx, s.fetch(now)); err != nil {
		return nil, err
	}
	set := s.set.Load()
	if set == nil || now.Sub(set.fetched) >= keysDeadline {
		return nil, unavailable("the authorization server's keys cannot be fetched at the moment", s.interval())
	}
	return set.keys[kid], nil
}

func (s *keySource) interval() time.Duration {
	if s.set.Load() == nil {
		return min(firstRetry, s.opts.RefetchInterval)
	}
	return s.opts.RefetchInterval
}

// fetch starts a fetch, unless it is too early. See flight.start for the channel.
func (s *keySource) fetch(now time.Time) <-chan struct{} {
	if s.ctx.Err() != nil {
		return nil
	}
	return s.flight.start(now, s.interval(), func() {
		set, err := s.download(s.ctx)
		if err != nil { // what is known stays in use; a later request tries again
			s.opts.Log.Warn("the authorization server's keys could not be fetched", "issuer", s.issuer, "error", err)
			return
		}
		set.fetched = now
		s.replace(set)
	})
}

// verify returns the payload if one of the issuer's keys signed it. The error is a refusal, or ctx's.
func (s *keySource) verify(ctx context.Context, signed *signedJWT, now time.Time) ([]byte, error) {
	key, err := s.key(ctx, signed.header.KeyID, now)
	if err != nil {
		return nil, err
	}
	if key == nil || key.Algorithm != "" && key.Algorithm != string(signed.header.Algorithm) || !signed.signedBy(key.Key) {
		return nil, errForeign
	}
	return signed.payload, nil
}

// endedURI is the URL of the issuer's list of ended tokens; "" when the metadata names none, or is not known yet.
func (s *keySource) endedURI() string {
	if set := s.set.Load(); set != nil {
		return set.ended
	}
	return ""
}

func (s *keySource) replace(next *keySet) {
	old := s.set.Load()
	if next.ended == "" && (old == nil || old.ended != "") {
		s.opts.Log.Warn("the authorization server publishes no list of ended tokens (ended_tokens_uri): "+
			"revoked tokens are accepted until they expire, unless the option RequireEndedList is set", "issuer", s.issuer)
	}
	if old != nil {
		next.generation = old.generation
		for kid, key := range old.keys {
			if !sameKey(key, next.keys[kid]) {
				next.generation++
				break
			}
		}
	}
	s.set.Store(next)
}

func sameKey(a, b *jose.JSONWebKey) bool {
	public, ok := a.Key.(interface{ Equal(crypto.PublicKey) bool }) // as every public key of the standard library
	return ok && b != nil && a.Algorithm == b.Algorithm && public.Equal(b.Key)
}

// download fetches the issuer's metadata (RFC 8414) and the signing keys that it points to.
func (s *keySource) download(ctx context.Context) (*keySet, error) {
	var metadata struct {
		Issuer   string `json:"issuer"`
		JWKSURI  string `json:"jwks_uri"`
		EndedURI string `json:"ended_tokens_uri"`
	}
	if err := s.get(ctx, s.opts.MetadataURL, &metadata); err != nil {
		return nil, err
	}
	if metadata.Issuer != s.issuer { // RFC 8414 §3.3
		return nil, fmt.Errorf("the metadata is of the issuer %q", metadata.Issuer)
	}
	if err := checkURL(metadata.JWKSURI, s.opts.InsecureHTTP); err != nil {
		return nil, fmt.Errorf("jwks_uri: %w", err)
	}
	if metadata.EndedURI != "" {
		if err := checkURL(metadata.EndedURI, s.opts.InsecureHTTP); err != nil {
			return nil, fmt.Errorf("ended_tokens_uri: %w", err)
		}
	}
	var set struct{ Keys []json.RawMessage }
	if err := s.get(ctx, metadata.JWKSURI, &set); err != nil {
		return nil, err
	}
	keys := map[string]*jose.JSONWebKey{}
	for _, raw := range set.Keys {
		key := new(jose.JSONWebKey)
		// RFC 7517 §5: keys that are not understood, or are for something else, are skipped.
		if key.UnmarshalJSON(raw) != nil || !key.IsPublic() || key.KeyID == "" || key.Use != "" && key.Use != "sig" {
			continue
		}
		keys[key.KeyID] = key
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no signing key")
	}
	return &keySet{keys: keys, ended: metadata.EndedURI}, nil
}

func (s *keySource) get(ctx context.Context, from string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, documentLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	response, err := s.opts.HTTPClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", from, response.Status)
	}
	return json.NewDecoder(io.LimitReader(response.Body, maxDocument)).Decode(into)
}

// wellKnown is where RFC 8414 §3.1 puts an issuer's metadata: between its host and its path.
func wellKnown(issuer string) string {
	u, err := url.Parse(issuer)
	if err != nil {
		return ""
	}
	u.Path = "/.well-known/oauth-authorization-server" + strings.TrimSuffix(u.Path, "/")
	u.RawPath = ""
	return u.String()
}

// checkURL accepts https, and http to this machine only: on any other way, keys could be replaced.
func checkURL(text string, insecure bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return fmt.Errorf("%q is not a URL", text)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q must have no credentials, query or fragment", text)
	case u.Scheme == "https", u.Scheme == "http" && (insecure || loopback(u.Hostname())):
		return nil
	}
	return fmt.Errorf("%q must use https", text)
}

// loopback reports whether a host can only mean this machine.
func loopback(host string) bool {
	host = strings.ToLower(host)
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && addr.IsLoopback()
}
