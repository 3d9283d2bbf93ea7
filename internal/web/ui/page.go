package ui

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"sync"

	"github.com/gatehouse-auth/gatehouse/internal/words"
)

//go:embed *.html
var files embed.FS

// components is the layout and the components. It is cloned for each page, and never executed.
var components = template.Must(template.New("layout.html").Funcs(functions(words.English)).ParseFS(files, "*.html"))

// functions are for every template, in one language.
func functions(language *words.Catalogue) template.FuncMap {
	s := speaker{language}
	return template.FuncMap{
		"asset": Asset, "reveal": reveal,
		"lang": language.Code, "text": s.plain, "say": s.say, "moment": s.moment, "plain": s.name, "cells": s.cells,
		"name":   func(s string) Name { return Name(s) },
		"strong": func(s string) Strong { return Strong(s) },
		"code":   func(s string) Code { return Code(s) },
		"link":   func(s string) Link { return Link(s) },
		"mark":   func(s string) Element { return Element(s) },
	}
}

// Page is the template of a page, for views of one type.
type Page[V Framed] struct{ template *translated }

// translated is a page's template in each language. A language is added when the first page in it is written.
type translated struct {
	source    *template.Template // never executed, because only then can it be cloned
	name      string
	languages sync.Map // of *words.Catalogue to *template.Template
}

// in is the template whose functions speak a language.
func (t *translated) in(language *words.Catalogue) (*template.Template, error) {
	if known, ok := t.languages.Load(language); ok {
		return known.(*template.Template), nil
	}
	clone, err := t.source.Clone()
	if err != nil {
		return nil, fmt.Errorf("translate %s: %w", t.name, err)
	}
	known, _ := t.languages.LoadOrStore(language, clone.Funcs(functions(language)))
	return known.(*template.Template), nil
}

// NewPage parses the template of a page. A template that does not parse stops the program at its start, not a person's request.
func NewPage[V Framed](files fs.FS, name string) Page[V] {
	source := template.Must(template.Must(components.Clone()).ParseFS(files, name))
	return Page[V]{&translated{source: source, name: name}}
}

// With is the page with what it shows, in the language of its frame.
func (p Page[V]) With(view V) Content {
	return Content{p.template, cmp.Or(view.language(), words.English), view}
}

// Content is a page that can be written.
type Content struct {
	template *translated
	language *words.Catalogue
	view     Framed
}

// Name is the file name of the page's template.
func (c Content) Name() string { return c.template.name }

// View is what the page shows.
func (c Content) View() Framed { return c.view }

// Scripted reports that the page has a script of ours.
func (c Content) Scripted() bool { return c.view.Scripted() }

// Language is the language of the page.
func (c Content) Language() *words.Catalogue { return c.language }

// In is the same page in another language.
func (c Content) In(language *words.Catalogue) Content {
	c.language = language
	return c
}

// Render writes the page. Nothing is written when the template fails, so that the caller can still answer with an error page.
func (c Content) Render(w io.Writer) error {
	t, err := c.template.in(c.language)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := t.Execute(&buf, c.view); err != nil {
		return fmt.Errorf("render %T: %w", c.view, err)
	}
	if _, err := buf.WriteTo(w); err != nil {
		return fmt.Errorf("write a page: %w", err)
	}
	return nil
}
