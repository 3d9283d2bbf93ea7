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
	next, err := f.authz.Begin(r.Context(), oauth.NewParams(values), f.browser(r))
	if _, verified := errors.AsType[*authz.RedirectError](err); verified {
		route.TraceOf(r.Context()).Client = values.Get("client_id")
	}
	if err != nil {
		route.TraceOf(r.Context()).Locales = locales(values)
		return err
	}
	return f.showNext(w, r, next, nil)
}

// locales is ui_locales of a request that was refused, for the error page.
func locales(values url.Values) string {
	if all := values.Get("ui_locales"); len(all) <= oauth.MaxLocalesLength {
		return all
	}
	return ""
}

// AuthorizePosted begins a request that came as a form, which OpenID Connect Core §3.1.2.1 asks for. A form from another site comes
// without our SameSite cookie, so the browser is redirected to a GET, which sends it. Nothing is decided here, so no protection from
// other sites is needed.
func (f *Flow) AuthorizePosted(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Form(r)
	if err != nil {
		return err
	}
	route.TraceOf(r.Context()).Locales = locales(values)
	sealed, err := f.authz.Accept(r.Context(), oauth.NewParams(values))
	if _, verified := errors.AsType[*authz.RedirectError](err); verified || err == nil {
		route.TraceOf(r.Context()).Client = values.Get("client_id")
	}
	if err != nil {
		return err
	}
	continueAt(w, sealed)
	return nil
}

// continueAt sends the browser to the next step of a sealed request.
func continueAt(w http.ResponseWriter, sealed string) {
	route.SeeOther(w, stepURL("/o/consent/", sealed))
}

// browser is the browser as authz knows it.
func (f *Flow) browser(r *http.Request) authz.Browser {
	return authz.Browser{Session: authn.SessionID(f.Cookie(r, browser.SessionCookie))}
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
	next, err := f.authz.Continue(r.Context(), sealed, f.browser(r))
	if err != nil {
		return err
	}
	return f.showNext(w, r, next, nil)
}

// showNext answers with what authz decided. failures are for the consent page.
func (f *Flow) showNext(w http.ResponseWriter, r *http.Request, next authz.Next, failures ui.Failures) error {
	f.trace(r, next)
	var page ui.Content
	status := http.StatusOK
	switch next.Step {
	case authz.Answer:
		return f.respond(w, r, next.Response)
	case authz.SelectAccount:
		page = f.selectAccountPage(r, next)
	case authz.Consent:
		page = f.consentPage(r, next, failures)
		if len(failures) > 0 {
			status = http.StatusUnprocessableEntity
		}
	case authz.NoTeam, authz.NoAccess:
		page = f.refusalPage(r, next)
		status = http.StatusForbidden
	case authz.NeedFactor:
		page = f.needFactorPage(r, next)
		status = http.StatusForbidden
	case authz.NeedApproval:
		return f.showWaiting(w, r, next, nil)
	case authz.NeedProvider:
		page = f.needProviderPage(r, next)
		status = http.StatusForbidden
	case authz.StepUp:
		route.SeeOther(w, strongerURL(next.Sealed))
		return nil
	case authz.NoCookies:
		return f.showNoCookies(w, r, stepURL("/login/", next.Sealed), ui.Text("no_cookies.not_kept"))
	default: // SignIn
		route.SeeOther(w, stepURL("/login/", next.Sealed))
		return nil
	}
	return f.ShowLeading(w, r, status, page)
}

// trace notes for the log whose request it is, and who is signed in.
func (f *Flow) trace(r *http.Request, next authz.Next) {
	t := route.TraceOf(r.Context())
	t.Client = string(next.Client.ID)
	t.Locales = next.UILocales
	if next.Session.User.Email != "" {
		f.Authn.Seen(next.Session.ID, t.Address)
		t.Account = next.Session.User.Email
	}
}
