package flow

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var needFactorPage = ui.NewPage[needFactorView](files, "need_factor.html")

// needFactorView is for a person who signed in without a second factor, which the team of the request requires. They can add or use one, or cancel.
type needFactorView struct {
	ui.Frame
	Sealed      string
	Application string
	Person      ui.Person
	Team        string // the one that requires it; "" when several do
	Required    bool   // the operator requires it
	Asks        bool   // it is the application that asks for it
	Passkey     bool   // and nothing less than a passkey will do
	Stronger    string // where a second factor is used, or added
}

// strongerURL is where somebody who is signed in uses a second factor for a request, or adds one.
func strongerURL(sealed string) string { return stepURL("/login/", sealed) + "&stronger=1" }

func (f *Flow) needFactorPage(r *http.Request, next authz.Next) ui.Content {
	view := needFactorView{
		Frame: f.quietFrame(r, &next.Session, ui.Text("need_factor.title")), Sealed: next.Sealed, Application: next.Client.Name,
		Person: ui.Person{Email: next.Session.User.Email}, Stronger: strongerURL(next.Sealed),
	}
	view.Required, view.Asks, view.Passkey = next.Required, next.Lacks > 0, next.Lacks == authn.PhishingResistant
	if view.Passkey {
		view.Title = ui.Text("need_factor.title_passkey")
	}
	if len(next.Teams) == 1 {
		view.Team = next.Teams[0].Team.Name
	}
	return needFactorPage.With(view)
}
