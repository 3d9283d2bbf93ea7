// Package words has the texts that people read, on pages and in mails. A language is one file: en.txt is English.
//
// It does not have: error_description, which is for programs and stays in English beside its code, and log lines.
//
// A file has one text a line, as "key = text". A line that begins with # is a comment, and an indented line continues the
// text above it on a new line. In a text,
//
//	{name}             is replaced by the argument of that name,
//	<link>these</link> are marked: a page makes them a link or bold, plain text leaves the marks out,
//
// and "key[one] = …", "key[other] = …" are the plural forms of one text, of which the argument "count" selects one. The
// forms that a language has are those of the Unicode CLDR: zero, one, two, few, many, other.
package words

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Files are the catalogues: one file for each language.
//
//go:embed *.txt
var Files embed.FS

// English is the texts in English. Every other language has the same keys, with the same arguments.
var English = must(Read(Files, "en"))

// Languages are the texts in every language that there is. The first one is for people of whose languages there is none.
var Languages = []*Catalogue{English, must(Read(Files, "de"))}

// Catalogue is the texts of one language. It does not change after Read.
type Catalogue struct {
	Language language.Tag
	texts    map[string]forms
}

// Code is the language for a program: "en".
func (c *Catalogue) Code() string { return c.Language.String() }

// forms are the plural forms of a text. A text without plurals has the form Other only.
type forms map[plural.Form]Message

// Message is a text in its pieces.
type Message []Piece

// Piece is one piece of a message: plain text, the place of an argument, or one end of a mark.
type Piece struct {
	Kind PieceKind
	Text string // the plain text, or the name of the argument or the mark
}

// PieceKind says what a piece is.
type PieceKind int

// The kinds of pieces.
const (
	Plain PieceKind = iota
	Argument
	MarkBegins
	MarkEnds
)

// Read reads the catalogue of a language, such as "en", from its file.
func Read(fsys fs.FS, name string) (*Catalogue, error) {
	tag, err := language.Parse(name)
	if err != nil {
		return nil, fmt.Errorf("read the words of %q: %w", name, err)
	}
	source, err := fs.ReadFile(fsys, name+".txt")
	if err != nil {
		return nil, fmt.Errorf("read the words of %q: %w", name, err)
	}
	c := &Catalogue{Language: tag, texts: map[string]forms{}}
	for _, e := range entries(string(source)) {
		if err := c.add(e.text); err != nil {
			return nil, fmt.Errorf("%s.txt, line %d: %w", name, e.line, err)
		}
	}
	for key, f := range c.texts {
		if f[plural.Other] == nil {
			return nil, fmt.Errorf("%s.txt: %s has no form [other]", name, key)
		}
	}
	return c, nil
}

// entry is "key = text" with the line breaks of its continuation lines.
type entry struct {
	line int
	text string
}

func entries(source string) []entry {
	var all []entry
	for i, line := range strings.Split(source, "\n") {
		switch indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"); {
		case strings.TrimSpace(line) == "" || line[0] == '#':
		case indented && len(all) > 0:
			all[len(all)-1].text += "\n" + strings.TrimSpace(line)
		default:
			all = append(all, entry{i + 1, line})
		}
	}
	return all
}

var pluralForms = map[string]plural.Form{
	"": plural.Other, "other": plural.Other, "zero": plural.Zero, "one": plural.One, "two": plural.Two, "few": plural.Few, "many": plural.Many,
}

func (c *Catalogue) add(entry string) error {
	key, text, found := strings.Cut(entry, " = ")
	if !found || text == "" {
		return fmt.Errorf("%q is not key = text", entry)
	}
	key, form, _ := strings.Cut(strings.TrimSuffix(key, "]"), "[")
	which, known := pluralForms[form]
	if !known {
		return fmt.Errorf("there is no plural form [%s]", form)
	}
	message, err := cut(text)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if c.texts[key] == nil {
		c.texts[key] = forms{}
	}
	if c.texts[key][which] != nil {
		return fmt.Errorf("%s is there twice", key)
	}
	c.texts[key][which] = message
	return nil
}

// cut cuts a text into pieces.
func cut(text string) (Message, error) {
	var m Message
	open := ""
	for text != "" {
		i := strings.IndexAny(text, "{<")
		if i != 0 {
			if i < 0 {
				i = len(text)
			}
			m, text = append(m, Piece{Plain, text[:i]}), text[i:]
			continue
		}
		ending := map[byte]string{'{': "}", '<': ">"}[text[0]]
		name, rest, found := strings.Cut(text[1:], ending)
		if !found || name == "" {
			return nil, fmt.Errorf("%q has no end", text)
		}
		closed, isEnd := strings.CutPrefix(name, "/")
		switch {
		case text[0] == '{':
			m = append(m, Piece{Argument, name})
		case isEnd && closed == open:
			m, open = append(m, Piece{MarkEnds, closed}), ""
		case isEnd || open != "":
			return nil, fmt.Errorf("<%s> is in the wrong place", name)
		default:
			m, open = append(m, Piece{MarkBegins, name}), name
		}
		text = rest
	}
	if open != "" {
		return nil, fmt.Errorf("<%s> has no end", open)
	}
	return m, nil
}

// Has reports whether there is a text with this key.
func (c *Catalogue) Has(key string) bool { return c.texts[key] != nil }

// Message is the text with a key; of its plural forms, the one for a count. It panics when there is no such text: a test
// looks for the key of every call.
func (c *Catalogue) Message(key string, count int) Message {
	f, ok := c.texts[key]
	if !ok {
		panic("words: no text has the key " + key)
	}
	if len(f) > 1 {
		if m := f[plural.Cardinal.MatchPlural(c.Language, count, 0, 0, 0, 0)]; m != nil {
			return m
		}
	}
	return f[plural.Other]
}

// Text is the text with a key as plain text. The arguments are names and values in turn.
func (c *Catalogue) Text(key string, arguments ...any) string {
	var b strings.Builder
	for _, piece := range c.Message(key, Count(arguments)) {
		switch piece.Kind {
		case Plain:
			b.WriteString(piece.Text)
		case Argument:
			fmt.Fprint(&b, Value(arguments, piece.Text))
		}
	}
	return b.String()
}

// Value is the argument of a name among names and values. It panics when there is none: a test compares every call with its text.
func Value(arguments []any, name string) any {
	for i := 0; i+1 < len(arguments); i += 2 {
		if arguments[i] == name {
			return arguments[i+1]
		}
	}
	panic("words: no argument is called " + name)
}

// Count is the argument "count", which selects the plural form; 0 without one.
func Count(arguments []any) int {
	for i := 0; i+1 < len(arguments); i += 2 {
		if n, ok := arguments[i+1].(int); ok && arguments[i] == "count" {
			return n
		}
	}
	return 0
}

func must(c *Catalogue, err error) *Catalogue {
	if err != nil {
		panic(err) // the file is embedded, and tests read it
	}
	return c
}
