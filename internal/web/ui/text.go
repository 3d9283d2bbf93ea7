package ui

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Words is a text that a view carries: its key in package words, then names and values of its arguments. The page puts it into the
// person's language. Empty Words are false in a template.
type Words []any

// Text is the text with a key. The arguments are names and values in turn.
func Text(key string, arguments ...any) Words { return append(Words{key}, arguments...) }

// How an argument of a text is shown. A string stands for itself.
type (
	Name    string // a name that a stranger chose, isolated from the text around it
	Strong  string // the same in bold
	Code    string // as code
	Link    string // what is marked leads to this address of ours
	Element string // what is marked is in this HTML element
)

// Somebody is a person or an application without a name, as the key of the words for them in the middle of a sentence. At its start the
// words are those of the key with ".first".
type Somebody string

// at is the key for a place in a sentence.
func (s Somebody) at(place int) string {
	if place == 0 {
		return string(s) + ".first"
	}
	return string(s)
}

// speaker puts what views carry into one language.
type speaker struct{ *words.Catalogue }

// plain is a text without marks, for titles and attributes. In a template: {{text "key" "name" value}} or {{text .Words}}.
func (s speaker) plain(key any, arguments ...any) string {
	id, arguments := splitWords(key, arguments)
	shown := make([]any, len(arguments))
	for i, argument := range arguments {
		shown[i] = argument
		switch a := argument.(type) {
		case Name:
			shown[i] = s.name(string(a))
		case Strong:
			shown[i] = s.name(string(a))
		case Words:
			shown[i] = s.plain(a)
		case Moment:
			shown[i] = s.inWords(a)
		case time.Duration:
			shown[i] = s.Wait(a)
		}
	}
	return s.Text(id, shown...)
}

// say is a text as HTML, in which arguments and marks look as their types say. In a template: {{say "key" "name" (strong .Name)}}.
func (s speaker) say(key any, arguments ...any) (template.HTML, error) {
	id, arguments := splitWords(key, arguments)
	var b strings.Builder
	for place, piece := range s.Message(id, words.Count(arguments)) {
		if piece.Kind == words.Plain {
			b.WriteString(template.HTMLEscapeString(piece.Text))
			continue
		}
		value := words.Value(arguments, piece.Text)
		var html string
		var err error
		switch piece.Kind {
		case words.MarkBegins:
			html, err = beginMark(value)
		case words.MarkEnds:
			html, err = endMark(value)
		default:
			if somebody, ok := value.(Somebody); ok {
				value = Words{somebody.at(place)}
			}
			html, err = s.show(value)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %s: %w", id, piece.Text, err)
		}
		b.WriteString(html)
	}
	return template.HTML(b.String()), nil //nolint:gosec // pieces of our own catalogue and escaped values
}

// splitWords accepts a key with arguments, or Words.
func splitWords(key any, arguments []any) (string, []any) {
	if w, ok := key.(Words); ok {
		return w[0].(string), w[1:]
	}
	return key.(string), arguments
}

// show is an argument as HTML.
func (s speaker) show(value any) (string, error) {
	switch v := value.(type) {
	case Name:
		return "<bdi>" + template.HTMLEscapeString(s.name(string(v))) + "</bdi>", nil
	case Strong:
		return "<strong><bdi>" + template.HTMLEscapeString(s.name(string(v))) + "</bdi></strong>", nil
	case Code:
		return "<code>" + template.HTMLEscapeString(string(v)) + "</code>", nil
	case Moment:
		return string(s.moment(v)), nil
	case time.Duration:
		return template.HTMLEscapeString(s.Wait(v)), nil
	case Person:
		html := "<bdi>" + template.HTMLEscapeString(s.name(v.Email)) + "</bdi>"
		if v.Name != "" {
			html = "<strong><bdi>" + template.HTMLEscapeString(s.name(v.Name)) + "</bdi></strong> " + html
		}
		return html, nil
	case Words:
		html, err := s.say(v)
		return string(html), err
	case string, int:
		return template.HTMLEscapeString(fmt.Sprint(v)), nil
	}
	return "", fmt.Errorf("a %T cannot be shown", value)
}

// moment is a time for people, with the exact moment for programs, for those who point at it, and, where the words do not say it, for
// those who listen.
func (s speaker) moment(m Moment) template.HTML {
	if !m.Known() {
		return ""
	}
	inWords, exact := s.inWords(m), s.Exact(m.at)
	html := `<time datetime="` + m.at.UTC().Format(time.RFC3339) + `" title="` + template.HTMLEscapeString(exact) + `">` + template.HTMLEscapeString(inWords)
	if !m.now.IsZero() {
		html += `<span class="spoken"> (` + template.HTMLEscapeString(exact) + `)</span>`
	}
	return template.HTML(html + "</time>") //nolint:gosec // escaped above
}

// inWords is a time for people.
func (s speaker) inWords(m Moment) string {
	if m.now.IsZero() {
		return s.DateTime(m.at)
	}
	return s.Ago(m.at, m.now)
}

// name is a name that a stranger chose, fit to stand on a page.
func (s speaker) name(chosen string) string {
	if shown := PlainName(chosen); shown != "" {
		return shown
	}
	return s.Text("name.none")
}

func beginMark(value any) (string, error) {
	switch v := value.(type) {
	case Link:
		return `<a href="` + template.HTMLEscapeString(string(v)) + `">`, nil
	case Element:
		return "<" + string(v) + ">", nil
	}
	return "", fmt.Errorf("a %T is no mark", value)
}

func endMark(value any) (string, error) {
	switch v := value.(type) {
	case Link:
		return "</a>", nil
	case Element:
		return "</" + string(v) + ">", nil
	}
	return "", fmt.Errorf("a %T is no mark", value)
}
