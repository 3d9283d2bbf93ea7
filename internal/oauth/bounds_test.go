package oauth

import (
	"net/url"
	"strings"
	"testing"
)

// Each parameter that is kept with a pending request, at its longest and one byte longer.
func TestLongestParameters(t *testing.T) {
	hash := rfcChallenge // 43 characters, as every SHA-256 in base64url
	for name, most := range map[string]int{
		"state": 4096, "team": 255, "nonce": 1024, "login_hint": 255, "id_token_hint": 4096, "acr_values": 1024, "ui_locales": 255,
		"resource": 500, "code_challenge": 43, "dpop_jkt": 43,
	} {
		longest := strings.Repeat("a", most)
		switch {
		case name == "resource":
			longest = "urn:" + longest[4:]
		case most == len(hash):
			longest = hash
		}
		for _, value := range []string{longest, longest + "A"} {
			values, _ := url.ParseQuery(rfcAuthorizationQuery)
			values.Set(name, value)
			_, err := ParseAuthorizationRequest(NewParams(values), PKCERequired)
			if want := len(value) <= most; (err == nil) != want {
				t.Errorf("%s of %d bytes: got %v, want acceptance: %v", name, len(value), err, want)
			}
		}
	}
}

func TestLongestAssertionAndClientID(t *testing.T) {
	const most, mostID = 8192, 255
	authenticate := func(assertion string) error {
		_, err := parseClientAuthentication("", NewParams(url.Values{"client_assertion_type": {assertionType}, "client_assertion": {assertion}}))
		return err
	}
	values, _ := url.ParseQuery(assertionBody(`{"sub":"app"}`))
	assertion := values.Get("client_assertion")
	for length, accepted := range map[int]bool{most: true, most + 1: false} {
		if err := authenticate(assertion + strings.Repeat("A", length-len(assertion))); (err == nil) != accepted {
			t.Errorf("an assertion of %d bytes: got %v, want acceptance: %v", length, err, accepted)
		}
	}
	for length, accepted := range map[int]bool{mostID: true, mostID + 1: false} {
		values, _ := url.ParseQuery(assertionBody(`{"sub":"` + strings.Repeat("a", length) + `"}`))
		if err := authenticate(values.Get("client_assertion")); (err == nil) != accepted {
			t.Errorf("a client_id of %d bytes: got %v, want acceptance: %v", length, err, accepted)
		}
	}
}

func TestLongestRedirectURIAndHighestPort(t *testing.T) {
	const start = "https://a.example/"
	for uri, accepted := range map[string]bool{
		start + strings.Repeat("a", 2000-len(start)): true, start + strings.Repeat("a", 2001-len(start)): false,
		"https://a.example:1/": true, "https://a.example:0/": false, "https://a.example:65535/": true, "https://a.example:65536/": false,
		"https://a.example:0443/": false,
	} {
		if err := CheckRedirectURI(uri, false); (err == nil) != accepted {
			t.Errorf("%.40s of %d bytes: got %v, want acceptance: %v", uri, len(uri), err, accepted)
		}
	}
	for port, matches := range map[string]bool{"1": true, "0": false, "65535": true, "65536": false, "00080": false, "080": false} {
		if got := MatchRedirectURI("http://127.0.0.1/cb", "http://127.0.0.1:"+port+"/cb", false); got != matches {
			t.Errorf("port %s matches: %v, want %v", port, got, matches)
		}
	}
}

func TestLongestDescription(t *testing.T) {
	const most = 400
	for _, length := range []int{most - 1, most, most + 1} {
		got := safeDescription(strings.Repeat("d", length))
		if cut := strings.HasSuffix(got, "..."); cut != (length > most) || len(got) != min(length, most) {
			t.Errorf("%d bytes became %d, cut: %v", length, len(got), cut)
		}
	}
}

// Every character of the challenge counts: one that is alike in all but one character is another's.
func TestChallengeIsComparedToItsLastCharacter(t *testing.T) {
	for at := range rfcChallenge {
		for _, other := range []string{"A", "Q", "_"} {
			altered := rfcChallenge[:at] + other + rfcChallenge[at+1:]
			if altered != rfcChallenge && CodeChallenge(altered).Verify(rfcVerifier) {
				t.Errorf("the verifier of %s passes for %s", rfcChallenge, altered)
			}
		}
	}
	for at := range rfcVerifier {
		if altered := rfcVerifier[:at] + "~" + rfcVerifier[at+1:]; CodeChallenge(rfcChallenge).Verify(altered) {
			t.Errorf("the verifier %s passes for %s", altered, rfcVerifier)
		}
	}
}
