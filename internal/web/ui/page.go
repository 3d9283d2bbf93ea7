package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"io/fs"
)

//go:embed *.html
var files embed.FS

// components is the layout and the components. It is cloned for each page, and never executed.
var components = template.Must(template.New("layout.html").Funcs(functions).ParseFS(files, "*.html"))

// functions are for every template.
var functions = template.FuncMap{
	"asset": Asset, "plain": PlainName, "reveal": reveal,
	"text": plainText, "say": say,
	"name":   func(s string) Name { return Name(s) },
	"strong": func(s string) Strong { return Strong(s) },
	"code":   func(s string) Code { return Code(s) },
	"link":   func(s string) Link { return Link(s) },
	"mark":   func(s string) Element { return Element(s) },
}

// Page is the template of a page, for views of one type.
type Page[V Framed] struct {
	template *template.Template
	name     string
}

// NewPage parses the template of a page. A template that does not parse stops the program at its start, not a person's request.
func NewPage[V Framed](files fs.FS, name string) Page[V] {
	return Page[V]{template.Must(template.Must(components.Clone()).ParseFS(files, name)), name}
}

// With is the page with what it shows.
func (p Page[V]) With(view V) Content { return Content{p.template, p.name, view} }

// Content is a page that can be written.
type Content struct {
	template *template.Template
	name     string
	view     Framed
}

// Name is the file name of the page's template.
func (c Content) Name() string { return c.name }

// View is what the page shows.
func (c Content) View() Framed { return c.view }

// Render writes the page. Nothing is written when the template fails, so that the caller can still answer with an error page.
func (c Content) Render(w io.Writer) error {
	var buf bytes.Buffer
	if err := c.template.Execute(&buf, c.view); err != nil {
		return fmt.Errorf("render %T: %w", c.view, err)
	}
	if _, err := buf.WriteTo(w); err != nil {
		return fmt.Errorf("write a page: %w", err)
	}
	return nil
}
