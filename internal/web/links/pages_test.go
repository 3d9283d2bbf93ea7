package links

import (
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui/uitest"
)

var ada = ui.Person{Name: "Ada Obi", Email: "ada@example.com"}

func frame(title string, failed bool) ui.Frame {
	return ui.Frame{Title: ui.Text(title), Quiet: true, Failed: failed, ServerName: "Gatehouse", RequestID: "7RNQ4M2XW5KZ3B6A"}
}

func reset(change func(*resetView)) ui.Content {
	v := resetView{
		Least: 15,
		Frame: frame("reset.title", false), Action: "/login/reset/", Link: "gh_ln_SAMPLE.SAMPLE.0123456789", Person: ada,
		Lead: ui.Text("reset.lead"), Consequence: ui.Text("reset.consequence"), Button: ui.Text("reset.button"),
	}
	change(&v)
	v.Failed = len(v.Failures) > 0
	return resetPage.With(v)
}

var samples = uitest.Samples{
	"forgot": forgotPage.With(forgotView{Frame: frame("forgot.title", false), Mails: true}),
	"forgot_error": forgotPage.With(forgotView{
		Frame: frame("forgot.title", true), Mails: true, Email: uitest.Markup, Failures: ui.Failures{{Field: "email", Text: ui.Text("forgot.no_address")}},
	}),
	"forgot_asked":   forgotPage.With(forgotView{Frame: frame("forgot.asked_title", false), Mails: true, Asked: true}),
	"forgot_no_mail": forgotPage.With(forgotView{Frame: frame("forgot.title", false)}),
	"reset":          reset(func(*resetView) {}),
	"reset_error": reset(func(v *resetView) {
		v.Failures = ui.Failures{{Field: "new", Text: ui.Text("password.differ")}}
		v.Connections = []ui.Words{ui.Text("reset.connection", "application", ui.Name("Weekly Report"), "team", ui.Name("Clinic North"))}
		v.End = true
	}),
	"reset_hostile": reset(func(v *resetView) {
		v.Person.Email, v.Link = uitest.Markup, uitest.Markup
		v.Connections = []ui.Words{ui.Text("reset.connection", "application", ui.Name(uitest.Markup), "team", ui.Name(uitest.Backwards))}
	}),
	"confirm": confirmPage.With(confirmView{frame("email.change_title", false), ui.Confirmation{
		Action: "/account/email/change/", Hidden: []ui.Hidden{{Name: "link", Value: uitest.Markup}}, Text: ui.Text("email.change_ask", "email", ui.Strong(uitest.Markup)),
		Button: ui.Button{Text: ui.Text("email.change_yes")}, Stay: ui.Text("email.stay"), Back: "/account/email/",
	}}),
	"done": donePage.With(doneView{
		Frame: frame("reset.done_title", false), Lead: ui.Text("reset.done"), More: ui.Text("reset.done_more"), Button: ui.Text("home.sign_in"), To: "/login/",
	}),
}

func TestPages(t *testing.T) { uitest.Check(t, samples) }
