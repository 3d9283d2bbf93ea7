package limit_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

func TestNetworks(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":                  "[192.0.2.7/32]",
		"::ffff:192.0.2.7":           "[192.0.2.7/32]",
		"::ffff:192.0.2.7%eth0":      "[192.0.2.7/32]",
		"2001:db8:1:203:4:5:6:7":     "[2001:db8:1:203::/64 2001:db8:1:200::/56 2001:db8:1::/48]",
		"2001:db8:1:3:0:ff:fe00:123": "[2001:db8:1:3::/64 2001:db8:1::/56 2001:db8:1::/48]",
		"fe80::1%eth0":               "[fe80::/64 fe80::/56 fe80::/48]",
		"::1":                        "[::/64 ::/56 ::/48]",
	} {
		if got := fmt.Sprint(limit.Networks(netip.MustParseAddr(address))); got != want {
			t.Errorf("Networks(%s): got %s, want %s", address, got, want)
		}
	}
	if got := limit.Networks(netip.Addr{}); len(got) != 1 || got[0].IsValid() {
		t.Errorf("Networks of no address: got %v", got)
	}
	if got := limit.Customer(netip.MustParseAddr("2001:db8:1:203::1")).String(); got != "2001:db8:1::/48" {
		t.Errorf("Customer: got %s", got)
	}
}

// The networks around an address hold more people, so they may have more failures, but not without end.
func TestWiderNetworksMayHaveMoreFailures(t *testing.T) {
	limiter := limit.Limiter{MAC: under("key")}
	for address, want := range map[string][]int{"192.0.2.7": {5}, "2001:db8:1:203::1": {5, 10, 20}} {
		var got []int
		for i, bucket := range limiter.PerNetwork("address", netip.MustParseAddr(address), 5, time.Minute) {
			got = append(got, bucket.Limit)
			if network := limit.Networks(netip.MustParseAddr(address))[i].String(); bucket.Key != limiter.Key("address", network) || bucket.Window != time.Minute {
				t.Errorf("%s: got %+v for %s", address, bucket, network)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got the limits %v, want %v", address, got, want)
		}
	}
}

// under is a MAC with a key.
func under(key string) func([]byte) []byte {
	return func(message []byte) []byte {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(message)
		return mac.Sum(nil)
	}
}

func TestFailuresOverTheLimitAreRefusedUntilTheWindowEnds(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	limiter := limit.Limiter{Store: db, Now: func() time.Time { return now }, MAC: under("key")}
	bucket := limit.Bucket{Key: limiter.Key("client", "c1", "192.0.2.7/32"), Limit: 2, Window: time.Minute}
	count := func() error { return limiter.Count(t.Context(), bucket) }
	for range 2 {
		if err := count(); err != nil {
			t.Fatal(err)
		}
	}
	throttled, ok := errors.AsType[*limit.ThrottledError](count())
	if !ok || throttled.Wait != time.Minute {
		t.Errorf("the third failure: got %v, want *ThrottledError with a wait of a minute", throttled)
	}
	if err := limiter.Uncount(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	if err := count(); err != nil {
		t.Errorf("after one failure was taken back: %v", err)
	}
	now = now.Add(time.Minute - time.Millisecond)
	if _, ok := errors.AsType[*limit.ThrottledError](count()); !ok {
		t.Error("the last millisecond of the window lets one more through")
	}
	now = now.Add(time.Millisecond)
	if err := count(); err != nil {
		t.Errorf("after the window: %v", err)
	}
}

// Somebody without the MAC key must not be able to compute the name of a counter, or to find two things that share one.
func TestKeysAreMACsOfAllTheirParts(t *testing.T) {
	limiter := limit.Limiter{MAC: under("one")}
	key := limiter.Key("pair", "ada@example.com", "192.0.2.7/32")
	hash, ok := strings.CutPrefix(key, "pair:")
	if raw, err := base64.RawURLEncoding.DecodeString(hash); !ok || err != nil || len(raw) != sha256.Size {
		t.Errorf("got key %q, want pair: and 256 bits in base64url", key)
	}
	for name, other := range map[string]string{
		"MAC key":                  limit.Limiter{MAC: under("two")}.Key("pair", "ada@example.com", "192.0.2.7/32"),
		"kind":                     limiter.Key("account", "ada@example.com", "192.0.2.7/32"),
		"part":                     limiter.Key("pair", "ada@example.com", "192.0.2.8/32"),
		"border between the parts": limiter.Key("pair", "ada@example.com1", "92.0.2.7/32"),
	} {
		if _, otherHash, _ := strings.Cut(other, ":"); otherHash == hash {
			t.Errorf("another %s gives the same hash", name)
		}
	}
	if again := limiter.Key("pair", "ada@example.com", "192.0.2.7/32"); again != key {
		t.Errorf("the same parts give %q and then %q", key, again)
	}
}
