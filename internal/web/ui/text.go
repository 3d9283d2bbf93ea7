package ui

import (
	"fmt"
	"html/template"
	"strings"

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

// plainText is a text without marks, for titles and attributes. In a template: {{text "key" "name" value}} or {{text .Words}}.
func plainText(key any, arguments ...any) string {
	id, arguments := splitWords(key, arguments)
	shown := make([]any, len(arguments))
	for i, argument := range arguments {
		shown[i] = argument
		switch a := argument.(type) {
		case Name:
			shown[i] = PlainName(string(a))
		case Strong:
			shown[i] = PlainName(string(a))
		case Words:
			shown[i] = plainText(a)
		case Moment:
			shown[i] = a.Words()
		}
	}
	return words.English.Text(id, shown...)
}

// Plain is a text without marks.
func Plain(w Words) string { return plainText(w) }

// say is a text as HTML, in which arguments and marks look as their types say. In a template: {{say "key" "name" (strong .Name)}}.
func say(key any, arguments ...any) (template.HTML, error) {
	id, arguments := splitWords(key, arguments)
	var b strings.Builder
	for _, piece := range words.English.Message(id, words.Count(arguments)) {
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
			html, err = show(value)
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
func show(value any) (string, error) {
	switch v := value.(type) {
	case Name:
		return "<bdi>" + template.HTMLEscapeString(PlainName(string(v))) + "</bdi>", nil
	case Strong:
		return "<strong><bdi>" + template.HTMLEscapeString(PlainName(string(v))) + "</bdi></strong>", nil
	case Code:
		return "<code>" + template.HTMLEscapeString(string(v)) + "</code>", nil
	case Moment:
		return `<time datetime="` + v.Exact() + `">` + template.HTMLEscapeString(v.Words()) + "</time>", nil
	case Person:
		html := "<bdi>" + template.HTMLEscapeString(PlainName(v.Email)) + "</bdi>"
		if v.Name != "" {
			html = "<strong><bdi>" + template.HTMLEscapeString(PlainName(v.Name)) + "</bdi></strong> " + html
		}
		return html, nil
	case Words:
		html, err := say(v)
		return string(html), err
	case string, int:
		return template.HTMLEscapeString(fmt.Sprint(v)), nil
	}
	return "", fmt.Errorf("a %T cannot be shown", value)
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
