package web

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
)

// passwordView asks for the old and the new password.
type passwordView struct {
	Chrome
	Problem string // one sentence, or ""
	Current bool   // the problem is with the current password, else with the new one
}

// Tab is which of the account's pages this is.
func (passwordView) Tab() string { return "password" }

// askPassword is the page to change the password on.
func (s *server) askPassword(w http.ResponseWriter, r *http.Request, session *authn.Session) error {
	return s.show(w, r, http.StatusOK, passwordView{Chrome: s.chrome(r, "", session)})
}

// changePassword replaces the password of whoever knows the current one: a browser that was left open is not enough. It signs out every other browser.
func (s *server) changePassword(w http.ResponseWriter, r *http.Request, session *authn.Session) error {
	sent, err := fields(r, "current", "new", "again")
	if err != nil {
		return err
	}
	current, chosen, again := sent[0], sent[1], sent[2]
	view := passwordView{Chrome: s.chrome(r, "", session)}
	if chosen != again {
		view.Problem = "The new password was not typed the same way twice."
		return s.show(w, r, http.StatusUnprocessableEntity, view)
	}
	signedIn, err := s.Authn.ChangePassword(r.Context(), authn.SignInRequest{
		Email: session.User.Email, Password: current, Address: traceOf(r.Context()).address,
		Browser: s.cookie(r, browserCookie), Replaces: s.cookie(r, sessionCookie),
	}, chosen)
	if err != nil {
		return s.passwordRefused(w, r, view, err)
	}
	s.setSession(w, signedIn)
	return s.seeDone(w, "/account/", deed{User: session.User.ID, What: donePassword})
}

// passwordRefused shows the page again with what is wrong.
func (s *server) passwordRefused(w http.ResponseWriter, r *http.Request, view passwordView, err error) error {
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		s.logError(r, err)
		w.Header().Set("Retry-After", retryAfter(throttled.Wait))
		view.Current, view.Problem = true, "There were too many attempts. Wait "+inWords(throttled.Wait)+", then try again."
		return s.show(w, r, http.StatusTooManyRequests, view)
	}
	if weak, ok := errors.AsType[*authn.WeakPasswordError](err); ok {
		view.Problem = weak.Advice
	} else if errors.Is(err, authn.ErrSignInFailed) {
		view.Current, view.Problem = true, "The current password is wrong."
		if err := s.recordFailure(r, view.Account); err != nil {
			return err
		}
	} else {
		return err
	}
	return s.show(w, r, http.StatusUnprocessableEntity, view)
}

// setSession gives the browser the cookies of a sign-in.
func (s *server) setSession(w http.ResponseWriter, signedIn authn.SignedIn) {
	s.setCookie(w, sessionCookie, signedIn.Cookie.Reveal(), signedIn.Session.ExpiresAt.Sub(s.Now()))
	s.setCookie(w, browserCookie, signedIn.Browser, browserCookieLifetime)
}
