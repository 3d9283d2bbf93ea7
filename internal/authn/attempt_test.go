package authn

import (
	"strings"
	"testing"
	"time"
)

// RFC 6238 Appendix B, for SHA-1. Our codes are the last six of its eight digits.
func TestCodesOfRFC6238(t *testing.T) {
	secret := []byte("12345678901234567890")
	for unix, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := appCode(secret, stepAt(time.Unix(unix, 0))); got != want[2:] {
			t.Errorf("at %d: code %s, want %s", unix, got, want[2:])
		}
	}
}

// The code of one step before or after counts, of two does not, and none that is not later than the last one.
func TestMatchCode(t *testing.T) {
	secret, now := []byte("12345678901234567890"), time.Unix(1_800_000_015, 0)
	step := stepAt(now)
	for _, tt := range []struct {
		name string
		code string
		last int64
		want int64
	}{
		{"now", appCode(secret, step), 0, step},
		{"one step before", appCode(secret, step-1), 0, step - 1},
		{"one step after", appCode(secret, step+1), 0, step + 1},
		{"two steps before", appCode(secret, step-2), 0, 0},
		{"two steps after", appCode(secret, step+2), 0, 0},
		{"used before", appCode(secret, step), step, 0},
		{"before the one that was used", appCode(secret, step-1), step, 0},
		{"after the one that was used", appCode(secret, step+1), step, step + 1},
		{"nothing", "", 0, 0},
		{"too long", appCode(secret, step) + "0", 0, 0},
	} {
		if got, ok := matchCode(secret, tt.code, tt.last, now); got != tt.want || ok != (tt.want != 0) {
			t.Errorf("%s: step %d, %v; want %d", tt.name, got, ok, tt.want)
		}
	}
}

func TestAppURI(t *testing.T) {
	want := "otpauth://totp/Acme%20%26%20Sons%3A1:ada%2Bx%40example.com?secret=GEZDGNBV&issuer=Acme%20%26%20Sons%3A1"
	if got := appURI([]byte("12345"), "Acme & Sons:1", "ada+x@example.com"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What is missing, for everything that a person can have and has proved.
func TestNext(t *testing.T) {
	var (
		codes     = Recovery{Hashes: []string{"a"}}
		app       = App{Secret: "sealed"}
		keys      = []Passkey{{ID: "1"}}
		none      = Factors{Password: true}
		withApp   = Factors{Password: true, App: app, Recovery: codes}
		withKey   = Factors{Password: true, Passkeys: keys, Recovery: codes}
		withBoth  = Factors{Password: true, App: app, Passkeys: keys, Recovery: codes}
		noCodes   = Factors{Password: true, App: app}
		keyOnly   = Factors{Passkeys: keys, Recovery: codes}
		keyAndApp = Factors{App: app, Passkeys: keys, Recovery: codes}
	)
	for _, tt := range []struct {
		name    string
		methods string
		have    Factors
		want    Level
		needs   Needs
	}{
		{"nothing", "", none, 0, Needs{Password: true}},
		{"a password, and nothing else there is", "pwd", none, 0, Needs{}},
		{"… an application wants more, which the person does not have", "pwd", none, PhishingResistant, Needs{}},
		{"a password beside an app", "pwd", withApp, 0, Needs{Code: true, Recovery: true}},
		{"… without recovery codes", "pwd", noCodes, 0, Needs{Code: true}},
		{"… with the code", "pwd otp mfa", withApp, 0, Needs{}},
		{"… with a recovery code", "pwd mfa", withApp, 0, Needs{}},
		{"… an application wants two factors", "pwd mfa", withApp, TwoFactors, Needs{}},
		{"… an application wants a passkey, which the person does not have", "pwd otp mfa", withApp, PhishingResistant, Needs{}},
		{"a password beside a passkey", "pwd", withKey, 0, Needs{Passkey: true, Recovery: true}},
		{"… with the passkey", "pwd hwk user mfa", withKey, 0, Needs{}},
		{"a password beside both", "pwd", withBoth, 0, Needs{Code: true, Passkey: true, Recovery: true}},
		{"… an application wants a passkey", "pwd", withBoth, PhishingResistant, Needs{Passkey: true}},
		{"… and got the code", "pwd otp mfa", withBoth, PhishingResistant, Needs{Passkey: true}},
		{"a passkey whose device knows the person", "swk user mfa", withBoth, PhishingResistant, Needs{}},
		{"… alone", "hwk user mfa", keyOnly, 0, Needs{}},
		{"a passkey whose device does not ask", "hwk user", withKey, 0, Needs{Password: true}},
		{"… beside an app", "hwk user", keyAndApp, 0, Needs{Code: true, Recovery: true}},
		{"… and got the code", "otp hwk user mfa", keyAndApp, PhishingResistant, Needs{}},
		{"… alone", "hwk user", keyOnly, 0, Needs{Passkey: true}},
	} {
		if got := next(strings.Fields(tt.methods), tt.have, tt.want); got != tt.needs {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.needs)
		}
	}
}

// Two factors of different kinds are two factors; two of one kind are not.
func TestProves(t *testing.T) {
	for proofs, want := range map[string]string{
		"pwd": "pwd", "pwd pwd": "pwd", "otp": "otp", "pwd otp": "pwd otp mfa", "pwd hwk user": "pwd hwk user mfa", "hwk user otp": "otp hwk user mfa", "hwk swk user": "hwk swk user",
		"pwd mfa": "pwd mfa",
	} {
		var a Attempt
		for proof := range strings.FieldsSeq(proofs) {
			a = a.proves(proof)
		}
		if got := strings.Join(a.Methods, " "); got != want {
			t.Errorf("%s: %s, want %s", proofs, got, want)
		}
	}
	for methods, want := range map[string]Level{"": 0, "pwd": OneFactor, "hwk user": OneFactor, "pwd mfa": TwoFactors, "pwd swk user mfa": PhishingResistant, "hwk user mfa": PhishingResistant} {
		if got := LevelOf(strings.Fields(methods)); got != want {
			t.Errorf("level of %s: %d, want %d", methods, got, want)
		}
	}
}

func TestTypedCodes(t *testing.T) {
	for typed, want := range map[string]string{"123 456": "123456", "abcd-efgh-ijkl-mnop": "ABCDEFGHIJKLMNOP", " ab cd\t": "ABCD", "": ""} {
		if got := typedCode(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
	if got := grouped("ABCDEFGHIJKLMNOP"); got != "ABCD-EFGH-IJKL-MNOP" {
		t.Errorf("grouped: %s", got)
	}
}
