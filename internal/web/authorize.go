package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// authorize begins an authorization request and takes its first step (RFC 6749 §3.1).
func (s *server) authorize(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r)
	if err != nil {
		return err
	}
	request, err := s.begin(r, values)
	if err != nil {
		return err
	}
	return s.step(w, r, request)
}

// authorizePosted begins a request that came as a form, which OpenID Connect Core §3.1.2.1 asks for. A form from another site comes without our
// SameSite cookie, so the browser is sent on with a GET, which brings it. Nothing is decided here, so it needs no protection from other sites.
func (s *server) authorizePosted(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	request, err := s.begin(r, values)
	if err != nil {
		return err
	}
	return s.resume(w, request)
}

func (s *server) begin(r *http.Request, values url.Values) (authz.Request, error) {
	request, err := s.Authz.Begin(r.Context(), oauth.NewParams(values))
	if _, verified := errors.AsType[*authz.RedirectError](err); verified || err == nil {
		traceOf(r.Context()).client = values.Get("client_id")
	}
	return request, err
}

// resume sends the browser to the request's next step.
func (s *server) resume(w http.ResponseWriter, request authz.Request) error {
	sealed, err := s.Authz.Seal(request)
	if err != nil {
		return err
	}
	seeOther(w, stepURL("/o/consent/", sealed))
	return nil
}

// stepURL is a page of ours for a sealed request.
func stepURL(path, sealed string) string {
	return path + "?" + url.Values{"request": {sealed}}.Encode()
}

// showStep shows the next step of a sealed request.
func (s *server) showStep(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r)
	if err != nil {
		return err
	}
	sealed, err := field(values, "request")
	if err != nil {
		return err
	}
	request, err := s.Authz.Open(sealed)
	if err != nil {
		return err
	}
	return s.step(w, r, request)
}

// step takes the next step of a request: a page, or the answer.
func (s *server) step(w http.ResponseWriter, r *http.Request, request authz.Request) error {
	next, err := s.Authz.Arrive(r.Context(), request, authn.SessionID(s.cookie(r, sessionCookie)))
	if err != nil {
		return err
	}
	return s.showNext(w, r, next, "")
}

// showNext answers with what authz decided. problem is a sentence for the consent page, or "".
func (s *server) showNext(w http.ResponseWriter, r *http.Request, next authz.Next, problem string) error {
	traceOf(r.Context()).client = string(next.Client.ID)
	if next.Step == authz.Answer {
		return s.respond(w, r, next.Response)
	}
	sealed, err := s.Authz.Seal(next.Request)
	if err != nil {
		return err
	}
	var view any
	status := http.StatusOK
	switch next.Step {
	case authz.SelectAccount:
		view = s.selectAccountPage(r, next, sealed)
	case authz.Consent:
		view = s.consentPage(r, next, sealed, problem)
		if problem != "" {
			status = http.StatusUnprocessableEntity
		}
	case authz.NoTeam, authz.NoAccess:
		view = s.refusalPage(r, next, sealed)
		status = http.StatusForbidden
	default: // SignIn
		seeOther(w, stepURL("/login/", sealed))
		return nil
	}
	return s.show(w, r, status, view, next.Request.RedirectURI)
}

// refusalPage is for a person who has no team that the request could be for. A team is named only as the request named it: the page is the same
// whether there is such a team or not, and a team client's own team is not named at all.
func (s *server) refusalPage(r *http.Request, next authz.Next, sealed string) refusalView {
	view := refusalView{
		Chrome: s.chrome(r, "", &next.Session), Sealed: sealed,
		Application: next.Client.Name, Email: next.Session.User.Email, NoTeam: next.Step == authz.NoTeam,
	}
	if next.Client.Global() {
		view.Team = next.Request.Team
	}
	return view
}
