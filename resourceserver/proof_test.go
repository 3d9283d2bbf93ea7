package resourceserver_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
	"github.com/go-jose/go-jose/v4"
)

// specProof is the proof of RFC 9449 §4.1, figure 2.
const specProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19" +
	".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ" +
	".2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"

// specKey is the thumbprint of its key, from RFC 9449 §6.1.
const specKey = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

func TestProofOfTheStandard(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/token", nil)
	r.Header.Set("DPoP", specProof)
	got, err := resourceserver.CheckProof(r, resourceserver.ProofCheck{URL: "https://server.example.com/token", Now: time.Unix(1562262616, 0)})
	if err != nil || got != specKey {
		t.Errorf("got %q, %v, want %q", got, err, specKey)
	}
}

// proof is a DPoP proof that passes, but for what the test changes. A nil value removes a claim or a header.
type proof struct {
	alg    jose.SignatureAlgorithm
	key    any // private
	jwk    any // what the header says is the public key; that of key when nil
	header map[string]any
	claims map[string]any
}

var proofTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clientKey is the key of a client that behaves.
var clientKey = newKey()

var proofCount atomic.Int64

func newProof(changes ...func(*proof)) string {
	p := proof{
		alg: jose.ES256, key: clientKey, header: map[string]any{"typ": "dpop+jwt"},
		claims: map[string]any{
			"jti": fmt.Sprint("p", proofCount.Add(1)), "htm": "GET", "htu": "https://api.example/data", "iat": proofTime.Unix(),
		},
	}
	for _, change := range changes {
		change(&p)
	}
	if p.jwk == nil {
		p.jwk = jose.JSONWebKey{Key: publicOf(p.key)}
	}
	if p.jwk != "none" {
		p.header["jwk"] = p.jwk
	}
	return token{alg: p.alg, key: p.key, header: p.header, claims: p.claims}.sign()
}

func publicOf(private any) any {
	if key, ok := private.(crypto.Signer); ok {
		return key.Public()
	}
	return private
}

func proves(name string, value any) func(*proof) {
	return func(p *proof) {
		p.claims[name] = value
	}
}

func proofHeader(name string, value any) func(*proof) {
	return func(p *proof) { p.header[name] = value }
}

func provenBy(alg jose.SignatureAlgorithm, key any) func(*proof) {
	return func(p *proof) { p.alg, p.key = alg, key }
}

// check verifies proofs that come with GET https://api.example/data.
func check(change func(*resourceserver.ProofCheck), proofs ...string) (string, error) {
	r := httptest.NewRequest(http.MethodGet, "/data?q=1", nil)
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	c := resourceserver.ProofCheck{URL: "https://api.example/data", Now: proofTime}
	if change != nil {
		change(&c)
	}
	return resourceserver.CheckProof(r, c)
}

func thumbprint(t testing.TB, public any) string {
	t.Helper()
	key := jose.JSONWebKey{Key: public}
	hash, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(hash)
}

func TestProofIsAcceptedWithEachAlgorithm(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{"ES256": newKey(), "Ed25519": ed, "EdDSA": ed, "PS256": private, "RS256": private}
	for _, alg := range resourceserver.ProofAlgorithms() {
		text := newProof(provenBy(jose.SignatureAlgorithm(alg), keys[alg]))
		got, err := check(nil, text)
		if want := thumbprint(t, publicOf(keys[alg])); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", alg, got, err, want)
		}
		parts := strings.Split(text, ".")
		parts[1] = strings.Split(newProof(), ".")[1]
		if _, err := check(nil, strings.Join(parts, ".")); err == nil {
			t.Errorf("%s: the signature of another payload is accepted", alg)
		}
	}
	if _, err := check(nil, newProof(provenBy("Ed25519", ed), func(p *proof) { p.jwk = jose.JSONWebKey{Key: clientKey.Public()} })); err == nil {
		t.Error("Ed25519 with a key of ES256 is accepted")
	}
}

func TestNoProof(t *testing.T) {
	if _, err := check(nil); !errors.Is(err, resourceserver.ErrNoProof) {
		t.Errorf("got %v, want ErrNoProof", err)
	}
}

