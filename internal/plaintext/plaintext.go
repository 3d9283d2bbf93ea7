// Package plaintext reads text that was written on another system or by another program: files, standard input, variables.
//
// What is harmless is dropped: the byte order mark of UTF-8 at the beginning, and the carriage return of a line end. For anything else
// that is no UTF-8 text the error says what was found. It never quotes the text, which may be a secret.
package plaintext

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// mark is the byte order mark of UTF-8.
const mark = "\ufeff"

// Clean is the text in what was read.
func Clean(read []byte) (string, error) {
	if encoding := other(read); encoding != "" {
		return "", fmt.Errorf("is %s; save it as UTF-8", encoding)
	}
	s := strings.TrimPrefix(string(read), mark)
	if i := strings.IndexByte(s, 0); i >= 0 {
		return "", fmt.Errorf("has a NUL byte in line %d, so it is not text", line(s, i))
	}
	if i := invalid(s); i >= 0 {
		return "", fmt.Errorf("is not UTF-8 (byte 0x%02x in line %d); save it as UTF-8", s[i], line(s, i))
	}
	for strings.Contains(s, "\r\n") {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	if i := strings.Index(s, mark); i >= 0 {
		return "", fmt.Errorf("has a byte order mark in line %d, in the middle of the text; remove it", line(s, i))
	}
	return s, nil
}

// invalid is where s stops to be UTF-8; -1 when it does not.
func invalid(s string) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// other is the encoding of what was read, when that is certainly not UTF-8.
func other(read []byte) string {
	switch {
	case bytes.HasPrefix(read, []byte{0xff, 0xfe, 0, 0}), bytes.HasPrefix(read, []byte{0, 0, 0xfe, 0xff}):
		return "UTF-32"
	case bytes.HasPrefix(read, []byte{0xff, 0xfe}), bytes.HasPrefix(read, []byte{0xfe, 0xff}):
		return "UTF-16"
	}
	// ASCII characters in UTF-16: every other byte is 0.
	if len(read) >= 4 {
		for at := range 2 {
			all := true
			for i, b := range read[:4] {
				all = all && (b == 0) == (i%2 == at)
			}
			if all {
				return "UTF-16"
			}
		}
	}
	return ""
}

// Line is the one line of text in what was read, without its end.
func Line(read []byte) (string, error) {
	s, err := Clean(read)
	if err != nil {
		return "", err
	}
	s = strings.TrimRight(s, "\n")
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return "", errors.New("has more than one line")
	}
	return s, nil
}

// line is the number of the line of a position.
func line(s string, at int) int { return strings.Count(s[:at], "\n") + 1 }
