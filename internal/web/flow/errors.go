package flow

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var errorPage = ui.NewPage[errorView](files, "error.html")

// errorView is an error page.
type errorView struct {
	ui.Frame
	Status    int
	Sentence  ui.Words        // what happened
	Advice    ui.Words        // what the person can do
	Way       ui.Words        // the text of the link that helps, or empty
	WayTo     string          // where that leads
	Home      bool            // links to the start page: the person did not come from an application
	Developer []developerFact // exactly what was wrong, folded away
	Guide     guidePlace      // what the developer should read
}

// guidePlace is a section of the guide for developers: the anchor of its heading.
type guidePlace string

const (
	guideRegister   guidePlace = "step-1-register-your-application"
	guideRequest    guidePlace = "step-2-send-the-person-to-us"
	guideFailure    guidePlace = "when-authorization-fails"
	guideSigningOut guidePlace = "sign-the-person-out"
)

// developerFact is a line for the developer of the application. Value is shown character for character.
type developerFact struct {
	Label ui.Words
	Value string
}

// Fail writes the error page. An error that may travel to the redirect URI goes there instead.
func (f *Flow) Fail(w http.ResponseWriter, r *http.Request, err error) {
	f.addFailure(r, err)
	if redirect, ok := errors.AsType[*authz.RedirectError](err); ok {
		if err = f.respond(w, r, redirect.Response); err == nil {
			return
		}
		f.Errors.Report(r, err)
	}
	view := errorOnPage(r, err)
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
	}
	if view.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", route.RetryAfter(route.UnavailableWait))
	}
	account := f.account(r, view.Status)
	view.Frame = f.Frame(r, nil, view.Title)
	view.Account, view.Failed = account, true
	if signingOut(err) {
		view.notSignedOut()
	}
	if err := f.ShowError(w, r, view.Status, errorPage.With(view)); err != nil {
		f.Errors.Report(r, err)
		http.Error(w, view.Language.Text("error.plain", "request_id", route.TraceOf(r.Context()).ID), http.StatusInternalServerError)
	}
}

// addFailure gathers a failure for those who build the application that it is about.
func (f *Flow) addFailure(r *http.Request, err error) {
	if refused, ok := errors.AsType[*authz.PageError](err); ok {
		route.AddFailure(f.requests, r, f.Now(), refused.Err, usage.Failure{Client: string(refused.ClientID), Received: usage.URI(refused.Received)})
	}
	if redirect, ok := errors.AsType[*authz.RedirectError](err); ok {
		route.AddFailure(f.requests, r, f.Now(), redirect.Response.Err, usage.Failure{Client: string(redirect.ClientID)})
	}
}

// account is the e-mail of the person who is signed in; it finds out their language too. When the server failed, it is known only if the session
// was read before: the
// database may be what failed.
func (f *Flow) account(r *http.Request, status int) string {
	trace := route.TraceOf(r.Context())
	if status < 500 && !trace.Profiled {
		session, err := f.Session(r) // it sets the account
		if err != nil {
			f.Errors.Report(r, err)
		}
		f.Speak(r, session)
	}
	return trace.Account
}

// Decline answers a request that no person made, for example a prefetch. The person who sees this after all can open the page.
func (f *Flow) Decline(w http.ResponseWriter, r *http.Request) error {
	view := errorOfKind(http.StatusServiceUnavailable, "error.unasked")
	view.Frame = f.Frame(r, nil, view.Title)
	view.Failed = true
	if page := relative(r.URL.RequestURI()); page != "" && r.Method == http.MethodGet {
		view.Way, view.WayTo = ui.Text("error.unasked.open"), page
	}
	return f.ShowError(w, r, view.Status, errorPage.With(view))
}

// errorOfKind is what the page of a kind of error says: the texts "key.title", "key" and "key.advice".
func errorOfKind(status int, key string, arguments ...any) errorView {
	return errorView{
		Frame: ui.Frame{Title: ui.Text(key + ".title")}, Status: status, Sentence: ui.Text(key, arguments...), Advice: ui.Text(key+".advice", arguments...),
	}
}

