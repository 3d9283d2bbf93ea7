package authz

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// How the list of what has ended is made: docs/adr/0002-ended-list.md.
const (
	endedType     = "ended-tokens+jwt"
	endedLifetime = time.Minute // of a signed list; who polls every few seconds never sees it expire
	endedMaxAge   = time.Second // how old the list may be that is handed out

	// How long an ETag stays the same. A cache that asks whether what it keeps is still good must not be told so of a list that has expired, or is about to.
	endedTagLifetime = endedLifetime / 2
)

// endedList is the newest list and when it was made. The lock is held while a list is made, so that any number of callers cost one query and one signature.
type endedList struct {
	mu     sync.Mutex
	jwt    []byte
	etag   string
	madeAt time.Time
}

// ended is what the list says: whatever was issued under these is dead, although it has not expired.
type ended struct {
	Grants   []string         `json:"grants"`
	Families []string         `json:"families"` // what stands before the dot in a jti
	Tokens   []string         `json:"tokens"`   // jti of machine tokens
	Clients  map[string]int64 `json:"clients"`  // machine tokens of a client that were issued at this time, in seconds since 1970, or before
}

// EndedList is the signed list of what has ended and might still be believed, for resource servers that poll it, with its ETag: docs/adr/0002-ended-list.md.
// It is made at most once a second. The ETag stays the same for a while as long as nothing ends, so most polls are answered with 304.
func (s *Server) EndedList(ctx context.Context) (jwt []byte, etag string, err error) {
	l := &s.ended
	l.mu.Lock()
	defer l.mu.Unlock()
	now := s.now()
	// A clock that was set back makes a new list, too.
	if age := now.Sub(l.madeAt); l.jwt != nil && age >= 0 && age < endedMaxAge {
		return l.jwt, l.etag, nil
	}
	endings, err := s.families.Endings(ctx, now)
	if err != nil {
		return nil, "", fmt.Errorf("load what has ended: %w", err)
	}
	list := sortEndings(endings)
	signed, err := s.keys.SignJWT(endedType, struct {
		Issuer   string `json:"iss"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
		Ended    ended  `json:"ended"`
	}{s.opts.Issuer, now.Unix(), now.Add(endedLifetime).Unix(), list}, token.ES256)
	if err != nil {
		return nil, "", fmt.Errorf("sign what has ended: %w", err)
	}
	content, err := json.Marshal(list)
	if err != nil {
		return nil, "", fmt.Errorf("encode what has ended: %w", err)
	}
	sum := sha256.Sum256(strconv.AppendInt(content, now.UnixNano()/int64(endedTagLifetime), 10))
	l.jwt, l.etag, l.madeAt = []byte(signed), `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`, now
	return l.jwt, l.etag, nil
}

// sortEndings sorts endings by kind and then by id, so that the same endings always make the same list.
func sortEndings(endings []Ending) ended {
	list := ended{Grants: []string{}, Families: []string{}, Tokens: []string{}, Clients: map[string]int64{}}
	for _, e := range endings {
		switch e.Kind {
		case EndedGrant:
			list.Grants = append(list.Grants, e.ID)
		case EndedFamily:
			list.Families = append(list.Families, e.ID)
		case EndedToken:
			list.Tokens = append(list.Tokens, e.ID)
		case EndedClient:
			list.Clients[e.ID] = max(list.Clients[e.ID], e.At.Unix())
		}
	}
	slices.Sort(list.Grants)
	slices.Sort(list.Families)
	slices.Sort(list.Tokens)
	return list
}
