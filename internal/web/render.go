package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"reflect"
)

//go:embed templates
var templateFiles embed.FS

// pages holds, for each view, the layout with that view's template inside. Parsed once: a template that does not parse stops the program
// at its start, not a person at theirs.
var pages = map[reflect.Type]*template.Template{
	reflect.TypeFor[homeView]():          parsePage("home"),
	reflect.TypeFor[loginView]():         parsePage("login"),
	reflect.TypeFor[selectAccountView](): parsePage("select_account"),
	reflect.TypeFor[consentView]():       parsePage("consent"),
	reflect.TypeFor[refusalView]():       parsePage("refusal"),
	reflect.TypeFor[errorView]():         parsePage("error"),
	reflect.TypeFor[signedOutView]():     parsePage("signed_out"),
	reflect.TypeFor[documentView]():      parsePage("document"),
	reflect.TypeFor[formPostView]():      parsePage("form_post"),

	reflect.TypeFor[accountView]():             parsePage("account"),
	reflect.TypeFor[accountApplicationsView](): parsePage("account_applications"),
	reflect.TypeFor[passwordView]():            parsePage("account_password"),
	reflect.TypeFor[teamApplicationsView]():    parsePage("team_applications"),
	reflect.TypeFor[auditView]():               parsePage("audit"),
}

// parsePage puts the template of one view into the layout.
func parsePage(name string) *template.Template {
	return template.Must(template.New("layout.html").
		Funcs(template.FuncMap{"asset": asset, "plain": plain, "reveal": reveal}).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/connections.html", "templates/"+name+".html"))
}

// render writes the page of a view, which may be a pointer. Nothing is written when the template fails, so that the caller can still
// answer with an error page.
func render(w io.Writer, view any) error {
	page, ok := pages[viewType(view)]
	if !ok {
		return fmt.Errorf("render: no template for a %T", view)
	}
	var buf bytes.Buffer
	if err := page.Execute(&buf, view); err != nil {
		return fmt.Errorf("render %T: %w", view, err)
	}
	if _, err := buf.WriteTo(w); err != nil {
		return fmt.Errorf("write a page: %w", err)
	}
	return nil
}

// viewType is the struct behind a view.
func viewType(view any) reflect.Type {
	kind := reflect.TypeOf(view)
	if kind != nil && kind.Kind() == reflect.Pointer {
		return kind.Elem()
	}
	return kind
}
