package authz

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/flight"
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

// signedList is the list as it is handed out.
type signedList struct {
	jwt  []byte
	etag string
}

// ended is what the list says: whatever was issued under these is dead, although it has not expired.
type ended struct {
	Grants   []string         `json:"grants"`
	Families []string         `json:"families"` // what stands before the dot in a jti
	Tokens   []string         `json:"tokens"`   // jti of machine tokens
	Clients  map[string]int64 `json:"clients"`  // machine tokens of a client that were issued at this time, in seconds since 1970, or before
	Until    map[string]int64 `json:"until"`    // tokens of a grant, which lives, that were issued at this time or before
}

// EndedList is the signed list of what has ended and might still be believed, for resource servers that poll it, with its ETag: docs/adr/0002-ended-list.md.
// It is made at most once a second. The ETag stays the same for a while as long as nothing ends, so most polls are answered with 304.
// While the database does not answer, polls get the last list until that expires.
func (s *Server) EndedList(ctx context.Context) (jwt []byte, etag string, err error) {
	list, err := s.ended.Get(ctx)
	return list.jwt, list.etag, err
}

// newEndedList is the list, made by one query and one signature for any number of callers.
func (s *Server) newEndedList() *flight.Value[signedList] {
	return &flight.Value[signedList]{Load: s.makeEndedList, Now: s.now, Fresh: endedMaxAge, Keep: endedLifetime}
}

func (s *Server) makeEndedList(ctx context.Context) (signedList, error) {
	now := s.rightTime() // a clock ahead would leave out what has ended
	endings, err := s.families.Endings(ctx, now)
	if err != nil {
		return signedList{}, fmt.Errorf("load what has ended: %w", err)
	}
	list := sortEndings(endings)
	signed, err := s.keys.SignJWT(endedType, struct {
		Issuer   string `json:"iss"`
		IssuedAt int64  `json:"iat"`
		Expires  int64  `json:"exp"`
		Ended    ended  `json:"ended"`
	}{s.opts.Issuer, now.Unix(), now.Add(endedLifetime).Unix(), list}, token.ES256)
	if err != nil {
		return signedList{}, fmt.Errorf("sign what has ended: %w", err)
	}
	content, err := json.Marshal(list)
	if err != nil {
		return signedList{}, fmt.Errorf("encode what has ended: %w", err)
	}
	sum := sha256.Sum256(strconv.AppendInt(content, now.UnixNano()/int64(endedTagLifetime), 10))
	return signedList{[]byte(signed), `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}, nil
}

// sortEndings sorts endings by kind and then by id, so that the same endings always make the same list.
func sortEndings(endings []Ending) ended {
	list := ended{Grants: []string{}, Families: []string{}, Tokens: []string{}, Clients: map[string]int64{}, Until: map[string]int64{}}
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
		case NarrowedGrant:
			list.Until[e.ID] = max(list.Until[e.ID], e.At.Unix())
		}
	}
	slices.Sort(list.Grants)
	slices.Sort(list.Families)
	slices.Sort(list.Tokens)
	return list
}
