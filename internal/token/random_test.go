package token

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// wantRandom checks that what is made has this many bytes, and that each of their bits is now 0, now 1. That one of them never
// changes by chance in 128 draws happens less than once in 2^119 tests.
func wantRandom(t *testing.T, what string, size int, draw func() []byte) {
	t.Helper()
	zeros, ones := make([]byte, size), make([]byte, size)
	for range 128 {
		random := draw()
		if len(random) != size {
			t.Fatalf("%s: got %d bytes, want %d", what, len(random), size)
		}
		for i, b := range random {
			ones[i] |= b
			zeros[i] |= ^b
		}
	}
	all := bytes.Repeat([]byte{0xff}, size)
	if !bytes.Equal(ones, all) || !bytes.Equal(zeros, all) {
		t.Errorf("%s: some bits are always the same: 1 was seen at %x, 0 at %x", what, ones, zeros)
	}
}

// raw decodes what follows a prefix.
func raw(t *testing.T, prefix, text string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, prefix))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestSecretsHave256RandomBits(t *testing.T) {
	for _, prefix := range []string{PrefixClientSecret, PrefixSession} {
		wantRandom(t, prefix, 32, func() []byte { return raw(t, prefix, NewSecret(prefix).Reveal()) })
	}
	wantRandom(t, "master key", 32, func() []byte { return NewMasterKey().key[:] })
	for _, algorithm := range []string{algorithmSeal, algorithmMAC} {
		wantRandom(t, algorithm, 32, func() []byte {
			private, err := newPrivate(algorithm)
			if err != nil {
				t.Fatal(err)
			}
			return private
		})
	}
}

// Two values under one nonce would open each other.
func TestNoncesAreRandom(t *testing.T) {
	master, stored := NewMasterKey(), StoredKey{ID: "k", Use: UseSeal, Algorithm: algorithmSeal, Slot: algorithmSeal + "/1"}
	private, err := newPrivate(algorithmSeal)
	if err != nil {
		t.Fatal(err)
	}
	wantRandom(t, "nonce of a stored key", 24, func() []byte {
		sealed, err := master.sealKey(stored, private)
		if err != nil {
			t.Fatal(err)
		}
		return sealed[:24]
	})
	stored.Sealed, _ = master.sealKey(stored, private)
	set, err := newKeySet(master, []StoredKey{stored})
	if err != nil {
		t.Fatal(err)
	}
	keys := &Keyring{now: time.Now}
	keys.keys.Store(set)
	wantRandom(t, "nonce of a sealed value", 24, func() []byte {
		sealed, err := keys.Seal(PurposeCode, "v", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return raw(t, "k.", sealed)[:24]
	})
}

func TestIDsAreRandomThroughout(t *testing.T) {
	seen := [26]map[byte]bool{}
	ordered := [26]map[byte]bool{}
	for i := range seen {
		seen[i], ordered[i] = map[byte]bool{}, map[byte]bool{}
	}
	for range 400 {
		for i, c := range []byte(NewID()) {
			seen[i][c] = true
		}
		for i, c := range []byte(NewOrderedID(time.Unix(0, 0))) {
			ordered[i][c] = true
		}
	}
	for i := range seen {
		// 32 digits; that one is missing after 400 draws happens, that half of them are does not.
		if len(seen[i]) < 20 || i >= timeDigits && len(ordered[i]) < 20 {
			t.Errorf("place %d has %d different digits, and %d in ordered ids", i, len(seen[i]), len(ordered[i]))
		}
	}
}

// A MAC has all of its 256 bits, and its key too.
func TestRefreshTokenMACHas256Bits(t *testing.T) {
	k := &key{StoredKey: StoredKey{ID: "kid"}, mac: make([]byte, macKeySize)}
	text := k.refreshToken("F", 1)
	if mac := raw(t, "", text[strings.LastIndexByte(text, '.')+1:]); len(mac) != 32 {
		t.Errorf("the MAC of %s has %d bytes, want 32", text, len(mac))
	}
	master := NewMasterKey()
	for size, accepted := range map[int]bool{16: false, 31: false, 32: true, 33: false} {
		stored := StoredKey{ID: "k", Use: UseMAC, Algorithm: algorithmMAC, Slot: algorithmMAC + "/1"}
		stored.Sealed, _ = master.sealKey(stored, make([]byte, size))
		if _, err := openKey(master, stored); (err == nil) != accepted {
			t.Errorf("a MAC key of %d bytes: got %v, want acceptance: %v", size, err, accepted)
		}
	}
}
