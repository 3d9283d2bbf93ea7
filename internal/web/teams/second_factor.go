package teams

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// requireFactorView asks before a second factor is required of the members, or no longer. It says how many have none.
func (room *Room) requireFactorView(r *request) (confirmView, error) {
	now, err := room.Directory.SecondFactor(r.Context(), r.actor, r.team.Slug)
	if err != nil {
		return confirmView{}, gone(err)
	}
	in := ui.Name(r.team.Name)
	view := confirmView{
		Frame: r.frame(), Heading: ui.Text("team_factor.ask_on", "team", in), Action: r.Address(), Back: r.path("settings/"),
		Name: "required", Value: "on", Button: ui.Text("team_factor.button_on"),
		Lead: []ui.Words{ui.Text("team_factor.means"), ui.Text("team_factor.without", "count", now.Without, "members", now.Members)},
	}
	if now.Without == 0 {
		view.Lead[1] = ui.Text("team_factor.without_none")
	}
	if now.Required {
		view.Heading, view.Value, view.Button = ui.Text("team_factor.ask_off", "team", in), "off", ui.Text("team_factor.button_off")
		view.Lead = []ui.Words{ui.Text("team_factor.means_off")}
	}
	return view, nil
}

func (room *Room) askRequireFactor(w http.ResponseWriter, r *request) error {
	view, err := room.requireFactorView(r)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request.Request, http.StatusOK, confirmPage.With(view))
}

// requireFactor says whether members need a second factor.
func (room *Room) requireFactor(w http.ResponseWriter, r *request) error {
	sent, err := route.Fields(r.Request.Request, "required")
	if err != nil {
		return err
	}
	if sent[0] != "on" && sent[0] != "off" {
		return oauth.InvalidRequest.Errorf("required must be on or off")
	}
	if _, err := room.Directory.RequireSecondFactor(r.Context(), r.actor, r.team.Slug, sent[0] == "on"); err != nil {
		return gone(err)
	}
	what := noticeFactorOff
	if sent[0] == "on" {
		what = noticeFactorOn
	}
	return r.Notify(w, r.path("settings/"), browser.Notice{What: what, Team: r.team.Name, TeamID: r.team.ID})
}
