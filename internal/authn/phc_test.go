package authn

import (
	"encoding/base64"
	"strings"
	"testing"
)

// Every byte of a stored hash counts, and a new one has 256 bits and a salt of 128.
func TestPasswordHashIsComparedToItsLastByte(t *testing.T) {
	h := newHasher(insecureCost, 1)
	phc, err := h.hash(t.Context(), "violet")
	if err != nil {
		t.Fatal(err)
	}
	c, salt, hash, err := decodePHC(phc)
	if err != nil || len(salt) != 16 || len(hash) != 32 {
		t.Fatalf("%s has a salt of %d bytes and a hash of %d, %v; want 16 and 32", phc, len(salt), len(hash), err)
	}
	for at := range hash {
		hash[at] ^= 1
		if ok, err := h.verify(t.Context(), "violet", encodePHC(c, salt, hash)); ok || err != nil {
			t.Errorf("a hash that is altered at %d of %d: got %v, %v; want no match", at, len(hash), ok, err)
		}
		hash[at] ^= 1
	}
	for at := range salt {
		salt[at] ^= 1
		if ok, err := h.verify(t.Context(), "violet", encodePHC(c, salt, hash)); ok || err != nil {
			t.Errorf("a salt that is altered at %d of %d: got %v, %v; want no match", at, len(salt), ok, err)
		}
		salt[at] ^= 1
	}
}

// What a stored hash may ask for, at its bounds.
func TestBoundsOfAStoredHash(t *testing.T) {
	phc := func(params string, salt, hash int) string {
		b64 := func(n int) string { return base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", n))) }
		return "$argon2id$v=19$" + params + "$" + b64(salt) + "$" + b64(hash)
	}
	const cheap = "m=8,t=1,p=1"
	for text, accepted := range map[string]bool{
		phc(cheap, 8, 32): true, phc(cheap, 7, 32): false,
		phc(cheap, 16, 16): true, phc(cheap, 16, 15): false, phc(cheap, 16, 64): true, phc(cheap, 16, 65): false,
		phc("m=1048576,t=1,p=1", 16, 32): true, phc("m=1048577,t=1,p=1", 16, 32): false,
		phc("m=8,t=64,p=1", 16, 32): true, phc("m=8,t=65,p=1", 16, 32): false, phc("m=8,t=0,p=1", 16, 32): false, phc("m=8,t=1,p=0", 16, 32): false,
	} {
		if _, _, _, err := decodePHC(text); (err == nil) != accepted {
			t.Errorf("%s: got %v, want acceptance: %v", text, err, accepted)
		}
	}
}
