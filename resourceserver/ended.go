package resourceserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

const (
	// The issuer makes its list at most once a second, so a list that was just fetched may be this old.
	listAge = time.Second

	endedLimit   = 2 * time.Second        // for one fetch
	endedRetry   = 500 * time.Millisecond // between fetches that fail
	maxEndedList = 32 << 20               // bytes; an ended grant takes about 30
	leastBound   = 2 * time.Second
)

// endedSource keeps the issuer's signed list of what has ended before its tokens expire (a revocation list): grants,
// families, single tokens, clients. An entry leaves the list when the last token that it concerns has expired.
//
// The list is fetched only while requests come. A request waits for it only when the known list is as old as the bound
// allows.
type endedSource struct {
	ctx      context.Context // ends fetches
	issuer   string
	opts     Options
	algs     []jose.SignatureAlgorithm
	keys     *keySource
	interval time.Duration // an older list is fetched again
	trusted  time.Duration // an older list is not trusted
	flight   flight
	list     atomic.Pointer[endedList] // nil until fetched once
}

func newEndedSource(ctx context.Context, issuer string, opts Options, algs []jose.SignatureAlgorithm, keys *keySource) *endedSource {
	return &endedSource{
		ctx: ctx, issuer: issuer, opts: opts, algs: algs, keys: keys,
		interval: opts.RevocationBound * 2 / 5, trusted: opts.RevocationBound - listAge, flight: flight{log: opts.Log},
	}
}

// check refuses a token that has ended, and every token while it is not known what has.
func (s *endedSource) check(ctx context.Context, token *Token, now time.Time) error {
	uri := s.keys.endedURI()
	switch {
	case uri == "" && s.opts.RequireEndedList:
		return unavailable("the authorization server does not say which access tokens were revoked, and this API requires it", time.Minute)
	case uri == "":
		return nil // the issuer has no list; keySource.replace has logged it
	}
	list := s.list.Load()
	if list == nil || now.Sub(list.asked) >= s.interval {
		var err error
		if list, err = s.refresh(ctx, uri, list, now); err != nil {
			return err
		}
	}
	if list.names(token) {
		return errEnded
	}
	return nil
}

// refresh starts a fetch and returns the best list there is. It waits only when the known list is not trusted any more.
func (s *endedSource) refresh(ctx context.Context, uri string, known *endedList, now time.Time) (*endedList, error) {
	done := s.flight.start(now, endedRetry, func() { s.fetch(uri, now) })
	if s.trusts(known, now) {
		return known, nil
	}
	if err := wait(ctx, done); err != nil {
		return nil, err
	}
	if known = s.list.Load(); s.trusts(known, now) || s.opts.InsecureStaleRevocation {
		return known, nil
	}
	return nil, unavailable("it cannot be learned at the moment whether the access token was revoked", time.Second)
}

func (s *endedSource) trusts(list *endedList, now time.Time) bool {
	return list != nil && now.Sub(list.asked) < s.trusted
}

func (s *endedSource) fetch(uri string, now time.Time) {
	list, err := s.download(uri, now)
	if err != nil { // the known list stays in use until it is too old; a later request tries again
		s.opts.Log.Warn("the authorization server's list of ended tokens could not be fetched", "issuer", s.issuer, "error", err)
		return
	}
	list.asked = now
	s.list.Store(list)
}

// download fetches the list unless it is the known one (ETag). Once the known list has expired, the whole list is fetched:
// a 304 is not signed, so an attacker on the way could use it to hide an ending, but not for longer than a list lives.
func (s *endedSource) download(uri string, now time.Time) (*endedList, error) {
	ctx, cancel := context.WithTimeout(s.ctx, endedLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwt")
	known := s.list.Load()
	if known != nil && known.etag != "" && now.Before(known.expires) {
		request.Header.Set("If-None-Match", known.etag)
	}
	response, err := s.opts.HTTPClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotModified && request.Header.Get("If-None-Match") != "":
		same := *known
		return &same, nil
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s answers %s", uri, response.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxEndedList))
	if err != nil {
		return nil, err
	}
	list, err := s.open(ctx, strings.TrimSpace(string(raw)), now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", uri, err)
	}
	list.etag = response.Header.Get("ETag")
	return list, nil
}

// open verifies a list.
func (s *endedSource) open(ctx context.Context, raw string, now time.Time) (*endedList, error) {
	signed := parseJWT(raw)
	if signed == nil || !slices.Contains(s.algs, signed.header.Algorithm) {
		return nil, errors.New("not a JWT that is signed as this issuer's tokens are")
	}
	if !strings.EqualFold(signed.header.Type, "ended-tokens+jwt") || signed.header.extended() {
		return nil, fmt.Errorf("not a list of ended tokens but a %q", signed.header.Type)
	}
	payload, err := s.keys.verify(ctx, signed, now)
	if err != nil {
		return nil, err
	}
	var c endedClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, err
	}
	switch leeway := s.opts.Leeway; {
	case c.Issuer != s.issuer:
		return nil, fmt.Errorf("a list of the issuer %q", c.Issuer)
	case c.IssuedAt == nil || c.Expires == nil:
		return nil, errors.New("a list without iat or exp")
	case c.IssuedAt.time().After(now.Add(leeway)), !now.Before(c.Expires.time().Add(leeway)):
		return nil, fmt.Errorf("a list that was made at %v and expires at %v, while it is %v here", c.IssuedAt.time(), c.Expires.time(), now)
	}
	return c.list(), nil
}

// endedClaims is the payload of a list.
type endedClaims struct {
	Issuer   string       `json:"iss"`
	IssuedAt *numericDate `json:"iat"`
	Expires  *numericDate `json:"exp"`
	Ended    struct {
		Grants   []string                `json:"grants"`
		Families []string                `json:"families"`
		Tokens   []string                `json:"tokens"`
		Clients  map[string]*numericDate `json:"clients"` // tokens of this client that were issued until then
		Until    map[string]*numericDate `json:"until"`   // tokens of this grant, which lives, that were issued until then
	} `json:"ended"`
}

func (c *endedClaims) list() *endedList {
	return &endedList{
		expires: c.Expires.time(),
		grants:  setOf(c.Ended.Grants), families: setOf(c.Ended.Families), tokens: setOf(c.Ended.Tokens), clients: c.Ended.Clients,
		narrowed: c.Ended.Until,
	}
}

// endedList is a verified list. It is never changed.
type endedList struct {
	asked   time.Time // when it was asked for: it has everything that ended until listAge before
	expires time.Time
	etag    string

	grants, families, tokens map[string]struct{}
	clients, narrowed        map[string]*numericDate // by client, and by grant
}

func setOf(names []string) map[string]struct{} {
	set := make(map[string]struct{}, len(names))
	for _, name := range names {
		set[name] = struct{}{}
	}
	return set
}

// names reports whether a token has ended.
func (l *endedList) names(t *Token) bool {
	if l == nil {
		return false
	}
	for _, entry := range [...]struct {
		set map[string]struct{}
		id  string
	}{{l.grants, t.GrantID}, {l.families, t.Family}, {l.tokens, t.ID}} {
		if _, ended := entry.set[entry.id]; ended && entry.id != "" {
			return true
		}
	}
	if until, ended := l.clients[t.ClientID]; ended && !t.IssuedAt.After(until.time()) {
		return true
	}
	until, narrowed := l.narrowed[t.GrantID]
	return narrowed && t.GrantID != "" && !t.IssuedAt.After(until.time())
}
