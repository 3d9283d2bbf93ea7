package oauth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestErrorKeepsItsCauseInside(t *testing.T) {
	cause := errors.New("row 7 of codes")
	err := fmt.Errorf("exchange: %w", InvalidGrant.Because(cause, "the code is not valid"))
	if !errors.Is(err, InvalidGrant) || errors.Is(err, InvalidRequest) || !errors.Is(err, cause) {
		t.Errorf("errors.Is is wrong about %v", err)
	}
	if !strings.Contains(err.Error(), "row 7") {
		t.Errorf("the log does not get the cause: %v", err)
	}
	code, description := Outside(err)
	if code != InvalidGrant || description != "the code is not valid" {
		t.Errorf("outside it is %s, %q", code, description)
	}
}

func TestOutsideHidesWhatIsNotForClients(t *testing.T) {
	code, description := Outside(fmt.Errorf("load client app: %w", errors.New("disk on fire")))
	if code != ServerError || strings.Contains(description, "fire") || description == "" {
		t.Errorf("outside it is %s, %q", code, description)
	}
}

func TestOutsideTakesABareCode(t *testing.T) {
	if code, description := Outside(fmt.Errorf("next: %w", LoginRequired)); code != LoginRequired || description != "" {
		t.Errorf("outside it is %s, %q", code, description)
	}
}

func TestDescriptionHasOnlyTheCharactersOfRFC6749(t *testing.T) {
	for in, want := range map[string]string{
		`the scope "x\y"`:               "the scope 'x?y'",
		"line\r\nSet-Cookie: a=b":       "line??Set-Cookie: a=b",
		"caf\u00e9 \u202e <b>&amp;</b>": "caf? ? <b>&amp;</b>",
		"bad\xff\x00\x7f":               "bad???",
		"":                              "",
	} {
		if got := safeDescription(in); got != want {
			t.Errorf("safeDescription(%q) = %q, want %q", in, got, want)
		}
		if _, got := Outside(InvalidScope.Errorf("%s", in)); got != want {
			t.Errorf("Outside(%q) = %q, want %q", in, got, want)
		}
	}
	if got := safeDescription(strings.Repeat("\u00e9", 10_000)); len(got) != maxDescriptionLength || !strings.HasSuffix(got, "...") {
		t.Errorf("a long description became %d bytes, %q", len(got), got)
	}
}

func FuzzSafeDescription(f *testing.F) {
	for _, seed := range []string{"", "plain", `"\`, "\xff\x00", strings.Repeat("a", 500)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := safeDescription(s)
		if len(got) > maxDescriptionLength {
			t.Errorf("%d bytes", len(got))
		}
		for _, c := range []byte(got) {
			if c < 0x20 || c > 0x7E || c == '"' || c == '\\' {
				t.Errorf("%q has %q", got, c)
			}
		}
		if again := safeDescription(got); again != got {
			t.Errorf("made safe twice: %q, then %q", got, again)
		}
	})
}
