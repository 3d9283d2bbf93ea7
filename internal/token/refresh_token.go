package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// RefreshToken is the content of a refresh token: a family and a generation. Its text is gh_rt_, these two, the id of the key
// and a MAC. The same content always gives the same text while the key lives, so no token has to be stored.
type RefreshToken struct {
	Family     string
	Generation int64
	Key        string // the id of the MAC key; its successor uses the same key when it is still there
}

const (
	maxFamilyLength       = 64
	maxRefreshTokenLength = 200
)

// RefreshToken is the text of a refresh token. Key "", or a key that is gone, means the current key. MAC keys are kept as long
// as a refresh token can live (RotationOverlap.Refresh).
func (k *Keyring) RefreshToken(t RefreshToken) (string, error) {
	if !isFamily(t.Family) || t.Generation < 0 {
		return "", fmt.Errorf("make a refresh token: generation %d of the family %q cannot be written", t.Generation, t.Family)
	}
	now, keys := k.now(), k.keys.Load()
	key, err := k.living(keys.macs, t.Key, now)
	if err != nil {
		key = keys.current(algorithmMAC, now)
	}
	return key.refreshToken(t.Family, t.Generation), nil
}

// OpenRefreshToken checks the MAC in constant time and returns the content. ErrNotOurs, ErrWrongClock.
func (k *Keyring) OpenRefreshToken(text string) (RefreshToken, error) {
	fields, ok := strings.CutPrefix(text, PrefixRefreshToken)
	if !ok || len(text) > maxRefreshTokenLength {
		return RefreshToken{}, ErrNotOurs
	}
	family, fields, _ := strings.Cut(fields, ".")
	number, fields, _ := strings.Cut(fields, ".")
	kid, _, _ := strings.Cut(fields, ".")
	generation, err := strconv.ParseInt(number, 10, 64)
	if err != nil || generation < 0 || !isFamily(family) {
		return RefreshToken{}, ErrNotOurs
	}
	key, err := k.living(k.keys.Load().macs, kid, k.now())
	if err != nil {
		return RefreshToken{}, err
	}
	// The whole text is compared with the one that we would have written, so that a token has one spelling.
	if !hmac.Equal([]byte(key.refreshToken(family, generation)), []byte(text)) {
		return RefreshToken{}, ErrNotOurs
	}
	return RefreshToken{Family: family, Generation: generation, Key: kid}, nil
}

// refreshToken writes gh_rt_FAMILY.GENERATION.KEY.MAC.
func (k *key) refreshToken(family string, generation int64) string {
	out := make([]byte, 0, maxRefreshTokenLength)
	out = append(append(append(out, PrefixRefreshToken...), family...), '.')
	out = append(strconv.AppendInt(out, generation, 10), '.')
	out = append(append(out, k.ID...), '.')
	mac := hmac.New(sha256.New, k.mac)
	mac.Write(out)
	return string(base64.RawURLEncoding.AppendEncode(out, mac.Sum(nil)))
}

// isFamily reports whether s can stand in a token: NewID makes such ids, and no field separator is among them.
func isFamily(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxFamilyLength
}
