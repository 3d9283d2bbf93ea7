package ui

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks a letter may carry on a page. Written languages need up to four; more is there to cover its surroundings.
const maxMarks = 4

// blanks are letters and symbols that look like a space.
const blanks = "\u115F\u1160\u2800\u3164\uFFA0"

// PlainName is a name that a stranger chose, made fit to stand in our sentences: without control characters, without the characters that
// change the direction of text, and without empty lines. It is "" when nothing is left that can be seen. <bdi> isolates what remains. Letters of every script stay.
func PlainName(name string) string {
	var b strings.Builder
	marks := 0
	for _, r := range strings.ToValidUTF8(name, "\uFFFD") {
		switch {
		case unicode.IsSpace(r), strings.ContainsRune(blanks, r):
			r = ' '
		case r == '\u200C' || r == '\u200D': // joiners: Persian and emoji need them
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			continue
		}
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
			if marks++; marks > maxMarks {
				continue
			}
		} else {
			marks = 0
		}
		b.WriteRune(r)
	}
	shown := strings.Join(strings.Fields(b.String()), " ")
	if strings.Trim(shown, "\u200C\u200D ") == "" {
		return ""
	}
	return shown
}

// piece is a run of text, or one character that would not be seen for what it is.
type piece struct {
	Text string // shown as it is
	Mark string // "U+202E", shown after Text as a note; "" for plain text
}

// reveal cuts a value so that a page can show it character for character. A character that cannot be seen, or that looks like another
// one, gets its code point as a note. ASCII stands for itself, except control characters, and spaces at an end or in a row.
func reveal(value string) []piece {
	var pieces []piece
	start := 0
	for i := 0; i < len(value); {
		r, size := utf8.DecodeRuneInString(value[i:])
		text, mark := note(value, i, r, size)
		if mark == "" {
			i += size
			continue
		}
		if start < i {
			pieces = append(pieces, piece{Text: value[start:i]})
		}
		pieces = append(pieces, piece{Text: text, Mark: mark})
		i += size
		start = i
	}
	if start < len(value) {
		pieces = append(pieces, piece{Text: value[start:]})
	}
	return pieces
}

// note is the text to show for the character at value[i:], and its note if it needs one.
func note(value string, i int, r rune, size int) (text, mark string) {
	switch {
	case r == utf8.RuneError && size == 1:
		return "", fmt.Sprintf("byte %02X", value[i])
	case r == ' ':
		if i == 0 || i == len(value)-1 || value[i-1] == ' ' || value[i+1] == ' ' {
			return " ", "U+0020"
		}
	case r > ' ' && r < 0x7F:
	case unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.IsMark(r) && !unicode.Is(unicode.Cf, r):
		return string(r), fmt.Sprintf("U+%04X", r) // seen, but is it what it looks like?
	default:
		return "", fmt.Sprintf("U+%04X", r)
	}
	return "", ""
}
