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
		memberships, err := s.Directory.Store.Memberships(r.Context(), session.User.ID)
		if err != nil {
			return err
		}
		for _, m := range memberships {
			view.Teams = append(view.Teams, m.Team.Name)
		}
	}
	return s.show(w, r, http.StatusOK, view)
}
