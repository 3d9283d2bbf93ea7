package ui_test

import (
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui/uitest"
)

// component is a view for one component.
type component struct {
	ui.Frame
	Of any
}

// show renders a component in a page of its own, without the layout.
func show(t *testing.T, name string, of any) string {
	t.Helper()
	files := fstest.MapFS{"page.html": {Data: []byte(`{{define "main"}}{{template "` + name + `" .Of}}{{end}}`)}}
	frame := ui.Frame{Title: ui.Text("home.title"), ServerName: "Gatehouse"}
	page := uitest.HTML(t, ui.NewPage[component](files, "page.html").With(component{frame, of}))
	_, rest, _ := strings.Cut(page, `<main id="main" tabindex="-1">`)
	inside, _, _ := strings.Cut(rest, "</main>")
	return inside
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestComponents(t *testing.T) {
	address, name := ui.Text("sign_in.email"), ui.Text("sign_in.password")
	for golden, html := range map[string]string{
		"field_email": show(t, "field", ui.Field{
			ID: "email", Name: "email", Kind: ui.Email, Label: address, Value: `"<ada>`, Autocomplete: "username", Failed: true,
		}),
		"field_password": show(t, "field", ui.Field{
			ID: "new", Name: "new", Kind: ui.Password, Label: name, Value: "never shown", Advice: ui.Text("password.advice", "count", 15), MaxLength: 100, Failed: true,
		}),
		"failures":    show(t, "failures", ui.Failures{{Field: "email", Text: ui.Text("sign_in.wrong")}, {Text: ui.Text("consent.changed")}}),
		"no_failures": show(t, "failures", ui.Failures(nil)),
		"table": show(t, "table", ui.Table{
			Caption: ui.Text("own_teams.heading"), Columns: []ui.Words{ui.Text("own_teams.applications"), address, ui.Text("own_teams.history")},
			Rows: [][]any{
				{ui.Name("Weekly Report"), ui.Code("ada@example.com"), ui.ClockAt(noon, nil).Ago(noon.Add(-time.Hour))},
				{ui.Name(uitest.Markup), uitest.Markup, ui.Text("history.none")},
			},
		}),
		"confirmation": show(t, "confirmation", ui.Confirmation{
			Action: "/teams/x/", Hidden: []ui.Hidden{{Name: "client", Value: uitest.Markup}}, Text: ui.Text("consent.heading", "application", ui.Strong(uitest.Markup)),
			Button: ui.Button{Name: "decision", Value: "end", Text: ui.Text("team_applications.block_application", "application", ui.Name(uitest.Markup))},
			Stay:   ui.Text("flow.cancel"), Back: "/",
		}),
		"empty":      show(t, "empty", ui.Empty{Lead: ui.Text("history.none"), More: ui.Text("account_applications.none_more")}),
		"filter":     show(t, "filter", ui.Filter{Action: "/a/", Name: "kind", Label: ui.Text("history.show"), Everything: ui.Text("history.everything"), Choices: []ui.Choice{{Value: "x", Label: address, Chosen: true}}, ButtonLabel: ui.Text("history.show")}),
		"pagination": show(t, "pagination", ui.Pagination{Newest: "/a/", Older: "/a/?before=1"}),
	} {
		t.Run(golden, func(t *testing.T) {
			uitest.Elements(t, html)
			uitest.Golden(t, golden, html)
		})
	}
}

// A row with another number of cells than the table has columns is a mistake of the page, and no page is better than a wrong one.
func TestTableRefusesAnUnevenRow(t *testing.T) {
	files := fstest.MapFS{"page.html": {Data: []byte(`{{define "main"}}{{template "table" .Of}}{{end}}`)}}
	table := ui.Table{Caption: ui.Text("home.title"), Columns: []ui.Words{ui.Text("home.title")}, Rows: [][]any{{"a", "b"}}}
	page := ui.NewPage[component](files, "page.html").With(component{ui.Frame{Title: ui.Text("home.title")}, table})
	if err := page.Render(io.Discard); err == nil || !strings.Contains(err.Error(), "2 cells") {
		t.Error("a row of two cells fits a table of one column")
	}
}

func TestLayout(t *testing.T) {
	files := fstest.MapFS{"page.html": {Data: []byte(`{{define "main"}}<h1></h1>{{end}}`)}}
	page := ui.NewPage[component](files, "page.html")
	for name, frame := range map[string]ui.Frame{
		"layout":           {Title: ui.Text("home.title"), ServerName: "Gatehouse"},
		"layout_signed_in": {Title: ui.Text("consent.title", "application", ui.Name(uitest.Markup)), ServerName: uitest.Markup, Account: uitest.Markup},
		"layout_quiet":     {Title: ui.Text("sign_in.title"), Failed: true, Quiet: true, ServerName: "Gatehouse", Account: "ada@example.com"},
	} {
		t.Run(name, func(t *testing.T) { uitest.Golden(t, name, uitest.HTML(t, page.With(component{Frame: frame}))) })
	}
}

func TestMoments(t *testing.T) {
	utc, berlin := ui.ClockAt(noon, nil), ui.ClockAt(noon, time.FixedZone("CET", 3600))
	if (ui.Moment{}).Known() || utc.Ago(time.Time{}).Known() || !utc.Ago(noon).Known() {
		t.Error("only a zero time is unknown")
	}
	earlier := noon.Add(-13 * time.Hour)
	for name, of := range map[string]ui.Moment{
		"moment_ago": utc.Ago(earlier), "moment_ago_zone": berlin.Ago(earlier), "moment_date": utc.OnDate(earlier), "moment_date_zone": berlin.OnDate(earlier),
		"moment_unknown": utc.Ago(time.Time{}),
	} {
		uitest.Golden(t, name, show(t, "moment", of))
	}
}
