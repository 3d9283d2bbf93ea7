package team_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

func TestParseEmail(t *testing.T) {
	for given, want := range map[string]string{
		"ada@example.com":              "ada@example.com",
		"  Ada.Lovelace@EXAMPLE.com\n": "Ada.Lovelace@EXAMPLE.com",
		"ada+test@example.co.uk":       "ada+test@example.co.uk",
		"root@localhost":               "root@localhost",
		"jörg@müller.example":          "jörg@müller.example",

		"":                                      "",
		"ada":                                   "",
		"@example.com":                          "",
		"ada@":                                  "",
		"ada@@example.com":                      "",
		"ada@home@example.com":                  "",
		"a da@example.com":                      "",
		`"a da"@example.com`:                    "",
		"Ada <ada@example.com>":                 "",
		"<ada@example.com>":                     "",
		"ada@example.com,eve@example.com":       "",
		"ada@example.com (comment)":             "",
		"ada@exam\u00a0ple.com":                 "",
		"ada\x00@example.com":                   "",
		"ada\u202e@example.com":                 "",
		"ada\xff@example.com":                   "",
		strings.Repeat("a", 250) + "@ex.com":    "",
		"ada@" + strings.Repeat("é", 130) + ".": "",
	} {
		got, err := team.ParseEmail(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", given, got, err, want)
		}
	}
}

// Two ways to write one address are one person: RFC 8265 for Unicode forms, RFC 5890 §2.3.2.1 for domains.
func TestEmailsAreComparedInOneForm(t *testing.T) {
	for _, same := range [][]string{
		{"ada@example.com", " ADA@Example.COM\n"},
		{"jörg@example.com", "jo\u0308rg@example.com", "JÖRG@example.com"},
		{"ada@müller.example", "ada@mu\u0308ller.example", "ada@xn--mller-kva.example", "ADA@XN--MLLER-KVA.example", "ada@MÜLLER.example"},
	} {
		for _, email := range same {
			if got, want := team.NormalizeEmail(email), team.NormalizeEmail(same[0]); got != want {
				t.Errorf("%q is compared as %q, want %q", email, got, want)
			}
		}
	}
	for _, different := range [][2]string{
		{"ada@example.com", "ada@example.org"}, {"jorg@example.com", "jörg@example.com"}, {"ada@muller.example", "ada@müller.example"}, {"ﬁx@example.com", "fix@example.com"},
	} {
		if team.NormalizeEmail(different[0]) == team.NormalizeEmail(different[1]) {
			t.Errorf("%q and %q are one person", different[0], different[1])
		}
	}
	for _, email := range []string{"ada@a_b.example", "ada", "", "a@b@c"} { // no domain that IDNA knows
		if got := team.NormalizeEmail(email); got != email {
			t.Errorf("%q is compared as %q", email, got)
		}
	}
}

func FuzzParseEmail(f *testing.F) {
	for _, seed := range []string{"ada@example.com", " Ada@X ", "\"a\"@b", "K@K", "İ@x", "a@[127.0.0.1]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		email, err := team.ParseEmail(given)
		if err != nil {
			return
		}
		again, err := team.ParseEmail(email)
		if err != nil || again != email {
			t.Errorf("%q became %q and then %q, %v: the normal form is not stable", given, email, again, err)
		}
		if strings.Count(email, "@") != 1 || strings.ContainsAny(email, " \t\n\x00,<>") || len(email) > 254 {
			t.Errorf("%q was taken as %q", given, email)
		}
	})
}
