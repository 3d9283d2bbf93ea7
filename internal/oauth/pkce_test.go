package oauth

import (
	"errors"
	"strings"
	"testing"
)

// RFC 7636 Appendix B.
const (
	rfcVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	rfcChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

func TestPKCEVectorOfRFC7636(t *testing.T) {
	if got := challengeS256(rfcVerifier); got != rfcChallenge {
		t.Errorf("challenge is %q, want %q", got, rfcChallenge)
	}
	challenge, err := parseCodeChallenge(rfcChallenge)
	if err != nil {
		t.Fatal(err)
	}
	if !challenge.Verify(rfcVerifier) {
		t.Error("the vector's verifier is refused")
	}
	if _, err := parseCodeVerifier(rfcVerifier); err != nil {
		t.Error(err)
	}
}

func TestVerifyRefusesEverythingElse(t *testing.T) {
	for _, verifier := range []string{"", rfcChallenge, rfcVerifier + "=", rfcVerifier[1:], strings.ToLower(rfcVerifier), rfcVerifier + "\n"} {
		if CodeChallenge(rfcChallenge).Verify(verifier) {
			t.Errorf("accepted %q", verifier)
		}
	}
	if CodeChallenge("").Verify("") {
		t.Error("an empty challenge was accepted")
	}
	// The downgrade to plain: the challenge is the verifier itself.
	if CodeChallenge(rfcVerifier).Verify(rfcVerifier) {
		t.Error("a plain challenge was accepted")
	}
}

func TestParseCodeChallenge(t *testing.T) {
	for _, bad := range []string{
		"", "short", rfcChallenge[1:], rfcChallenge + "A", rfcChallenge + "=",
		strings.Repeat("+", 43), strings.Repeat("/", 43), strings.Repeat("é", 21) + "a", rfcChallenge + "\n", rfcChallenge[:42] + "\n", rfcChallenge[:42] + " ",
		rfcChallenge[:40] + "\r\n\n",
	} {
		_, err := parseCodeChallenge(bad)
		wantCode(t, err, InvalidRequest, "code_challenge must be")
	}
}

func TestParseCodeVerifier(t *testing.T) {
	for n, want := range map[int]Code{0: InvalidRequest, 42: InvalidRequest, 43: "", 128: "", 129: InvalidRequest} {
		_, err := parseCodeVerifier(strings.Repeat("a", n))
		wantCode(t, err, want, "43 to 128")
	}
	if _, err := parseCodeVerifier("ABCXYZabcxyz0189-._~" + strings.Repeat("-", 23)); err != nil {
		t.Errorf("unreserved characters: %v", err)
	}
	for _, bad := range []string{"+", "/", "=", " ", "é", "%", "\x00", "\xff", ":", "@", "[", "`", "{", "\x7f"} {
		_, err := parseCodeVerifier(strings.Repeat("a", 50) + bad)
		wantCode(t, err, InvalidRequest, "code_verifier must be")
	}
}

func FuzzCodeChallenge(f *testing.F) {
	f.Add(rfcVerifier, rfcChallenge)
	f.Add("", "")
	f.Add("a", strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, verifier, text string) {
		own := challengeS256(verifier)
		sent := verifier != "" // the challenge of nothing is proved by nothing
		if parsed, err := parseCodeChallenge(string(own)); err != nil || parsed != own || parsed.Verify(verifier) != sent {
			t.Errorf("the challenge %q of %q: parsed as %q, %v, or refused", own, verifier, parsed, err)
		}
		if own.Verify(verifier + "x") {
			t.Errorf("the challenge of %q accepts a longer verifier", verifier)
		}
		parsed, err := parseCodeChallenge(text)
		if err != nil && !errors.Is(err, InvalidRequest) {
			t.Errorf("the error %v is not invalid_request", err)
		}
		if err == nil && (string(parsed) != text || len(text) != 43) {
			t.Errorf("%q was parsed as %q", text, parsed)
		}
		if parsed.Verify(verifier) != (sent && parsed == own) {
			t.Errorf("%q accepts %q", parsed, verifier)
		}
	})
}

func FuzzCodeVerifier(f *testing.F) {
	f.Add(rfcVerifier)
	f.Add(strings.Repeat("~", 128))
	f.Add(strings.Repeat("é", 43))
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseCodeVerifier(s)
		if err != nil {
			if got != "" || !errors.Is(err, InvalidRequest) {
				t.Errorf("got %q with error %v", got, err)
			}
			return
		}
		if got != s || len(s) < 43 || len(s) > 128 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") != "" {
			t.Errorf("accepted %q as %q", s, got)
		}
	})
}
