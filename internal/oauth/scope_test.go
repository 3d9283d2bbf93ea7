package oauth

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseScope(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Scope
		bad  string // what the error names
	}{
		{in: "", want: nil},
		{in: "chatbot:read", want: Scope{"chatbot:read"}},
		{in: "b a c", want: Scope{"b", "a", "c"}},
		{in: "a b a", want: Scope{"a", "b"}},
		{in: " a  b ", want: Scope{"a", "b"}},
		{in: "A a", want: Scope{"A", "a"}},
		{in: "!#[]~ https://api.example/read?x=1&y", want: Scope{"!#[]~", "https://api.example/read?x=1&y"}},
		{in: " ", bad: "no value"},
		{in: "ok \"quoted\"", bad: "quoted"},
		{in: `back\slash`, bad: "back"},
		{in: "line\nbreak", bad: "line"},
		{in: "tab\ttab", bad: "tab"},
		{in: "del\x7f", bad: "del"},
		{in: "caf\u00e9", bad: "caf"},
		{in: "no\u00a0break", bad: "break"},
		{in: "bad\xff", bad: "bad"},
	} {
		got, err := ParseScope(tt.in)
		if tt.bad != "" {
			wantCode(t, err, InvalidScope, tt.bad)
		} else if err != nil {
			t.Errorf("ParseScope(%q): %v", tt.in, err)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("ParseScope(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// A long parameter must not cost more than its length.
func TestParseScopeOfManyValues(t *testing.T) {
	var b strings.Builder
	for i := range 1 << 16 {
		b.WriteString(string([]byte{'a' + byte(i>>12), 'a' + byte(i>>8&15), 'a' + byte(i>>4&15), 'a' + byte(i&15), ' '}))
	}
	if got, err := ParseScope(b.String()); err != nil || len(got) != 1<<16 {
		t.Errorf("got %d values, %v", len(got), err)
	}
}

func TestScopeSets(t *testing.T) {
	ab, bc := Scope{"a", "b"}, Scope{"b", "c"}
	if got := ab.Union(bc).String(); got != "a b c" {
		t.Errorf("union is %q", got)
	}
	if got := ab.Minus(bc).String(); got != "a" {
		t.Errorf("difference is %q", got)
	}
	if got := Scope(nil).Union(nil).String(); got != "" {
		t.Errorf("union of nothing is %q", got)
	}
	if !ab.Contains("a") || ab.Contains("c") || ab.Contains("") {
		t.Error("Contains is wrong")
	}
	for _, tt := range []struct {
		s, other Scope
		want     bool
	}{
		{ab, ab, true},
		{ab, Scope{"b", "a"}, true},
		{ab, nil, true},
		{nil, nil, true},
		{ab, bc, false},
		{nil, Scope{"a"}, false},
		{Scope{"chatbot:read"}, Scope{"chatbot"}, false},
		{Scope{"chatbot"}, Scope{"chatbot:read"}, false},
	} {
		if got := tt.s.Covers(tt.other); got != tt.want {
			t.Errorf("%q covers %q: %v", tt.s, tt.other, got)
		}
	}
}

func TestScopeSetsChangeNothing(t *testing.T) {
	s := make(Scope, 1, 8)
	s[0] = "a"
	one, two := s.Union(Scope{"b"}), s.Union(Scope{"c"})
	if s.String() != "a" || one.String() != "a b" || two.String() != "a c" {
		t.Errorf("got %q, %q, %q", s, one, two)
	}
}

func FuzzParseScope(f *testing.F) {
	for _, seed := range []string{"", " ", "a", "a b", "b a b", "  a ", `"`, `\`, "é", "a\tb", "\xff", "openid chatbot:read"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		scope, err := ParseScope(s)
		if err != nil {
			if !errors.Is(err, InvalidScope) || scope != nil {
				t.Fatalf("got %q with error %v", scope, err)
			}
			return
		}
		again, err := ParseScope(scope.String())
		if err != nil || !slices.Equal(scope, again) {
			t.Errorf("%q printed and parsed again is %q, %v", scope, again, err)
		}
		if (len(scope) == 0) != (s == "") {
			t.Errorf("%q became %q: sent and omitted are mixed up", s, scope)
		}
		for i, value := range scope {
			if slices.Contains(scope[:i], value) || !slices.Contains(strings.Split(s, " "), value) {
				t.Errorf("value %q of %q is repeated or invented", value, s)
			}
		}
		if !scope.Covers(scope) || len(scope.Minus(scope)) != 0 || !slices.Equal(scope.Union(scope), scope) {
			t.Errorf("%q is not equal to itself", scope)
		}
	})
}