// Each of the twelve checks of RFC 9449 §4.3, and what else may be tried.
func TestProofsThatAreRefused(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	whole := newProof()
	parts := strings.Split(whole, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"none","jwk":` + jsonOf(jose.JSONWebKey{Key: clientKey.Public()}) + `}`))
	for name, proofs := range map[string][]string{
		"two of them":            {newProof(), newProof()},
		"empty":                  {""},
		"no JWT":                 {"x.y.z"},
		"very long":              {strings.Repeat("a", 9000)},
		"no typ":                 {newProof(proofHeader("typ", nil))},
		"typ of an access token": {newProof(proofHeader("typ", "at+jwt"))},
		"unsigned":               {none + "." + parts[1] + "."},
		"signature of another":   {parts[0] + "." + parts[1] + "." + strings.Split(newProof(), ".")[2]},
		"an HMAC": {newProof(provenBy(jose.HS256, []byte("0123456789abcdef0123456789abcdef")), func(p *proof) {
			p.jwk = map[string]any{"kty": "oct", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}
		})},
		"an algorithm too many":   {newProof(provenBy(jose.ES384, p384))},
		"PS512":                   {newProof(provenBy(jose.PS512, private))},
		"no key":                  {newProof(func(p *proof) { p.jwk = "none" })},
		"private key":             {newProof(func(p *proof) { p.jwk = jose.JSONWebKey{Key: clientKey} })},
		"another key":             {newProof(func(p *proof) { p.jwk = jose.JSONWebKey{Key: newKey().Public()} })},
		"critical header":         {newProof(proofHeader("crit", []string{"exp"}), proofHeader("exp", 1))},
		"no jti":                  {newProof(proves("jti", nil))},
		"empty jti":               {newProof(proves("jti", ""))},
		"no htm":                  {newProof(proves("htm", nil))},
		"other method":            {newProof(proves("htm", "POST"))},
		"method in small letters": {newProof(proves("htm", "get"))},
		"no htu":                  {newProof(proves("htu", nil))},
		"other path":              {newProof(proves("htu", "https://api.example/data2"))},
		"a slash more":            {newProof(proves("htu", "https://api.example/data/"))},
		"other host":              {newProof(proves("htu", "https://evil.example/data"))},
		"other port":              {newProof(proves("htu", "https://api.example:8443/data"))},
		"other scheme":            {newProof(proves("htu", "http://api.example/data"))},
		"host as user":            {newProof(proves("htu", "https://api.example@evil.example/data"))},
		"path in other letters":   {newProof(proves("htu", "https://api.example/DATA"))},
		"relative htu":            {newProof(proves("htu", "/data"))},
		"no iat":                  {newProof(proves("iat", nil))},
		"iat too old":             {newProof(proves("iat", proofTime.Unix()-61))},
		"iat too new":             {newProof(proves("iat", proofTime.Unix()+61))},
		"iat in words":            {newProof(proves("iat", "now"))},
	} {
		if got, err := check(nil, proofs...); err == nil || got != "" {
			t.Errorf("%s: got %q, %v, want a refusal", name, got, err)
		} else if strings.ContainsAny(err.Error(), "\"\\\n") {
			t.Errorf("%s: %q cannot stand in a header", name, err)
		}
	}
}

// A key that is slow to verify with is refused before it is used.
func TestProofKeyIsBounded(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for bits, want := range map[uint]string{4095: "signature", 4096: "public key as jwk"} { // 1<<n has n+1 bits
		public := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), int(bits), 1), E: 65537}
		_, err := check(nil, newProof(provenBy(jose.RS256, private), func(p *proof) { p.jwk = jose.JSONWebKey{Key: public} }))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bits: got %v, want %q", bits+1, err, want)
		}
	}
}

// RFC 7518 §3.3.
func TestShortestRSAKeyOfAProof(t *testing.T) {
	for bits, accepted := range map[int]bool{2047: false, 2048: true} {
		private, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256} {
			if _, err := check(nil, newProof(provenBy(alg, private))); (err == nil) != accepted {
				t.Errorf("%s with %d bits: got %v, want acceptance: %v", alg, bits, err, accepted)
			}
		}
	}
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// The same place in another spelling is the same place (RFC 9449 §4.3, RFC 3986 §6.2).
func TestProofURLIsNormalised(t *testing.T) {
	for _, tt := range []struct {
		url, htu string
		same     bool
	}{
		{"https://api.example/data", "HTTPS://API.example:443/data?x=y#z", true},
		{"https://api.example", "https://api.example/", true},
		{"http://127.0.0.1:80/a", "http://127.0.0.1/a", true},
		{"http://127.0.0.1:443/a", "http://127.0.0.1/a", false},
		{"https://[::1]:8443/a", "https://[::1]:8443/a", true},
		{"https://api.example/a/b", "https://api.example/a/./c/../b", true},
		{"https://api.example/a/b", "https://api.example/a/%2e/c/%2E%2e/b", true},
		{"https://api.example/~a-b", "https://api.example/%7ea%2db", true},
		{"https://api.example/%c3%a4", "https://api.example/%C3%A4", true},
		{"https://api.example/a%2Fb", "https://api.example/a%2fb", true},
		{"https://api.example/a%2Fb", "https://api.example/a/b", false},
		{"https://api.example/a//b", "https://api.example/a/b", false},
		{"https://api.example/a", "https://api.example/a%3Fb", false},
		{"https://api.example/a", "https://api.example/a/", false},
		{"https://api.example/a", "https://evil.example@api.example/a", false},
		{"ftp://api.example/a", "ftp://api.example/a", false},
		{"", "", false},
	} {
		_, err := check(func(c *resourceserver.ProofCheck) { c.URL = tt.url }, newProof(proves("htu", tt.htu)))
		if (err == nil) != tt.same {
			t.Errorf("%s and %s: got %v, want the same: %v", tt.url, tt.htu, err, tt.same)
		}
	}
}

func TestProofIsForOneAccessToken(t *testing.T) {
	hash := sha256.Sum256([]byte("abc"))
	ath := base64.RawURLEncoding.EncodeToString(hash[:])
	withToken := func(c *resourceserver.ProofCheck) { c.AccessToken = "abc" }
	if _, err := check(withToken, newProof(proves("ath", ath))); err != nil {
		t.Errorf("its own: %v", err)
	}
	for name, value := range map[string]any{"none": nil, "another": base64.RawURLEncoding.EncodeToString(make([]byte, 32)), "padded": ath + "="} {
		if _, err := check(withToken, newProof(proves("ath", value))); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestProofIsOfOneKey(t *testing.T) {
	own := func(c *resourceserver.ProofCheck) { c.Key = thumbprint(t, clientKey.Public()) }
	if _, err := check(own, newProof()); err != nil {
		t.Errorf("its own: %v", err)
	}
	if _, err := check(own, newProof(provenBy(jose.ES256, newKey()))); err == nil {
		t.Error("another key is accepted")
	}
}

func TestProofNonce(t *testing.T) {
	needed := func(c *resourceserver.ProofCheck) { c.Nonce = nonceAt("n1", proofTime) }
	if _, err := check(needed, newProof(proves("nonce", "n1"))); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for _, nonce := range []any{nil, "", "n2"} {
		if _, err := check(needed, newProof(proves("nonce", nonce))); !errors.Is(err, resourceserver.ErrProofNonce) {
			t.Errorf("%v: got %v, want ErrProofNonce", nonce, err)
		}
	}
}

// nonceAt is a nonce that works for five minutes.
func nonceAt(good string, made time.Time) func(string) (time.Time, time.Time) {
	return func(nonce string) (time.Time, time.Time) {
		if nonce != good {
			return time.Time{}, time.Time{}
		}
		return made, made.Add(5 * time.Minute)
	}
}

// RFC 9449 §11.1: the nonce says when the proof was made, so a client whose clock is wrong can use DPoP.
func TestNonceReplacesTheClockOfTheClient(t *testing.T) {
	at := proofTime
	needed := func(c *resourceserver.ProofCheck) { c.Now, c.Nonce = at, nonceAt("n1", proofTime) }
	for _, wrong := range []time.Duration{-24 * time.Hour, -time.Hour, time.Hour, 10 * 365 * 24 * time.Hour} {
		p := newProof(proves("nonce", "n1"), proves("iat", proofTime.Add(wrong).Unix()))
		if _, err := check(needed, p); err != nil {
			t.Errorf("a clock that is wrong by %v: %v", wrong, err)
		}
		if _, err := check(nil, p); err == nil {
			t.Errorf("a clock that is wrong by %v: accepted without a nonce", wrong)
		}
	}
	// The nonce bounds how long a proof works, whatever its iat says.
	var replays resourceserver.ProofReplays
	once := func(c *resourceserver.ProofCheck) { needed(c); c.Replays = &replays }
	p := newProof(proves("nonce", "n1"), proves("iat", proofTime.Add(time.Hour).Unix()))
	if _, err := check(once, p); err != nil {
		t.Fatal(err)
	}
	at = proofTime.Add(5*time.Minute - time.Millisecond)
	if _, err := check(once, p); err == nil || errors.Is(err, resourceserver.ErrProofNonce) {
		t.Errorf("a replay in the nonce's last millisecond: got %v, want that it was used", err)
	}
	at = proofTime.Add(5 * time.Minute)
	if _, err := check(needed, newProof(proves("nonce", "n1"))); !errors.Is(err, resourceserver.ErrProofNonce) {
		t.Errorf("when the nonce has expired: got %v, want ErrProofNonce", err)
	}
}

// An API that lets its nonces work for longer gets an hour: proofs are remembered for no longer than that.
func TestNoNonceWorksForMoreThanAnHour(t *testing.T) {
	for after, want := range map[time.Duration]error{time.Hour - time.Millisecond: nil, time.Hour: resourceserver.ErrProofNonce} {
		_, err := check(func(c *resourceserver.ProofCheck) {
			c.Now = proofTime.Add(after)
			c.Nonce = func(string) (time.Time, time.Time) { return proofTime, proofTime.Add(2 * time.Hour) }
		}, newProof(proves("nonce", "n1")))
		if !errors.Is(err, want) {
			t.Errorf("%v after it was made: got %v, want %v", after, err, want)
		}
	}
}

func TestProofIsLimitedToTheAllowedAlgorithms(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	fapi := func(c *resourceserver.ProofCheck) { c.Algorithms = []string{"PS256", "ES256", "EdDSA", "Ed25519"} }
	if _, err := check(fapi, newProof(provenBy(jose.PS256, private))); err != nil {
		t.Errorf("PS256: %v", err)
	}
	if _, err := check(fapi, newProof(provenBy(jose.RS256, private))); err == nil {
		t.Error("RS256 is accepted, although it is not allowed")
	}
	if _, err := check(func(c *resourceserver.ProofCheck) { c.Algorithms = []string{"HS256", "none", "ES384"} }, newProof()); err == nil {
		t.Error("ES256 is accepted, although it is not allowed")
	}
}

func TestProofWorksOnce(t *testing.T) {
	var replays resourceserver.ProofReplays
	at := proofTime
	once := func(c *resourceserver.ProofCheck) { c.Replays, c.Now = &replays, at }
	p := newProof(proves("iat", at.Unix()+60))
	if _, err := check(func(c *resourceserver.ProofCheck) { once(c); c.URL = "https://api.example/other" }, p); err == nil {
		t.Fatal("a proof for another URL is accepted")
	}
	var passed atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := check(once, p); err == nil {
				passed.Add(1)
			}
		})
	}
	group.Wait()
	if n := passed.Load(); n != 1 {
		t.Errorf("%d of fifty passed, want 1: one refused for something else is not used up, and one that passed is", n)
	}
	// It is remembered until it is too old, although others come in between.
	for range 12 {
		at = at.Add(10 * time.Second)
		if _, err := check(once, p); err == nil {
			t.Fatalf("accepted again %v later", at.Sub(proofTime))
		}
		check(once, newProof(proves("iat", at.Unix())))
	}
	same := newProof(proves("jti", "same"), proves("iat", at.Unix()))
	other := newProof(proves("jti", "same"), proves("iat", at.Unix()), provenBy(jose.ES256, newKey()))
	for _, p := range []string{same, other} {
		if _, err := check(once, p); err != nil {
			t.Errorf("the same jti of another key: %v", err)
		}
	}
}

func TestReplaysAreRememberedInBoundedMemory(t *testing.T) {
	replays := resourceserver.ProofReplays{Max: 20}
	once := func(c *resourceserver.ProofCheck) { c.Replays = &replays }
	oldest := newProof(proves("iat", proofTime.Unix()-30))
	check(once, oldest)
	var latest string
	for n := range 30 {
		latest = newProof(proves("iat", proofTime.Unix()-29+int64(n)))
		if _, err := check(once, latest); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := check(once, latest); err == nil {
		t.Error("the newest is forgotten")
	}
	if _, err := check(once, oldest); err != nil {
		t.Errorf("the oldest is remembered beyond the bound: %v", err)
	}
}

// A stranger has valid proofs of their own, as many as they like. They must not make the memory forget another client's.
func TestAttackFloodOfValidProofsDoesNotFreeOthersForReplay(t *testing.T) {
	replays := resourceserver.ProofReplays{Max: 64}
	by := func(party string) func(*resourceserver.ProofCheck) {
		return func(c *resourceserver.ProofCheck) { c.Replays, c.Party = &replays, party }
	}
	var mine []string
	for range 10 {
		mine = append(mine, newProof(proves("iat", proofTime.Unix()-60))) // this is the last moment in which they work
		if _, err := check(by("victim"), mine[len(mine)-1]); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 300 { // by three clients, with any iat that works
		p := newProof(proves("iat", proofTime.Unix()-59+int64(n%119)))
		if _, err := check(by(fmt.Sprint("stranger", n%3)), p); err != nil {
			t.Fatalf("a valid proof is refused in a flood: %v", err)
		}
	}
	for n, p := range mine {
		if _, err := check(by("victim"), p); err == nil {
			t.Errorf("proof %d works a second time after a flood of others", n)
		}
	}
}

// Even when more parties come than there is room for proofs, a nonce keeps what was forgotten from working again.
func TestAttackForgottenProofWithANonceDoesNotWork(t *testing.T) {
	replays := resourceserver.ProofReplays{Max: 32}
	at := func(n int) time.Time { return proofTime.Add(time.Duration(n) * time.Millisecond) }
	send := func(party string, n int, p string) error {
		_, err := check(func(c *resourceserver.ProofCheck) {
			c.Replays, c.Party, c.Now, c.Nonce = &replays, party, at(n), nonceAt(fmt.Sprint("n", n), at(n))
		}, p)
		return err
	}
	var sent []string
	for n := range 200 {
		sent = append(sent, newProof(proves("nonce", fmt.Sprint("n", n))))
		party := fmt.Sprint("p", n)
		if n%2 == 0 {
			party = ""
		}
		if err := send(party, n, sent[n]); err != nil {
			t.Fatalf("proof %d with a new nonce: %v", n, err)
		}
	}
	for n, p := range sent {
		party := fmt.Sprint("p", n)
		if n%2 == 0 {
			party = ""
		}
		if err := send(party, n, p); err == nil {
			t.Errorf("proof %d works a second time", n)
		}
	}
}

// What is known about forgotten proofs is kept for as long as any nonce works.
func TestAttackForgottenProofDoesNotWorkInTheLastMomentOfItsNonce(t *testing.T) {
	replays := resourceserver.ProofReplays{Max: 32}
	now := proofTime
	send := func(party, p string) error {
		_, err := check(func(c *resourceserver.ProofCheck) {
			c.Replays, c.Party, c.Now = &replays, party, now
			c.Nonce = func(string) (made, until time.Time) {
				if party == "late" {
					return now, now.Add(time.Hour)
				}
				return proofTime, proofTime.Add(time.Hour)
			}
		}, p)
		return err
	}
	flood := func(party string) (sent []string) {
		for range 100 {
			sent = append(sent, newProof(proves("nonce", "n")))
			send(party, sent[len(sent)-1])
		}
		return sent
	}
	mine := flood("early")
	now = proofTime.Add(time.Hour - time.Millisecond)
	flood("late")
	for n, p := range mine {
		if send("early", p) == nil {
			t.Fatalf("proof %d works a second time", n)
		}
	}
}

func FuzzProof(f *testing.F) {
	f.Add(specProof, "https://server.example.com/token")
	f.Add(newProof(), "https://api.example/%7e/../data")
	f.Fuzz(func(t *testing.T, text, target string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("DPoP", text)
		key, err := resourceserver.CheckProof(r, resourceserver.ProofCheck{URL: target, Now: time.Unix(1562262616, 0)})
		if (err == nil) != (key != "") {
			t.Errorf("got %q, %v", key, err)
		}
		if err == nil && key != specKey {
			t.Errorf("%q is accepted, although nobody signed it", text)
		}
	})
}

func BenchmarkProof(b *testing.B) {
	var replays resourceserver.ProofReplays
	r := httptest.NewRequest(http.MethodGet, "/data", nil)
	r.Header.Set("DPoP", newProof())
	at := proofTime
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Nanosecond)
		resourceserver.CheckProof(r, resourceserver.ProofCheck{URL: "https://api.example/data", Now: at, Replays: &replays})
	}
}
