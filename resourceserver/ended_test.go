package resourceserver_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/go-jose/go-jose/v4"
)

// endedList answers a poll.
func (i *issuer) endedList(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	status := http.StatusOK
	content, _ := json.Marshal(i.ended)
	sum := sha256.Sum256(content)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	switch {
	case i.endedDown:
		status = http.StatusBadGateway
	case r.Header.Get("If-None-Match") == etag:
		status = http.StatusNotModified
	}
	i.polls = append(i.polls, status)
	w.Header().Set("ETag", etag)
	w.WriteHeader(status)
	if status != http.StatusOK {
		return
	}
	list := token{
		kid: "k1", alg: jose.ES256, key: i.keys["k1"], header: map[string]any{"typ": "ended-tokens+jwt"},
		claims: map[string]any{"iss": i.URL, "iat": i.at.Unix(), "exp": i.at.Unix() + 60, "ended": maps.Clone(i.ended)},
	}
	if i.endedWith != nil {
		i.endedWith(&list)
	}
	io.WriteString(w, list.sign())
}

// newEndingIssuer is an issuer that publishes what has ended: nothing yet.
func newEndingIssuer(t testing.TB) *issuer {
	i := newIssuer(t)
	i.endedURI, i.ended = i.URL+"/ended", map[string]any{}
	return i
}

func (i *issuer) end(kind string, what any) { i.set(func() { i.ended[kind] = what }) }

func (i *issuer) pollCount() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.polls)
}

func wantStatus(t *testing.T, guard *resourceserver.Guard, raw string, want int) {
	t.Helper()
	if response := call(guard, nil, "/", "Bearer "+raw); response.Code != want {
		t.Errorf("got %d %s, want %d", response.Code, response.Body, want)
	}
}

// A token is refused within the bound when its grant, family or client ends, although it was seen before.
func TestEndedTokenIsRefusedWithinTheBound(t *testing.T) {
	for name, tt := range map[string]struct {
		kind    string
		ended   func(*issuer) any
		refused bool
	}{
		"grant":                {"grants", func(*issuer) any { return []string{"g0", "g1"} }, true},
		"another grant":        {"grants", func(*issuer) any { return []string{"f1", "c1", "g10", "g", ""} }, false},
		"family":               {"families", func(*issuer) any { return []string{"f1"} }, true},
		"another family":       {"families", func(*issuer) any { return []string{"f", "f1.x", "g1", ""} }, false},
		"token":                {"tokens", func(*issuer) any { return []string{"f1.x"} }, true},
		"another token":        {"tokens", func(*issuer) any { return []string{"f1", "f1.y", ""} }, false},
		"client":               {"clients", func(i *issuer) any { return map[string]int64{"c1": i.at.Unix()} }, true},
		"client, but earlier":  {"clients", func(i *issuer) any { return map[string]int64{"c1": i.at.Unix() - 1} }, false},
		"another client":       {"clients", func(i *issuer) any { return map[string]int64{"c2": i.at.Unix(), "": i.at.Unix()} }, false},
		"narrowed":             {"until", func(i *issuer) any { return map[string]int64{"g1": i.at.Unix()} }, true},
		"narrowed before":      {"until", func(i *issuer) any { return map[string]int64{"g1": i.at.Unix() - 1} }, false},
		"another is narrowed":  {"until", func(i *issuer) any { return map[string]int64{"g2": i.at.Unix(), "": i.at.Unix()} }, false},
		"what is not known":    {"moons", func(*issuer) any { return []string{"f1"} }, false},
		"nothing of the kinds": {"grants", func(*issuer) any { return []string{} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := newEndingIssuer(t)
			guard := i.guard(t, nil)
			raw := i.token(claim("jti", "f1.x"))
			wantStatus(t, guard, raw, http.StatusOK)
			i.end(tt.kind, tt.ended(i))
			i.advance(5 * time.Second)
			want := http.StatusOK
			if tt.refused {
				want = http.StatusUnauthorized
			}
			wantStatus(t, guard, raw, want)
			if n := i.pollCount(); n != 2 {
				t.Errorf("got %d polls, want 2", n)
			}
		})
	}
}

func TestEndedTokenIsRefusedWithReason(t *testing.T) {
	i := newEndingIssuer(t)
	i.end("grants", []string{"g1"})
	response := call(i.guard(t, nil), nil, "/", "Bearer "+i.token())
	if challenge := response.Header().Get("WWW-Authenticate"); response.Code != http.StatusUnauthorized || !strings.Contains(challenge, `error="invalid_token"`) || !strings.Contains(challenge, "revoked") {
		t.Errorf("got %d %s, want 401 invalid_token that says revoked", response.Code, challenge)
	}
}

