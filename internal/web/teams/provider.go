package teams

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// providerChoice is what the team could require instead.
type providerChoice struct{ Name, Href string }

// signInRules fills in which provider the team requires, and what it could require.
func (room *Room) signInRules(r *request, view *settingsView) error {
	required, err := room.Directory.RequiredProvider(r.Context(), r.actor, r.team.Slug)
	if err != nil {
		return gone(err)
	}
	if required.Provider != "" {
		view.Provider, view.AnySignIn = room.Providers.Name(required.Provider), r.path("settings/provider/")
		_, err := room.Providers.ByID(required.Provider)
		view.ProviderGone = err != nil
	}
	for _, p := range room.Providers.All() {
		if p.ID != required.Provider {
			view.Providers = append(view.Providers, providerChoice{p.Settings.Name, r.path("settings/provider/") + "?provider=" + p.ID})
		}
	}
	return nil
}

// providerView asks before the team requires a provider, or none, and says what that means.
func (room *Room) providerView(r *request) (view confirmView, id string, err error) {
	values, err := route.Query(r.Request.Request)
	if err != nil {
		return confirmView{}, "", err
	}
	if id, err = route.Field(values, "provider"); err != nil {
		return confirmView{}, "", err
	}
	view = confirmView{Frame: r.frame(), Action: r.URL.RequestURI(), Back: r.path("settings/")}
	if id == "" {
		view.Heading, view.Button = ui.Text("team_provider.none_title", "team", ui.Name(r.team.Name)), ui.Text("team_provider.none_button")
		view.Lead = []ui.Words{ui.Text("team_provider.none_means", "team", ui.Strong(r.team.Name))}
		return view, "", nil
	}
	counts, err := room.Directory.IfRequired(r.Context(), r.actor, r.team.Slug, id)
	if errors.Is(err, team.ErrNoProvider) {
		return confirmView{}, "", &route.Problem{Status: http.StatusNotFound, Description: err.Error(), Words: "problem.not_found"}
	}
	if err != nil {
		return confirmView{}, "", gone(err)
	}
	name := ui.Name(room.Providers.Name(id))
	view.Heading, view.Button = ui.Text("team_provider.title", "provider", name, "team", ui.Name(r.team.Name)), ui.Text("team_provider.button", "provider", name)
	view.Lead = []ui.Words{
		ui.Text("team_provider.means", "provider", name, "team", ui.Strong(r.team.Name)),
		ui.Text("team_provider.without", "provider", name, "count", counts.Without, "members", counts.Members),
		ui.Text("team_provider.connections", "count", counts.Connections),
	}
	return view, id, nil
}

func (room *Room) askProvider(w http.ResponseWriter, r *request) error {
	view, _, err := room.providerView(r)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request.Request, http.StatusOK, confirmPage.With(view))
}

// requireProvider says which sign-in the team requires.
func (room *Room) requireProvider(w http.ResponseWriter, r *request) error {
	_, id, err := room.providerView(r)
	if err != nil {
		return err
	}
	if err := route.NoForm(r.Request.Request); err != nil {
		return err
	}
	if _, err := room.Directory.RequireProvider(r.Context(), r.actor, r.team.Slug, id); err != nil {
		return gone(err)
	}
	return r.Notify(w, r.path("settings/"), browser.Notice{What: noticeProvider, Application: room.providerName(id), Team: r.team.Name, TeamID: r.team.ID})
}

// providerName is a provider's name; "" for none.
func (room *Room) providerName(id string) string {
	if id == "" {
		return ""
	}
	return room.Providers.Name(id)
}
