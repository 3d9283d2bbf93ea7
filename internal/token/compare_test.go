package token_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
)

func TestSecretHashIsComparedToItsLastCharacter(t *testing.T) {
	secret := token.NewSecret(token.PrefixClientSecret)
	hash, text := secret.Hash(), secret.Reveal()
	for at := range hash {
		if altered := hash[:at] + "*" + hash[at+1:]; secret.Matches(altered) {
			t.Errorf("the secret matches the hash %s, its own is %s", altered, hash)
		}
	}
	for at := range text {
		if altered := text[:at] + "*" + text[at+1:]; token.SecretFrom(altered).Matches(hash) {
			t.Errorf("a secret that is altered at %d of %d matches", at, len(text))
		}
	}
	if token.SecretFrom(text[:len(text)-1]).Matches(hash) || token.SecretFrom(text+"A").Matches(hash) {
		t.Error("a secret that is shorter or longer matches")
	}
}

// An ES256 signature has one spelling: r and s without a zero byte between them.
func TestSignatureWithAByteTooMany(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	signed, err := keys.SignAccessToken(claims(c.Now()))
	if err != nil {
		t.Fatal(err)
	}
	dot := strings.LastIndex(signed, ".") + 1
	signature, _ := base64.RawURLEncoding.DecodeString(signed[dot:])
	for name, other := range map[string][]byte{
		"between": slices.Concat(signature[:32], []byte{0}, signature[32:]), "behind": append(slices.Clone(signature), 0), "missing": signature[:63],
	} {
		if _, err := keys.VerifyAccessToken(signed[:dot] + base64.RawURLEncoding.EncodeToString(other)); !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%s: got %v, want ErrNotOurs", name, err)
		}
	}
}

func TestLongestFamilyOfARefreshToken(t *testing.T) {
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), newClock())
	for length, accepted := range map[int]bool{64: true, 65: false} {
		text, err := keys.RefreshToken(token.RefreshToken{Family: strings.Repeat("F", length), Generation: 1<<63 - 1})
		if (err == nil) != accepted {
			t.Errorf("%d characters: got %v, want acceptance: %v", length, err, accepted)
		}
		if _, err := keys.OpenRefreshToken(text); (err == nil) != accepted {
			t.Errorf("%d characters: opened with %v, want acceptance: %v", length, err, accepted)
		}
	}
}

func TestLongestAssertionAndJTI(t *testing.T) {
	now := newClock().Now()
	key := ecKey(t, elliptic.P256())
	set := keySet(t, jose.JSONWebKey{Key: key.Public()})
	verify := func(change map[string]any, kid string) (length int, err error) {
		claims := assertionClaims(now)
		for name, value := range change {
			claims[name] = value
		}
		text := sign(t, jose.ES256, key, kid, claims)
		if got := token.AssertionKeyID(text, oauth.ProfileNone.ClientAlgorithms()); (got == kid) != (len(text) <= 8192) {
			t.Errorf("the kid of an assertion of %d bytes is %q, want %q up to 8192 bytes", len(text), got, kid)
		}
		set.Keys[0].KeyID = kid
		_, err = verifyAssertion(text, set, now)
		return len(text), err
	}
	for length, accepted := range map[int]bool{255: true, 256: false} {
		if _, err := verify(map[string]any{"jti": strings.Repeat("j", length)}, "k"); (err == nil) != accepted {
			t.Errorf("a jti of %d bytes: got %v, want acceptance: %v", length, err, accepted)
		}
	}
	// Base64 has no length that is 1 modulo 4, so the kid makes up for what the claims cannot.
	seen := map[int]bool{}
	for _, kid := range []string{"k", "kk", "kkk"} {
		for pad := 5925; pad < 5955; pad++ {
			length, err := verify(map[string]any{"pad": strings.Repeat("p", pad)}, kid)
			if seen[length] = true; (err == nil) != (length <= 8192) {
				t.Errorf("an assertion of %d bytes: got %v, want acceptance up to 8192", length, err)
			}
		}
	}
	if !seen[8192] || !seen[8193] {
		t.Errorf("no assertion had 8192 bytes, or none had 8193: %v", seen)
	}
}

// RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used with these algorithms."
func TestShortestRSAKeyOfAnAssertion(t *testing.T) {
	now := newClock().Now()
	for bits, accepted := range map[int]bool{2047: false, 2048: true} {
		key := rsaKey(t, bits)
		_, err := verifyAssertion(sign(t, jose.RS256, key, "k", assertionClaims(now)), keySet(t, jose.JSONWebKey{Key: key.Public(), KeyID: "k"}), now)
		if (err == nil) != accepted {
			t.Errorf("%d bits: got %v, want acceptance: %v", bits, err, accepted)
		}
	}
}

// A MAC key is believed for as long as the longest of what hangs on it: families, and what other keys sign.
func TestMACKeyLivesAsLongAsOtherKeys(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	text := refreshToken(t, keys, token.RefreshToken{Family: "F"})
	if err := keys.Rotate(t.Context(), token.RotationOverlap{Publish: time.Hour, Retire: 2 * time.Hour, Refresh: time.Minute}); err != nil {
		t.Fatal(err)
	}
	c.Advance(3*time.Hour - time.Millisecond)
	if _, err := keys.OpenRefreshToken(text); err != nil {
		t.Errorf("just before the end: %v", err)
	}
	c.Advance(time.Millisecond)
	if _, err := keys.OpenRefreshToken(text); !errors.Is(err, token.ErrNotOurs) {
		t.Errorf("at the end: got %v, want ErrNotOurs", err)
	}
}
