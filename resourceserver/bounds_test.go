package resourceserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// ofLength is a JWT of this many bytes. build makes one with something in its claims and in its header that nobody reads: base64
// has no length that is 1 modulo 4, so not every length can be had by the claims alone.
func ofLength(t *testing.T, length int, build func(claims, header string) string) string {
	t.Helper()
	for _, inHeader := range []string{"", "h", "hh"} {
		pad := (length - len(build("", inHeader))) * 3 / 4
		for n := pad - 5; n <= pad+5; n++ {
			if raw := build(strings.Repeat("p", n), inHeader); len(raw) == length {
				return raw
			}
		}
	}
	t.Fatalf("no JWT of %d bytes", length)
	return ""
}

func TestLongestTokenAndProof(t *testing.T) {
	const most = 8 << 10
	i := newIssuer(t)
	tokenWith := func(claims, head string) string { return i.token(claim("pad", claims), header("pad", head)) }
	proofWith := func(claims, head string) string { return newProof(proves("pad", claims), proofHeader("pad", head)) }
	wantStatus(t, i.guard(t, nil), ofLength(t, most, tokenWith), http.StatusOK)
	refused(t, i, "/", "Bearer "+ofLength(t, most+1, tokenWith))
	for length, accepted := range map[int]bool{most: true, most + 1: false} {
		if _, err := check(nil, ofLength(t, length, proofWith)); (err == nil) != accepted {
			t.Errorf("a proof of %d bytes: got %v, want acceptance: %v", length, err, accepted)
		}
	}
}

func TestNonceKeyHas32Bytes(t *testing.T) {
	for length, accepted := range map[int]bool{0: true, 1: false, 31: false, 32: true, 33: true} {
		_, err := resourceserver.New(t.Context(), "https://id.example", resourceserver.Options{NonceKey: make([]byte, length)})
		if (err == nil) != accepted {
			t.Errorf("%d bytes: got %v, want acceptance: %v", length, err, accepted)
		}
	}
}

func TestShortestRevocationBound(t *testing.T) {
	for bound, accepted := range map[time.Duration]bool{2*time.Second - 1: false, 2 * time.Second: true} {
		_, err := resourceserver.New(t.Context(), "https://id.example", resourceserver.Options{RevocationBound: bound})
		if (err == nil) != accepted {
			t.Errorf("%v: got %v, want acceptance: %v", bound, err, accepted)
		}
	}
}

func TestTimesOutsideWhatCounts(t *testing.T) {
	i := newIssuer(t)
	for value, want := range map[int64]int{0: http.StatusOK, -1: http.StatusUnauthorized, 1 << 40: http.StatusOK, 1<<40 + 1: http.StatusUnauthorized} {
		if response := call(i.guard(t, nil), nil, "/", "Bearer "+i.token(claim("auth_time", value))); response.Code != want {
			t.Errorf("auth_time %d: got %d %s, want %d", value, response.Code, response.Body, want)
		}
	}
}

// No leeway is what a negative one means: it must not make tokens end before their time, nor later.
func TestNegativeLeewayIsNone(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.Leeway = -time.Hour })
	now := i.now().Unix()
	for name, tt := range map[string]struct {
		change func(*token)
		want   int
	}{
		"expires in a second":   {claim("exp", now+1), http.StatusOK},
		"expires now":           {claim("exp", now), http.StatusUnauthorized},
		"issued now":            {claim("iat", now), http.StatusOK},
		"issued in a second":    {claim("iat", now+1), http.StatusUnauthorized},
		"not before now":        {claim("nbf", now), http.StatusOK},
		"not before one second": {claim("nbf", now+1), http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) { wantStatus(t, guard, i.token(tt.change), tt.want) })
	}
}

func TestLeewayAtItsBound(t *testing.T) {
	i := newIssuer(t)
	now := i.now().Unix()
	wantStatus(t, i.guard(t, nil), i.token(claim("nbf", now+10)), http.StatusOK)
	for name, change := range map[string]func(*token){"made in ten seconds": claim("iat", now+10), "expired nine seconds ago": claim("exp", now-9)} {
		t.Run(name, func(t *testing.T) {
			i := newEndingIssuer(t)
			i.set(func() { i.endedWith = change })
			wantStatus(t, i.guard(t, nil), i.token(), http.StatusOK)
		})
	}
}

// Keys are believed for a day without news of the issuer, and not a moment longer.
func TestKeysAreBelievedForADay(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	wantStatus(t, guard, i.token(), http.StatusOK)
	i.set(func() { i.down = true })
	i.advance(24*time.Hour - time.Millisecond)
	wantStatus(t, guard, i.token(), http.StatusOK)
	i.advance(time.Millisecond)
	wantStatus(t, guard, i.token(), http.StatusServiceUnavailable)
}

// The list may be a second older than it looks, so it is believed for a second less than the bound.
func TestListIsBelievedForTheBoundLessASecond(t *testing.T) {
	i := newEndingIssuer(t)
	guard := i.guard(t, nil)
	wantStatus(t, guard, i.token(), http.StatusOK)
	i.set(func() { i.endedDown = true })
	i.advance(4 * time.Second)
	wantStatus(t, guard, i.token(), http.StatusServiceUnavailable)
}

func TestNonceAtTheBoundsOfItsTime(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.NonceKey = []byte(strings.Repeat("k", 32)) })
	raw := i.bound(t, clientKey.Public())
	nonce := present(guard, "/data", "DPoP "+raw, i.proofFor("/data", raw)).Header().Get("DPoP-Nonce")
	made := i.now()
	for _, tt := range []struct {
		after   time.Duration
		passes  bool
		another bool // is handed out
	}{
		{150*time.Second - 1, true, false},
		{150 * time.Second, true, true},
		{300*time.Second - 1, true, true},
		{300 * time.Second, false, true},
		{-150*time.Second + 1, true, false},
		{-300*time.Second + 1, true, true},
		{-300 * time.Second, false, true}, // the clock was set back
	} {
		i.set(func() { i.at = made.Add(tt.after) })
		token := i.bound(t, clientKey.Public())
		response := present(guard, "/data", "DPoP "+token, i.proofFor("/data", token, proves("nonce", nonce)))
		if passes, another := response.Code == http.StatusOK, response.Header().Get("DPoP-Nonce") != ""; passes != tt.passes || another != tt.another {
			t.Errorf("%v later: got %d %s with another nonce: %v; want %v and %v", tt.after, response.Code, response.Body, another, tt.passes, tt.another)
		}
	}
}
