package limit_test

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":                  "192.0.2.7/32",
		"::ffff:192.0.2.7":           "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":       "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1":       "2001:db8:1:2::/64",
		"fe80::1%eth0":               "fe80::/64",
		"::1":                        "::/64",
		"::ffff:192.0.2.7%eth0":      "192.0.2.7/32",
		"2001:db8:1:3:0:ff:fe00:123": "2001:db8:1:3::/64",
	} {
		if got := limit.Network(netip.MustParseAddr(address)).String(); got != want {
			t.Errorf("Network(%s): got %s, want %s", address, got, want)
		}
	}
	if got := limit.Network(netip.Addr{}); got.IsValid() {
		t.Errorf("Network of no address: got %v", got)
	}
}

func TestFailuresOverTheLimitAreRefusedUntilTheWindowEnds(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	limiter := limit.Limiter{Store: db, Now: func() time.Time { return now }}
	bucket := limit.Bucket{Key: limit.Key("client", "c1", "192.0.2.7/32"), Limit: 2, Window: time.Minute}
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
	now = now.Add(time.Minute)
	if err := count(); err != nil {
		t.Errorf("after the window: %v", err)
	}
}

func TestKeysAreBounded(t *testing.T) {
	seen := map[string]bool{}
	for i := range 2000 {
		key := limit.Key("pair", fmt.Sprint(i), strings.Repeat("x", i))
		hash, ok := strings.CutPrefix(key, "pair:")
		if !ok || len(hash) != 5 || strings.Trim(hash, "0123456789abcdef") != "" {
			t.Fatalf("got key %q, want pair: and 20 bits in hexadecimal", key)
		}
		seen[key] = true
	}
	if len(seen) < 1900 {
		t.Errorf("2000 inputs fell into %d keys", len(seen))
	}
	if limit.Key("k", "ab", "c") == limit.Key("k", "a", "bc") {
		t.Error("the border between the parts does not count")
	}
}
