package web

import "net/http"

// home is the start page.
func (s *server) home(w http.ResponseWriter, r *http.Request) error {
	session, err := s.session(r)
	if err != nil {
		return err
	}
	view := homeView{Chrome: s.chrome(r, "", session)}
	if session != nil {
		view.Name = session.User.Name
		memberships, err := s.Directory.Teams.Memberships(r.Context(), session.User.ID)
		if err != nil {
			return err
		}
		view.Teams = ownTeams(memberships)
		replays, err := s.replays(r.Context(), session.User.ID, memberships)
		if err != nil {
			return err
		}
		view.Replays = len(replays)
	}
	return s.show(w, r, http.StatusOK, view)
}
