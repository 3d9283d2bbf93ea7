package web

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
)

// askSignOut asks first: a GET must not sign anybody out.
func (s *server) askSignOut(w http.ResponseWriter, r *http.Request) error {
	session, err := s.session(r)
	if err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, signedOutView{Chrome: s.chrome(r, "", session), Confirm: session != nil})
}

// signOut ends the session on the server.
func (s *server) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := noForm(r); err != nil {
		return err
	}
	session, err := s.session(r)
	if err != nil {
		return err
	}
	if err := s.endOwnSession(w, r, session); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, signedOutView{Chrome: s.chrome(r, "", nil)})
}

// endOwnSession ends the browser's session. The browser stays known, so that signing in again is not throttled with strangers.
func (s *server) endOwnSession(w http.ResponseWriter, r *http.Request, session *authn.Session) error {
	if err := s.Authn.SignOut(as(r, session), s.cookie(r, sessionCookie)); err != nil {
		return err
	}
	s.setCookie(w, sessionCookie, "", 0)
	return nil
}
