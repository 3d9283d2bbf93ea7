package web

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// selectAccountPage asks whether to go on as the person who is signed in (prompt=select_account).
func (s *server) selectAccountPage(r *http.Request, next authz.Next, sealed string) selectAccountView {
	return selectAccountView{
		Chrome: s.chrome(r, "", &next.Session), Sealed: sealed,
		Application: next.Client.Name, Name: next.Session.User.Name, Email: next.Session.User.Email,
	}
}

// selectAccount goes on as this person, or as another one, or not at all.
func (s *server) selectAccount(w http.ResponseWriter, r *http.Request) error {
	sent, err := fields(r, "request", "decision")
	if err != nil {
		return err
	}
	sealed, decision := sent[0], sent[1]
	request, err := s.Authz.Open(sealed)
	if err != nil {
		return err
	}
	switch decision {
	case "continue":
		session, err := s.session(r)
		if err != nil {
			return err
		}
		if session != nil { // else the next step is to sign in, and that chooses
			request.SelectedUser = session.User.ID
		}
		return s.resume(w, request)
	case "another":
		seeOther(w, stepURL("/login/", sealed)+"&switch=1")
		return nil
	case "cancel":
		return s.cancel(w, r, request)
	}
	return oauth.InvalidRequest.Errorf("decision must be continue, another or cancel")
}
