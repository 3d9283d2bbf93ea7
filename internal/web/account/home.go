package account

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var homePage = ui.NewPage[homeView](files, "home.html")

// homeView is the page at "/".
type homeView struct {
	ui.Frame
	Name    string // of the person, or ""
	Avatar  ui.Avatar
	Grants  int // how many connections they have
	Teams   ui.OwnTeams
	Replays int // how many times a code or a refresh token of theirs was used twice lately
}

func (room *Room) home(w http.ResponseWriter, r *http.Request) error {
	session, err := room.Session(r)
	if err != nil {
		return err
	}
	if room.FactorFirst(w, r, session) {
		return nil
	}
	view := homeView{Frame: room.Frame(r, session, ui.Text("home.title"))}
	if session != nil {
		profile, err := room.Profile(r, session)
		if err != nil {
			return err
		}
		view.Name, view.Avatar = session.User.Name, ui.Avatar{Name: session.User.Name, Picture: profile.Picture}
		actor, memberships, err := room.Directory.Acting(r.Context(), session.User)
		if err != nil {
			return err
		}
		values, err := route.Query(r)
		if err != nil {
			return err
		}
		grants, err := room.Authz.Grants(r.Context(), actor, authz.GrantFilter{User: session.User.ID})
		if err != nil {
			return err
		}
		query, err := route.Field(values, "team")
		if err != nil {
			return err
		}
		view.Teams, view.Grants = ownTeams(session.User.Email, memberships, grants, "/", query), len(grants)
		view.Teams.New = room.newTeam(r.Context(), actor)
		replays, err := room.replays(r.Context(), actor, memberships, ui.ClockAt(room.Now(), profile.Location()))
		if err != nil {
			return err
		}
		view.Replays = len(replays)
	}
	if session == nil {
		return room.ShowToAll(w, r, http.StatusOK, homePage.With(view))
	}
	return room.Show(w, r, http.StatusOK, homePage.With(view))
}
