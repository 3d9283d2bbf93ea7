package plaintext

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

// wide is s in UTF-16.
func wide(s string, order binary.AppendByteOrder) (out []byte) {
	for _, unit := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

func TestClean(t *testing.T) {
	for name, tt := range map[string]struct {
		read      string
		want, err string
	}{
		"plain":                       {"a: ä\nb\n", "a: ä\nb\n", ""},
		"nothing":                     {"", "", ""},
		"a byte order mark":           {"\xef\xbb\xbfa: b\n", "a: b\n", ""},
		"only a byte order mark":      {"\xef\xbb\xbf", "", ""},
		"line ends of Windows":        {"a\r\nb\r\n", "a\nb\n", ""},
		"a replacement character":     {"a\ufffdb", "a\ufffdb", ""},
		"UTF-16 with a mark":          {string(wide("\ufeffab", binary.LittleEndian)), "", "is UTF-16; save it as UTF-8"},
		"UTF-16, the other way round": {string(wide("\ufeffab", binary.BigEndian)), "", "is UTF-16; save it as UTF-8"},
		"UTF-16 without a mark":       {string(wide("public", binary.LittleEndian)), "", "is UTF-16; save it as UTF-8"},
		"UTF-16BE without a mark":     {string(wide("public", binary.BigEndian)), "", "is UTF-16; save it as UTF-8"},
		"UTF-32":                      {"\xff\xfe\x00\x00a\x00\x00\x00", "", "is UTF-32; save it as UTF-8"},
		"a NUL byte":                  {"a\nb\x00c", "", "has a NUL byte in line 2, so it is not text"},
		"Latin-1":                     {"a\nm\xfcller", "", "is not UTF-8 (byte 0xfc in line 2); save it as UTF-8"},
		"cut in the middle":           {"a\xc3", "", "is not UTF-8 (byte 0xc3 in line 1); save it as UTF-8"},
		"a mark in the middle":        {"a\r\n\ufeffb", "", "has a byte order mark in line 2, in the middle of the text; remove it"},
		"invalid after a replacement": {"\ufffd\xff", "", "is not UTF-8 (byte 0xff in line 1); save it as UTF-8"},
	} {
		got, err := Clean([]byte(tt.read))
		if said := message(err); got != tt.want || said != tt.err {
			t.Errorf("%s: got %q and the error %q, want %q and %q", name, got, said, tt.want, tt.err)
		}
	}
}

func TestLine(t *testing.T) {
	for read, want := range map[string]string{
		"secret": "secret", "secret\n": "secret", "secret\r\n": "secret", "\xef\xbb\xbfsecret\r\n": "secret", " with spaces \n\n": " with spaces ", "": "",
	} {
		if got, err := Line([]byte(read)); got != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", read, got, err, want)
		}
	}
	for _, read := range []string{"two\nlines", "two\rlines", "two\r\nlines\r\n"} {
		if _, err := Line([]byte(read)); message(err) != "has more than one line" {
			t.Errorf("%q: got the error %v", read, err)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbfa\r\n"))
	f.Fuzz(func(t *testing.T, read []byte) {
		s, err := Clean(read)
		if err == nil && (strings.ContainsRune(s, 0) || strings.Contains(s, mark) || strings.Contains(s, "\r\n")) {
			t.Errorf("%q is clean", s)
		}
	})
}
