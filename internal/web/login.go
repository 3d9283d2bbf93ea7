package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// maxHint is the longest e-mail address that can be (RFC 5321 §4.5.3.1).
const maxHint = 254

// askSignIn is the sign-in page, for an authorization request that waits, or for a page of ours.
func (s *server) askSignIn(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r)
	if err != nil {
		return err
	}
	sealed, err := field(values, "request")
	if err != nil {
		return err
	}
	target, err := field(values, "next")
	if err != nil {
		return err
	}
	view, redirectURI, err := s.signInPage(r, sealed, target)
	if err != nil {
		return err
	}
	if values.Get("switch") != "" { // asked for by the person, not by the application
		view.Again, view.Email = false, ""
	}
	return s.show(w, r, http.StatusOK, view, redirectURI)
}

// signInPage is the sign-in page without what was typed, and the redirect URI of the request that waits.
func (s *server) signInPage(r *http.Request, sealed, target string) (loginView, string, error) {
	session, err := s.session(r)
	if err != nil {
		return loginView{}, "", err
	}
	view := loginView{Chrome: s.chrome(r, "", session), Sealed: sealed, Next: relative(target)}
	if sealed == "" {
		return view, "", nil
	}
	request, err := s.Authz.Open(sealed)
	if err != nil {
		return loginView{}, "", err
	}
	next, err := s.Authz.Next(r.Context(), request, session)
	if err != nil {
		return loginView{}, "", err
	}
	traceOf(r.Context()).client = string(next.Client.ID)
	view.Application = next.Client.Name
	view.Email = hintedEmail(request.LoginHint)
	// id_token_hint may be about somebody else than who is signed in.
	another := session != nil && request.Hinted != "" && request.Hinted != session.User.ID
	if session != nil && next.Step == authz.SignIn && !another {
		view.Again, view.Email = true, session.User.Email
	}
	return view, request.RedirectURI, nil
}

// hintedEmail is a login_hint as the e-mail to begin with, when it can be one (OpenID Connect Core §3.1.2.1). It is a suggestion of the application's, shown and nothing more.
func hintedEmail(hint string) string {
	if len(hint) > maxHint || !strings.Contains(hint, "@") || strings.ContainsFunc(hint, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return ""
	}
	return hint
}

// signIn checks a password, and goes on to where the person wanted to go.
func (s *server) signIn(w http.ResponseWriter, r *http.Request) error {
	sent, err := fields(r, "email", "password", "request", "next")
	if err != nil {
		return err
	}
	email, password, sealed, target := sent[0], sent[1], sent[2], sent[3]
	if sealed != "" {
		// A request that can no longer be answered is better said before the password is checked than after.
		if _, err := s.Authz.Open(sealed); err != nil {
			return err
		}
	}
	signedIn, err := s.Authn.SignIn(r.Context(), authn.SignInRequest{
		Email: email, Password: password, Address: traceOf(r.Context()).address,
		Browser: s.cookie(r, browserCookie), Replaces: s.cookie(r, sessionCookie),
	})
	if err != nil {
		return s.signInFailed(w, r, err, email, sealed, target)
	}
	s.setSession(w, signedIn)
	switch target := relative(target); {
	case sealed != "":
		seeOther(w, stepURL("/o/consent/", sealed))
	case target != "":
		seeOther(w, target)
	default:
		seeOther(w, "/")
	}
	return nil
}

// signInFailed shows the page again. It says the same of an unknown e-mail and of a wrong password.
func (s *server) signInFailed(w http.ResponseWriter, r *http.Request, err error, email, sealed, target string) error {
	throttled, tooMany := errors.AsType[*limit.ThrottledError](err)
	if !tooMany && !errors.Is(err, authn.ErrSignInFailed) {
		return err
	}
	view, redirectURI, pageErr := s.signInPage(r, sealed, target)
	if pageErr != nil {
		return pageErr
	}
	view.Email = email
	if tooMany {
		s.logError(r, err)
		w.Header().Set("Retry-After", retryAfter(throttled.Wait))
		view.Error = "There were too many attempts. Wait " + inWords(throttled.Wait) + ", then try again."
		return s.show(w, r, http.StatusTooManyRequests, view, redirectURI)
	}
	if err := s.recordFailure(r, email); err != nil {
		return err
	}
	view.Error = "The e-mail address or the password is wrong."
	return s.show(w, r, http.StatusUnprocessableEntity, view, redirectURI)
}

// recordFailure keeps that somebody failed to sign in. What was typed is not kept: it may be a password in the wrong field. An unknown e-mail leaves a
// row as well, which the limits bound: if it did not, the time that writing takes would tell which e-mails are known.
func (s *server) recordFailure(r *http.Request, email string) error {
	if s.Audit == nil {
		return nil
	}
	user, err := s.Directory.People.UserByEmail(r.Context(), team.NormalizeEmail(email)) // whose error does not quote it
	if err != nil && !errors.Is(err, team.ErrNoUser) {
		return err
	}
	t := traceOf(r.Context())
	return s.Audit.Record(r.Context(), audit.Event{
		At: s.Now(), Kind: audit.SignInFailed, User: string(user.ID), Address: t.address.String(), RequestID: t.id,
	})
}

// relative is target when it is a place on this server, else "". What begins with "//" or "/\" is another host to a browser.
func relative(target string) string {
	if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") || strings.ContainsRune(target, '\\') ||
		strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	if _, err := url.Parse(target); err != nil {
		return ""
	}
	return target
}
