package flow

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var refusalPage = ui.NewPage[refusalView](files, "refusal.html")

// refusalView is for a person who has no team that the request could be for. They can sign in as another person, or cancel.
type refusalView struct {
	ui.Frame
	Sealed      string
	Application string
	Person      ui.Person
	NoTeam      bool   // the person has no team at all; else they are not in the team of the request
	New         string // the page to create a team; "" when the person may not
	Team        string // the team as the request named it; "" when it must not be shown
}

// refusalPage names a team only as the request named it, so that the page is the same whether or not the team exists. A team client's
// own team is not named at all.
func (f *Flow) refusalPage(r *http.Request, next authz.Next) ui.Content {
	view := refusalView{
		Frame: f.quietFrame(r, &next.Session, ui.Text("refusal.no_access_title")), Sealed: next.Sealed,
		Application: next.Client.Name, Person: ui.Person{Email: next.Session.User.Email}, NoTeam: next.Step == authz.NoTeam,
	}
	if view.NoTeam {
		view.Title = ui.Text("refusal.no_team_title")
		if f.Directory.MayCreateTeam(r.Context(), team.ActingUser(next.Session.User, nil)) == nil {
			view.New = stepURL("/teams/new/", next.Sealed)
		}
	}
	if next.Client.Global() {
		view.Team = next.Team
	}
	return refusalPage.With(view)
}