func TestMachineTokenEndsAlone(t *testing.T) {
	i := newEndingIssuer(t)
	guard := i.guard(t, nil)
	machine := func(jti string) string {
		return i.token(claim("jti", jti), claim("grant_id", nil), claim("sub", "c1"), claim("auth_time", nil))
	}
	i.end("tokens", []string{"m.one"})
	i.end("families", []string{"m", ""}) // no family has such an id, and if one had, machine tokens would not be of it
	i.end("grants", []string{""})
	wantStatus(t, guard, machine("m.one"), http.StatusUnauthorized)
	wantStatus(t, guard, machine("m.two"), http.StatusOK)
}

// While requests come, the list is asked for every two seconds, beside the requests; with no requests, never.
func TestListIsPolledWhileRequestsCome(t *testing.T) {
	i := newEndingIssuer(t)
	guard := i.guard(t, nil)
	raw := i.token(claim("jti", "f1.x"))
	wantStatus(t, guard, raw, http.StatusOK)
	i.end("families", []string{"f1"})
	i.advance(1999 * time.Millisecond)
	wantStatus(t, guard, raw, http.StatusOK)
	if n := i.pollCount(); n != 1 {
		t.Errorf("within two seconds: got %d polls, want 1", n)
	}
	i.advance(501 * time.Millisecond)
	wantStatus(t, guard, raw, http.StatusOK) // uses the known list, and starts a fetch
	// The first list is now too old, the fetched one is not; a request that comes during the fetch waits for it.
	i.advance(1500 * time.Millisecond)
	wantStatus(t, guard, raw, http.StatusUnauthorized)
	i.advance(time.Hour)
	if n := i.pollCount(); n != 2 {
		t.Errorf("without requests: got %d polls, want 2", n)
	}
}

func TestUnchangedListIsNotSentAgain(t *testing.T) {
	i := newEndingIssuer(t)
	guard := i.guard(t, nil)
	poll := func(after time.Duration) {
		i.advance(after)
		wantStatus(t, guard, i.token(), http.StatusOK)
	}
	for _, after := range []time.Duration{0, 5 * time.Second, 5 * time.Second, 50 * time.Second, 5 * time.Second} {
		poll(after)
	}
	i.end("grants", []string{"g2"})
	poll(5 * time.Second)
	poll(5 * time.Second)
	// 304 is not signed, so it is not taken for more than a list's minute.
	if want := []int{200, 304, 304, 200, 304, 200, 304}; !slices.Equal(i.polls, want) {
		t.Errorf("got the answers %v, want %v", i.polls, want)
	}
}

func TestManyRequestsPollOnce(t *testing.T) {
	i := newEndingIssuer(t)
	guard := i.guard(t, nil)
	raw := i.token()
	for n := 1; n <= 3; n++ {
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { wantStatus(t, guard, raw, http.StatusOK) })
		}
		group.Wait()
		if got := i.pollCount(); got != n {
			t.Errorf("got %d polls, want %d", got, n)
		}
		i.advance(5 * time.Second)
	}
}

// When it cannot be known what has ended, requests are answered 503, unless InsecureStaleRevocation is set.
func TestUnknownEndingsAreUnavailable(t *testing.T) {
	i := newEndingIssuer(t)
	strict, loose := i.guard(t, nil), i.guard(t, func(o *resourceserver.Options) { o.InsecureStaleRevocation = true })
	raw := i.token(claim("jti", "f1.x"))
	i.set(func() { i.endedDown = true })
	response := call(strict, nil, "/", "Bearer "+raw)
	if response.Code != http.StatusServiceUnavailable || response.Header().Get("Retry-After") != "1" {
		t.Errorf("nothing known: got %d with Retry-After %q, want 503 with 1", response.Code, response.Header().Get("Retry-After"))
	}
	wantStatus(t, loose, raw, http.StatusOK)

	i.set(func() { i.endedDown = false })
	i.advance(time.Second)
	wantStatus(t, strict, raw, http.StatusOK)
	wantStatus(t, loose, raw, http.StatusOK)
	i.set(func() { i.endedDown = true })
	i.advance(4*time.Second - time.Millisecond)
	wantStatus(t, strict, raw, http.StatusOK) // known well enough: the list may be a second older than it looks
	i.advance(time.Second)
	wantStatus(t, strict, raw, http.StatusServiceUnavailable)
	wantStatus(t, loose, raw, http.StatusOK)

	i.set(func() { i.endedDown = false })
	i.end("families", []string{"f1"})
	i.advance(time.Second)
	wantStatus(t, strict, raw, http.StatusUnauthorized)
	wantStatus(t, loose, raw, http.StatusUnauthorized)
	i.set(func() { i.endedDown = true })
	i.advance(time.Minute)
	wantStatus(t, loose, raw, http.StatusUnauthorized) // what is known to have ended stays so
}

