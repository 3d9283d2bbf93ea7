package resourceserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// eachAltered calls try with text altered in one character, for each character, and with text shorter and longer by one.
func eachAltered(text string, try func(altered string)) {
	for at := range text {
		other := "_"
		if text[at] == '_' {
			other = "-"
		}
		try(text[:at] + other + text[at+1:])
	}
	try(text[:len(text)-1])
	try(text + "A")
}

func TestProofURLIsComparedToItsLastCharacter(t *testing.T) {
	eachAltered("https://api.example/data", func(htu string) {
		if _, err := check(nil, newProof(proves("htu", htu))); err == nil {
			t.Errorf("a proof for %s is accepted", htu)
		}
	})
}

func TestProofTokenHashIsComparedToItsLastCharacter(t *testing.T) {
	const ath = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0" // SHA-256 of "abc": FIPS 180-2, appendix B.1
	withToken := func(c *resourceserver.ProofCheck) { c.AccessToken = "abc" }
	if _, err := check(withToken, newProof(proves("ath", ath))); err != nil {
		t.Fatal(err)
	}
	eachAltered(ath, func(altered string) {
		if _, err := check(withToken, newProof(proves("ath", altered))); err == nil {
			t.Errorf("ath %s is accepted", altered)
		}
	})
}

func TestProofKeyIsComparedToItsLastCharacter(t *testing.T) {
	eachAltered(thumbprint(t, clientKey.Public()), func(altered string) {
		if _, err := check(func(c *resourceserver.ProofCheck) { c.Key = altered }, newProof()); err == nil {
			t.Errorf("the key passes for the one with the thumbprint %s", altered)
		}
	})
}

func TestProofIDIsComparedToItsLastCharacter(t *testing.T) {
	var replays resourceserver.ProofReplays
	once := func(c *resourceserver.ProofCheck) { c.Replays = &replays }
	jti := strings.Repeat("j", 200)
	if _, err := check(once, newProof(proves("jti", jti))); err != nil {
		t.Fatal(err)
	}
	eachAltered(jti, func(altered string) {
		if _, err := check(once, newProof(proves("jti", altered))); err != nil {
			t.Errorf("jti %s passes for one that was used: %v", altered, err)
		}
	})
}

func TestNonceOfTheAPIIsComparedToItsLastCharacter(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, func(o *resourceserver.Options) { o.NonceKey = []byte(strings.Repeat("k", 32)) })
	raw := i.bound(t, clientKey.Public())
	send := func(nonce string) int {
		return present(guard, "/data", "DPoP "+raw, i.proofFor("/data", raw, proves("nonce", nonce))).Code
	}
	nonce := present(guard, "/data", "DPoP "+raw, i.proofFor("/data", raw)).Header().Get("DPoP-Nonce")
	if code := send(nonce); code != http.StatusOK {
		t.Fatalf("the nonce itself: got %d, want 200", code)
	}
	eachAltered(nonce, func(altered string) {
		if code := send(altered); code != http.StatusUnauthorized {
			t.Errorf("nonce %s: got %d, want 401", altered, code)
		}
	})
}

// A signature has one spelling: r and s without a zero byte between them.
func TestSignatureWithAByteTooMany(t *testing.T) {
	i := newIssuer(t)
	head, signature := cutSignature(i.token())
	r, s := signature[:32], signature[32:]
	refused(t, i, "/", "Bearer "+head+encode(r, []byte{0}, s))
	refused(t, i, "/", "Bearer "+head+encode(r, s, []byte{0}))
	refused(t, i, "/", "Bearer "+head+encode(r[:31], s))
}
