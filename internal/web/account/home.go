package account

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var homePage = ui.NewPage[homeView](files, "home.html")

// homeView is the page at "/".
type homeView struct {
	ui.Frame
	Name    string // of the person, or ""
	Teams   ui.OwnTeams
	Replays int // how many times a code or a refresh token of theirs was used twice lately
}

func (room *Room) home(w http.ResponseWriter, r *http.Request) error {
	session, err := room.Session(r)
	if err != nil {
		return err
	}
	view := homeView{Frame: room.Frame(r, session, ui.Text("home.title"))}
	if session != nil {
		profile, err := room.Profile(r, session)
		if err != nil {
			return err
		}
		view.Name = session.User.Name
		actor, memberships, err := room.Directory.Acting(r.Context(), session.User)
		if err != nil {
			return err
		}
		view.Teams = ownTeams(session.User.Email, memberships)
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