// A list that is not the issuer's, or not for now, is not used.
func TestListsThatAreNotTrusted(t *testing.T) {
	for name, change := range map[string]func(*issuer){
		"of another issuer":    func(i *issuer) { i.endedWith = claim("iss", "https://other.example") },
		"without an issuer":    func(i *issuer) { i.endedWith = claim("iss", nil) },
		"signed by another":    func(i *issuer) { i.endedWith = signedBy("k1", jose.ES256, newKey()) },
		"signed by a stranger": func(i *issuer) { i.endedWith = signedBy("k9", jose.ES256, newKey()) },
		"an access token":      func(i *issuer) { i.endedWith = header("typ", "at+jwt") },
		"without a typ":        func(i *issuer) { i.endedWith = header("typ", nil) },
		"expired":              func(i *issuer) { i.endedWith = claim("exp", i.at.Unix()-10) },
		"made tomorrow":        func(i *issuer) { i.endedWith = claim("iat", i.at.Unix()+86400) },
		"without exp":          func(i *issuer) { i.endedWith = claim("exp", nil) },
		"without iat":          func(i *issuer) { i.endedWith = claim("iat", nil) },
		"critical header":      func(i *issuer) { i.endedWith = header("crit", []string{"x"}) },
		"grants in words":      func(i *issuer) { i.endedWith = claim("ended", map[string]any{"grants": "g1"}) },
		"not there":            func(i *issuer) { i.endedURI = i.URL + "/nothing" },
		"not a list":           func(i *issuer) { i.endedURI = i.URL + "/jwks" },
		"over plain http":      func(i *issuer) { i.endedURI = "http://lists.example/ended" },
	} {
		t.Run(name, func(t *testing.T) {
			i := newEndingIssuer(t)
			i.set(func() { change(i) })
			wantStatus(t, i.guard(t, nil), i.token(), http.StatusServiceUnavailable)
		})
	}
}

// A token for an API that names itself a list must not be one: the two are told apart by typ alone.
func TestListIsNoAccessToken(t *testing.T) {
	i := newEndingIssuer(t)
	refused(t, i, "/", "Bearer "+i.token(header("typ", "ended-tokens+jwt")))
}

func TestIssuerWithoutListIsNotAsked(t *testing.T) {
	i := newIssuer(t)
	var log bytes.Buffer
	guard := i.guard(t, func(o *resourceserver.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	wantStatus(t, guard, i.token(), http.StatusOK)
	i.advance(time.Minute)
	wantStatus(t, guard, i.token(), http.StatusOK)
	if n := i.pollCount(); n != 0 {
		t.Errorf("got %d polls, want none", n)
	}
	if n := strings.Count(log.String(), "no list of ended tokens"); n != 1 {
		t.Errorf("the log warns %d times, want once:\n%s", n, log.String())
	}
}

// An API that must not accept revoked tokens requires the list: without one, or when it goes away, nothing passes.
func TestRequiredListFailsClosed(t *testing.T) {
	required := func(o *resourceserver.Options) { o.RequireEndedList = true }
	none := newIssuer(t)
	response := call(none.guard(t, required), nil, "/", "Bearer "+none.token())
	if response.Code != http.StatusServiceUnavailable || !strings.Contains(response.Body.String(), "revoked") {
		t.Errorf("an issuer without a list: got %d %s, want 503 that says why", response.Code, response.Body)
	}
	i := newEndingIssuer(t)
	guard, raw := i.guard(t, required), i.token(claim("jti", "f1.x"))
	wantStatus(t, guard, raw, http.StatusOK)
	i.set(func() { i.endedURI = "" })
	i.publish("k1", "k2")
	i.advance(30 * time.Second)
	wantStatus(t, guard, i.tokenOf("k2"), http.StatusServiceUnavailable) // its key is unknown, so the metadata is fetched again
	wantStatus(t, guard, raw, http.StatusServiceUnavailable)
	if _, err := resourceserver.New(t.Context(), i.URL, resourceserver.Options{RequireEndedList: true, InsecureStaleRevocation: true}); err == nil {
		t.Error("a required list that need not be fetched is accepted")
	}
}

func TestShorterBound(t *testing.T) {
	i := newEndingIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.RevocationBound = 2 * time.Second })
	raw := i.token(claim("jti", "f1.x"))
	wantStatus(t, guard, raw, http.StatusOK)
	i.end("families", []string{"f1"})
	i.advance(time.Second) // and the list could be a second old
	wantStatus(t, guard, raw, http.StatusUnauthorized)
}

func BenchmarkSeenTokenWithEndings(b *testing.B) {
	i := newEndingIssuer(b)
	grants := make([]string, 10_000)
	for n := range grants {
		grants[n] = hex.EncodeToString([]byte{byte(n), byte(n >> 8), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	}
	i.end("grants", grants)
	benchmark(b, i, i.guard(b, nil))
}
