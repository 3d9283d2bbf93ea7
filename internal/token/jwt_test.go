package token_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// RFC 7515, appendices A.2 and A.3: the same payload, signed by RS256 and by ES256.
const (
	rfcPayload   = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	rfcRS256     = "eyJhbGciOiJSUzI1NiJ9"
	rfcSignature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
	rfcRSAKey    = `{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB",` +
		`"d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",` +
		`"p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",` +
		`"q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"}`
	rfcES256     = "eyJhbGciOiJFUzI1NiJ9"
	rfcES256Text = rfcES256 + "." + rfcPayload + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	rfcECKey     = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`
)

func vectorKey(t *testing.T, text string) token.VectorKey {
	t.Helper()
	var jwk jose.JSONWebKey
	if err := json.Unmarshal([]byte(text), &jwk); err != nil {
		t.Fatal(err)
	}
	return token.NewVectorKey(jwk.Key)
}

func TestSignaturesOfRFC7515(t *testing.T) {
	payload, _ := base64.RawURLEncoding.DecodeString(rfcPayload)
	rsa, ec := vectorKey(t, rfcRSAKey), vectorKey(t, rfcECKey)
	rs256 := rfcRS256 + "." + rfcPayload + "." + rfcSignature
	// RS256 has one signature, so ours is the example's.
	if got, err := rsa.Sign(rfcRS256, payload); err != nil || got != rs256 {
		t.Errorf("got %s, %v, want %s", got, err, rs256)
	}
	es256, err := ec.Sign(rfcES256, payload)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, header, text string
		key                token.VectorKey
	}{{"A.2", rfcRS256, rs256, rsa}, {"A.3", rfcES256, rfcES256Text, ec}, {"ours", rfcES256, es256, ec}} {
		var claims struct{ Iss string }
		if err := tt.key.Open(tt.header, tt.text, &claims); err != nil || claims.Iss != "joe" {
			t.Errorf("%s: got iss %q, %v", tt.name, claims.Iss, err)
		}
	}
	var claims struct{}
	if err := ec.Open(rfcES256, rfcES256+"."+rfcPayload+"."+rfcSignature, &claims); !errors.Is(err, token.ErrNotOurs) {
		t.Errorf("an RS256 signature for an ES256 key: got %v", err)
	}
}

func TestAccessTokenIsVerified(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	want := claims(c.Now())
	want.Audience, want.Confirmation = token.Audience{"https://a.example", "https://b.example"}, &token.Confirmation{Thumbprint: "k"}
	signed, err := keys.SignAccessToken(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := keys.VerifyAccessToken(signed)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	c.Advance(time.Hour - time.Second)
	if _, err := keys.VerifyAccessToken(signed); err != nil {
		t.Errorf("a second before it expires: %v", err)
	}
	c.Advance(time.Second)
	got, err = keys.VerifyAccessToken(signed)
	if diff := cmp.Diff(want, got); !errors.Is(err, token.ErrExpired) || diff != "" {
		t.Errorf("when it has expired: got %v, want ErrExpired, and the claims (-want +got):\n%s", err, diff)
	}
}

func TestAccessTokenCannotBeAltered(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	signed, _ := keys.SignAccessToken(claims(c.Now()))
	refused := func(altered string) {
		t.Helper()
		if got, err := keys.VerifyAccessToken(altered); !errors.Is(err, token.ErrNotOurs) || got.ID != "" {
			t.Errorf("%q: got %v, want ErrNotOurs", altered, err)
		}
	}
	for i := range len(signed) {
		refused(signed[:i] + string([]byte{signed[i] ^ 1}) + signed[i+1:])
		refused(signed[:i])
		refused(signed[:i] + "\n" + signed[i:])
	}
	for last := range byte(128) {
		if last != signed[len(signed)-1] {
			refused(signed[:len(signed)-1] + string([]byte{last}))
		}
	}
	for _, text := range []string{"", ".", "..", "...", signed + ".", signed + "=", "." + signed, strings.Repeat("a", 1<<20)} {
		refused(text)
	}
	parts := strings.Split(signed, ".")
	encode := base64.RawURLEncoding.EncodeToString
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	// The same two numbers with a zero before the second (RFC 7518 §3.4: 32 bytes each).
	refused(parts[0] + "." + parts[1] + "." + encode(slices.Insert(signature, 32, 0)))
	kid := publishedKIDs(t, keys)[0]
	// RFC 8725 §2.1: what the header says decides nothing.
	for _, header := range []string{
		`{"alg":"none","kid":"` + kid + `","typ":"at+jwt"}`, `{"alg":"HS256","kid":"` + kid + `","typ":"at+jwt"}`, `{"kid":"` + kid + `","alg":"ES256","typ":"at+jwt"}`, `{"alg":"ES256","typ":"at+jwt"}`,
	} {
		refused(encode([]byte(header)) + "." + parts[1] + "." + parts[2])
		refused(encode([]byte(header)) + "." + parts[1] + ".")
	}
	other := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	foreign, _ := other.SignAccessToken(claims(c.Now()))
	refused(foreign)
}

// RFC 8725 §2.8: a token of one kind is not another kind's.
func TestTokensAreOfOneKind(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	access, _ := keys.SignAccessToken(claims(c.Now()))
	tokens := map[string]string{"access token": access}
	for _, algorithm := range []string{"RS256", "ES256"} {
		for name, sign := range map[string]func() (string, error){
			"ID token":     func() (string, error) { return keys.SignIDToken(idClaims(c.Now()), algorithm) },
			"logout token": func() (string, error) { return keys.SignJWT("logout+jwt", idClaims(c.Now()), algorithm) },
		} {
			signed, err := sign()
			if err != nil {
				t.Fatal(err)
			}
			tokens[name+" "+algorithm] = signed
		}
	}
	for name, text := range tokens {
		if _, err := keys.VerifyAccessToken(text); (err == nil) != (name == "access token") {
			t.Errorf("%s taken for an access token: %v", name, err)
		}
		if _, err := keys.VerifyIDToken(text); (err == nil) != strings.HasPrefix(name, "ID token") {
			t.Errorf("%s taken for an ID token: %v", name, err)
		}
	}
}

func TestVerificationFollowsTheKeys(t *testing.T) {
	c, store, master := newClock(), openStore(t), token.NewMasterKey()
	ahead := newClock()
	keys, early := openKeyring(t, store, master, c), openKeyring(t, store, master, ahead)
	long := claims(c.Now())
	long.Expires += 1 << 30
	old, _ := keys.SignAccessToken(long)
	oldID, _ := keys.SignIDToken(idClaims(c.Now()), "RS256")
	if err := keys.Rotate(t.Context(), overlap); err != nil {
		t.Fatal(err)
	}
	if err := early.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	ahead.Advance(overlap.Publish)
	next, _ := early.SignAccessToken(long)
	if _, err := keys.VerifyAccessToken(next); err != nil {
		t.Errorf("by the next key, from a server whose clock is ahead: %v", err)
	}
	c.Advance(overlap.Publish + overlap.Retire - time.Millisecond)
	if _, err := keys.VerifyAccessToken(old); err != nil {
		t.Errorf("by a retired key: %v", err)
	}
	c.Advance(time.Millisecond)
	if _, err := keys.VerifyAccessToken(old); !errors.Is(err, token.ErrNotOurs) {
		t.Errorf("by a dead key: got %v, want ErrNotOurs", err)
	}
	if _, err := keys.VerifyIDToken(oldID); err != nil {
		t.Errorf("a hint by a dead key: %v", err)
	}
}

func TestSignJWT(t *testing.T) {
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), newClock())
	for _, algorithm := range []string{"ES256", "RS256"} {
		signed, err := keys.SignJWT("ended-tokens+jwt", map[string]any{"iss": "x"}, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := parsed.Verify(publishedKeys(t, keys)); err != nil || string(payload) != `{"iss":"x"}` {
			t.Errorf("%s: got %s, %v", algorithm, payload, err)
		}
		if typ := parsed.Signatures[0].Protected.ExtraHeaders["typ"]; typ != "ended-tokens+jwt" {
			t.Errorf("%s: got typ %v", algorithm, typ)
		}
	}
	for _, typ := range []string{"", "at+jwt", "AT+JWT", "JWT", "jwt"} {
		if _, err := keys.SignJWT(typ, struct{}{}, "ES256"); err == nil {
			t.Errorf("anything can be signed as %q", typ)
		}
	}
	for _, algorithm := range []string{"", "none", "HS256", "XC20P", "PS256"} {
		if _, err := keys.SignJWT("logout+jwt", struct{}{}, algorithm); err == nil {
			t.Errorf("signs by %q", algorithm)
		}
		if _, err := keys.SignIDToken(token.IDClaims{}, algorithm); err == nil {
			t.Errorf("signs an ID token by %q", algorithm)
		}
	}
	if _, err := keys.SignJWT("logout+jwt", func() {}, "ES256"); err == nil {
		t.Error("what has no JSON form is signed")
	}
}

func FuzzVerifyAccessToken(f *testing.F) {
	c := newClock()
	keys := openKeyring(f, openStore(f), token.NewMasterKey(), c)
	signed, _ := keys.SignAccessToken(claims(c.Now()))
	header, rest, _ := strings.Cut(signed, ".")
	digest := sha256.Sum256([]byte(signed))
	for _, seed := range []string{signed, "", "..", header + "..", header + "." + rest + ".", header + ".e30." + base64.RawURLEncoding.EncodeToString(append(digest[:], digest[:]...))} {
		f.Add(seed)
	}
	_, signature, _ := strings.Cut(rest, ".")
	f.Fuzz(func(t *testing.T, s string) {
		// An ECDSA signature has a twin, but no other text has one.
		if _, err := keys.VerifyAccessToken(s); err == nil && strings.TrimSuffix(signed, signature) != s[:max(0, len(s)-len(signature))] {
			t.Errorf("%q is accepted and was never signed", s)
		}
	})
}

// BenchmarkVerifyAccessToken is a token that was not seen before.
func BenchmarkVerifyAccessToken(b *testing.B) {
	c := newClock()
	keys := openKeyring(b, openStore(b), token.NewMasterKey(), c)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		signed, err := keys.SignAccessToken(claims(c.Now()))
		b.StartTimer()
		if err == nil {
			_, err = keys.VerifyAccessToken(signed)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
