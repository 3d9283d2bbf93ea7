package token

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keySet is all keys as they were read from the store. It does not change, except for its caches. The clock decides at each use
// what a key may do.
type keySet struct {
	chains  map[string][]*key // by algorithm, in the order of generations
	sealers map[string]*key   // by id
	macs    map[string]*key   // by id
	keepers map[string]*key   // by id
	access  map[string]*key   // by the header of the access tokens that they sign
	id      map[string]*key   // by the header of the ID tokens that they sign

	jwks     atomic.Pointer[jwks]
	verified *verified
}

func newKeySet(master MasterKey, stored []StoredKey) (*keySet, error) {
	set := &keySet{chains: map[string][]*key{}, sealers: map[string]*key{}, macs: map[string]*key{}, keepers: map[string]*key{}, access: map[string]*key{}, id: map[string]*key{}, verified: newVerified()}
	for _, s := range stored {
		k, err := openKey(master, s)
		if err != nil {
			return nil, fmt.Errorf("open key %s: %w", s.ID, err)
		}
		set.add(k)
	}
	for _, chain := range set.chains {
		slices.SortFunc(chain, func(a, b *key) int { return cmp.Compare(a.generation, b.generation) })
		setEnds(chain)
	}
	return set, nil
}

func (s *keySet) add(k *key) {
	s.chains[k.Algorithm] = append(s.chains[k.Algorithm], k)
	switch k.Algorithm {
	case algorithmSeal:
		s.sealers[k.ID] = k
	case algorithmMAC:
		s.macs[k.ID] = k
	case algorithmKeep:
		s.keepers[k.ID] = k
	case ES256:
		s.access[k.accessHeader], s.id[k.idHeader] = k, k
	case RS256:
		s.id[k.idHeader] = k
	}
}

// setEnds gives each key its end: the first moment at which a later key signs. A rotation with a shorter wait may overtake a
// successor that is still waiting.
func setEnds(chain []*key) {
	for i, k := range chain {
		for _, later := range chain[i+1:] {
			if k.signsTo.IsZero() || later.SignsFrom.Before(k.signsTo) {
				k.signsTo, k.deadAt = later.SignsFrom, later.PredecessorDeadAt
			}
		}
	}
}

// current is the key that signs or seals now: the newest that may. If the clock is so far behind that none may, it is the
// first.
func (s *keySet) current(algorithm string, now time.Time) *key {
	chain := s.chains[algorithm]
	for _, k := range slices.Backward(chain) {
		if !now.Before(k.SignsFrom) {
			return k
		}
	}
	return chain[0]
}

// living is the key with an id. ErrNotOurs when there is none, or it is dead; ErrWrongClock when it is dead only by a wrong clock.
func (k *Keyring) living(keys map[string]*key, id string, now time.Time) (*key, error) {
	key := keys[id]
	if key == nil {
		return nil, ErrNotOurs
	}
	if !key.dead(now) {
		return key, nil
	}
	if right, wrong := k.RightTime(now); wrong && !key.dead(right) {
		return nil, ErrWrongClock
	}
	return nil, ErrNotOurs
}

func (s *keySet) state(k *key, now time.Time) string {
	switch {
	case k == s.current(k.Algorithm, now):
		return "current"
	case k.dead(now):
		return "dead"
	case now.Before(k.SignsFrom):
		return "next"
	default:
		return "retired"
	}
}

// jwks is a key set document and how long it is right.
type jwks struct {
	body  []byte
	etag  string
	until time.Time // zero: until the keys change
}

// JWKS is the public keys as a JSON Web Key Set (RFC 7517 §5), and its ETag: for ES256 and then RS256 the last, the current and
// the next key. It is made once per change.
func (k *Keyring) JWKS() (body []byte, etag string) {
	now, set := k.now(), k.keys.Load()
	doc := set.jwks.Load()
	if doc == nil || !doc.until.IsZero() && !now.Before(doc.until) {
		doc = set.publish(now)
		set.jwks.Store(doc)
	}
	return doc.body, doc.etag
}

func (s *keySet) publish(now time.Time) *jwks {
	doc := &jwks{}
	published := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range slices.Concat(s.chains[ES256], s.chains[RS256]) {
		if k.dead(now) {
			continue
		}
		published.Keys = append(published.Keys, jose.JSONWebKey{Key: k.public, KeyID: k.ID, Algorithm: k.Algorithm, Use: string(UseSign)})
		if !k.deadAt.IsZero() && (doc.until.IsZero() || k.deadAt.Before(doc.until)) {
			doc.until = k.deadAt
		}
	}
	body, err := json.Marshal(published)
	if err != nil {
		panic(err) // public keys that were parsed can be written
	}
	sum := sha256.Sum256(body)
	doc.body, doc.etag = body, `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`
	return doc
}