// errorOnPage is what the error page says.
func errorOnPage(r *http.Request, err error) errorView {
	if p, ok := errors.AsType[*route.Problem](err); ok {
		view := errorOfKind(p.Status, p.Words, append(slices.Clone(p.Arguments), "page", ui.Link(r.URL.EscapedPath()))...)
		view.Home = true
		return view
	}
	if p, ok := errors.AsType[*authz.PageError](err); ok {
		return refusedRequest(p)
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		return errorOfKind(http.StatusTooManyRequests, "error.throttled", "wait", throttled.Wait)
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		view := errorOfKind(http.StatusRequestEntityTooLarge, "error.too_large")
		view.Developer = []developerFact{{ui.Text("error.body_limit"), fmt.Sprint(tooLarge.Limit)}}
		view.Guide = guideRequest
		return view
	}
	if errors.Is(err, token.ErrWrongClock) {
		return errorOfKind(http.StatusServiceUnavailable, "error.wrong_clock")
	}
	code, description := oauth.Outside(err)
	switch code {
	case oauth.ServerError:
		return errorOfKind(http.StatusInternalServerError, "error.server")
	case oauth.TemporarilyUnavailable:
		return errorOfKind(http.StatusServiceUnavailable, "error.unavailable")
	}
	view := errorOfKind(http.StatusBadRequest, "error.request")
	view.Developer, view.Guide = protocolError(code, description), guideRequest
	return view
}

// refusedRequest is the page for a request that must not be redirected. The person learns that the application made a mistake, the
// developer exactly which one.
func refusedRequest(p *authz.PageError) errorView {
	view := errorOfKind(http.StatusBadRequest, "error.refused")
	if p.Client != "" {
		view.Sentence = ui.Text("error.refused_application", "application", ui.Name(p.Client))
	}
	if errors.Is(p, token.ErrExpired) || errors.Is(p, token.ErrNotOurs) {
		view = errorOfKind(http.StatusBadRequest, "error.expired")
		view.wayBack(p)
	}
	view.Guide = guideOf(p)
	view.Developer = protocolError(oauth.Outside(p.Err))
	if p.Client != "" {
		view.Developer = append(view.Developer, developerFact{ui.Text("error.application"), p.Client})
	}
	if p.Received != "" {
		view.Developer = append(view.Developer, developerFact{ui.Text("error.received"), p.Received})
	}
	return view
}

// guideOf is what the developer of a refused request should read.
func guideOf(p *authz.PageError) guidePlace {
	switch {
	case p.SigningOut:
		return guideSigningOut
	case p.Received != "": // a client_id or a redirect URI that is not registered
		return guideRegister
	}
	return guideFailure
}

// wayBack links to the application of a request that has expired.
func (v *errorView) wayBack(p *authz.PageError) {
	if p.Back != "" {
		v.Way, v.WayTo = ui.Text("error.back_to_application", "application", ui.Name(p.Client)), p.Back
	}
}

// signingOut reports whether an error kept the person from signing out.
func signingOut(err error) bool {
	if p, ok := errors.AsType[*route.Problem](err); ok {
		return p.SigningOut
	}
	p, ok := errors.AsType[*authz.PageError](err)
	return ok && p.SigningOut
}

// notSignedOut says whether the person is still signed in, and how to sign out all the same.
func (v *errorView) notSignedOut() {
	if v.Account == "" {
		v.Advice = ui.Text("error.signing_out.nobody")
		return
	}
	v.Title, v.Advice = ui.Text("error.signing_out.title"), ui.Text("error.signing_out.advice")
	v.Way, v.WayTo = ui.Text("layout.sign_out"), "/logout/"
}

// protocolError is the error as the protocol's parameters, whose names are not translated.
func protocolError(code oauth.Code, description string) []developerFact {
	return []developerFact{{ui.Text("error.parameter", "name", "error"), string(code)}, {ui.Text("error.parameter", "name", "error_description"), description}}
}
