package ui

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPlainNames(t *testing.T) {
	for in, want := range map[string]string{
		"Weekly Report":                    "Weekly Report",
		"  two\n lines\t":                  "two lines",
		"Bank \u202Emoc.elgoog":            "Bank moc.elgoog",
		"a\u200Bb\u2066c\u2069\u00ADd\x00": "abcd",
		"":                                 "",
		" \u3164\u200D\u2800":              "",
		"می\u200Cخواهیم":                   "می\u200Cخواهیم",
		"👩\u200D🔬 Lab":                     "👩\u200D🔬 Lab",
		"bad\xff":                          "bad\uFFFD",
		"e" + strings.Repeat("\u0301", 9):  "e" + strings.Repeat("\u0301", maxMarks),
	} {
		if got := PlainName(in); got != want {
			t.Errorf("PlainName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestRevealMarksWhatIsNotSeen(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []piece
	}{
		{"https://a.example/cb?x=1", []piece{{Text: "https://a.example/cb?x=1"}}},
		{"", nil},
		{"a b", []piece{{Text: "a b"}}},
		{"a ", []piece{{Text: "a"}, {" ", "U+0020"}}},
		{"a  b", []piece{{Text: "a"}, {" ", "U+0020"}, {" ", "U+0020"}, {Text: "b"}}},
		{"a\u200Bb", []piece{{Text: "a"}, {"", "U+200B"}, {Text: "b"}}},
		{"repоrt", []piece{{Text: "rep"}, {"о", "U+043E"}, {Text: "rt"}}},
		{"\u202Egpj", []piece{{"", "U+202E"}, {Text: "gpj"}}},
		{"a\xff\n", []piece{{Text: "a"}, {"", "byte FF"}, {"", "U+000A"}}},
	} {
		if got := reveal(c.in); !slices.Equal(got, c.want) {
			t.Errorf("reveal(%q) = %v, want %v", c.in, got, c.want)
		}
	}
}

// Whatever came in can be read back from what is shown: no character is lost or made up.
func TestRevealLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := string(rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
		var back strings.Builder
		for _, p := range reveal(value) {
			mark, isByte := strings.CutPrefix(p.Mark, "byte ")
			code, isRune := strings.CutPrefix(mark, "U+")
			n, _ := strconv.ParseUint(code, 16, 32)
			switch {
			case isByte:
				back.WriteByte(byte(n))
			case isRune:
				back.WriteRune(rune(n))
			default:
				back.WriteString(p.Text)
			}
		}
		if back.String() != value {
			t.Fatalf("%q is shown as %v", value, reveal(value))
		}
	})
}
