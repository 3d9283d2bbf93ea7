package authn_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// browserCookie is what a browser cookie holds.
type browserCookie struct {
	ID    string `json:"id"`
	Users []struct {
		User     string `json:"user"`
		Password string `json:"password"`
	} `json:"users"`
}

// A browser that has signed in to the account before is not held up by strangers. That is said by a cookie of 2048 bytes at most, for this
// very password: every character of its digest counts.
func TestWhichBrowserCookieIsKnown(t *testing.T) {
	h := newHouse(t)
	keys, err := token.OpenKeyring(t.Context(), h.db, storetest.Keyed(t, h.db), h.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	var content browserCookie
	if err := keys.Open(token.PurposeBrowser, h.signIn(ask(right)).Browser, &content); err != nil {
		t.Fatal(err)
	}
	h.strangers()
	known := func(changed browserCookie) bool {
		t.Helper()
		sealed, err := keys.Seal(token.PurposeBrowser, changed, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		r := ask(right)
		r.Browser = sealed
		_, err = h.auth.SignIn(t.Context(), r)
		return err == nil
	}
	if !known(content) {
		t.Fatal("the cookie itself is not known")
	}

	for length, want := range map[int]bool{2048: true, 2049: false} {
		long := content
		long.ID = ""
		empty, err := json.Marshal(long)
		if err != nil {
			t.Fatal(err)
		}
		// The id of the key, a dot, and base64 of nonce, expiry, content and tag.
		const around = 24 + 8 + 16
		long.ID = strings.Repeat("i", (length-9)*3/4-around-len(empty))
		sealed, _ := keys.Seal(token.PurposeBrowser, long, 0)
		if len(sealed) != length {
			t.Fatalf("made a cookie of %d bytes, want %d", len(sealed), length)
		}
		if got := known(long); got != want {
			t.Errorf("a cookie of %d bytes is known: %v, want %v", length, got, want)
		}
	}

	digest := content.Users[0].Password
	if len(digest) < 12 {
		t.Errorf("the digest %s of the password's hash has less than 72 bits", digest)
	}
	for at := range digest {
		content.Users[0].Password = digest[:at] + "*" + digest[at+1:]
		if known(content) {
			t.Errorf("a digest that is altered at %d of %d is known", at, len(digest))
		}
	}
}
