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
	firstRetry   = time.Second    // between fetches while there are no keys at all
	keysDeadline = 24 * time.Hour // after so long without a successful fetch, keys are not believed any more
	maxDocument  = 1 << 20        // bytes of metadata or keys
)

// keySource is the issuer's keys: fetched when needed, at a bounded rate, by one fetch at a time, and kept while the issuer is away.
type keySource struct {
	ctx    context.Context // bounds fetches, which outlive the requests that cause them
	issuer string
	opts   Options
	set    atomic.Pointer[keySet] // nil until fetched once
	flight flight
}

type keySet struct {
	keys       map[string]*jose.JSONWebKey // by kid
	ended      string                      // where the issuer's list of ended tokens is; "" when it has none
	generation uint64                      // counts sets in which a key of the one before is missing or changed
	fetched    time.Time
}

func newKeySource(ctx context.Context, issuer string, opts Options) *keySource {
	return &keySource{ctx: ctx, issuer: issuer, opts: opts}
}

// generation changes when a key that tokens were verified with may be gone.
func (s *keySource) generation(now time.Time) uint64 {
	set := s.set.Load()
	if set == nil {
		return 0
	}
	if now.Sub(set.fetched) >= s.opts.KeyLifetime {
		s.fetch(now) // in the background; this request goes on with what is known
	}
	return set.generation
}

// key is the key with an id; nil when the issuer has none. The error is a refusal when no keys can be had, or that of ctx.
func (s *keySource) key(ctx context.Context, kid string, now time.Time) (*jose.JSONWebKey, error) {
	if set := s.set.Load(); set != nil && set.keys[kid] != nil && now.Sub(set.fetched) < keysDeadline {
		return set.keys[kid], nil
	}
	if kid == "" {
		return nil, nil
	}
	if done := s.fetch(now); done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
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

// fetch starts fetching, unless it is too early. It returns what is closed when the fetch under way is over, nil when there is none.
func (s *keySource) fetch(now time.Time) <-chan struct{} {
	if s.ctx.Err() != nil {
		return nil
	}
	return s.flight.start(now, s.interval(), func() {
		set, err := s.download(s.ctx)
		if err != nil { // what is known stays in use, and the next need tries again
			s.opts.Log.Warn("the authorization server's keys could not be fetched", "issuer", s.issuer, "error", err)
			return
		}
		set.fetched = now
		s.replace(set)
	})
}

// verify is the payload of what one of the issuer's keys signed. The error is a refusal, or that of ctx.
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

// endedURI is where the issuer's list of ended tokens is, as far as its metadata is known; "" when it has none.
func (s *keySource) endedURI() string {
	if set := s.set.Load(); set != nil {
		return set.ended
	}
	return ""
}

func (s *keySource) replace(next *keySet) {
	if old := s.set.Load(); old != nil {
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

// download is the issuer's signing keys, found through its metadata (RFC 8414), and where its list of ended tokens is.
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
		// RFC 7517 §5: keys that are not understood, or are for something else, are no reason to refuse the others.
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
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
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

// checkURL accepts https, and http to this machine: keys from anywhere else could be anybody's.
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
