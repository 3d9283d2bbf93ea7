package flow

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// Authorize begins an authorization request and takes its first step (RFC 6749 §3.1).
func (f *Flow) Authorize(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	request, err := f.begin(r, values)
	if err != nil {
		return err
	}
	return f.step(w, r, request)
}

// AuthorizePosted begins a request that came as a form, which OpenID Connect Core §3.1.2.1 asks for. A form from another site comes
// without our SameSite cookie, so the browser is redirected to a GET, which sends it. Nothing is decided here, so no protection from
// other sites is needed.
func (f *Flow) AuthorizePosted(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Form(r)
	if err != nil {
		return err
	}
	request, err := f.begin(r, values)
	if err != nil {
		return err
	}
	return f.resume(w, request)
}

func (f *Flow) begin(r *http.Request, values url.Values) (authz.Request, error) {
	request, err := f.authz.Begin(r.Context(), oauth.NewParams(values))
	if _, verified := errors.AsType[*authz.RedirectError](err); verified || err == nil {
		route.TraceOf(r.Context()).Client = values.Get("client_id")
	}
	return request, err
}

// resume sends the browser to the request's next step.
func (f *Flow) resume(w http.ResponseWriter, request authz.Request) error {
	sealed, err := f.authz.Seal(request)
	if err != nil {
		return err
	}
	route.SeeOther(w, stepURL("/o/consent/", sealed))
	return nil
}

// Continue shows the next step of a sealed request.
func (f *Flow) Continue(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	sealed, err := route.Field(values, "request")
	if err != nil {
		return err
	}
	request, err := f.authz.Open(sealed)
	if err != nil {
		return err
	}
	return f.step(w, r, request)
}

// step takes the next step of a request: a page, or the answer.
func (f *Flow) step(w http.ResponseWriter, r *http.Request, request authz.Request) error {
	next, err := f.authz.Arrive(r.Context(), request, authn.SessionID(f.Cookie(r, browser.SessionCookie)))
	if err != nil {
		return err
	}
	return f.showNext(w, r, next, nil)
}

// showNext answers with what authz decided. problem is a sentence for the consent page, or empty.
func (f *Flow) showNext(w http.ResponseWriter, r *http.Request, next authz.Next, problem ui.Words) error {
	route.TraceOf(r.Context()).Client = string(next.Client.ID)
	if next.Step == authz.Answer {
		return f.respond(w, r, next.Response)
	}
	sealed, err := f.authz.Seal(next.Request)
	if err != nil {
		return err
	}
	var page ui.Content
	status := http.StatusOK
	switch next.Step {
	case authz.SelectAccount:
		page = f.selectAccountPage(r, next, sealed)
	case authz.Consent:
		page = f.consentPage(r, next, sealed, problem)
		if len(problem) > 0 {
			status = http.StatusUnprocessableEntity
		}
	case authz.NoTeam, authz.NoAccess:
		page = f.refusalPage(r, next, sealed)
		status = http.StatusForbidden
	default: // SignIn
		route.SeeOther(w, stepURL("/login/", sealed))
		return nil
	}
	return f.Show(w, r, status, page, formTarget(next.Request.RedirectURI))
}
