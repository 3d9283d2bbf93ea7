package flow

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/words"
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
	if redirect, ok := errors.AsType[*authz.RedirectError](err); ok {
		if err = f.respond(w, r, redirect.Response); err == nil {
			return
		}
		f.Errors.Report(r, err)
	}
	view := errorOnPage(err)
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
	}
	if view.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", route.RetryAfter(route.UnavailableWait))
	}
	view.Frame = f.Frame(r, nil, titleOf(view.Status))
	view.Account, view.Failed = f.account(r, view.Status), true
	if page, ok := errors.AsType[*authz.PageError](err); ok && page.SigningOut {
		view.notSignedOut()
	}
	if err := f.ShowError(w, r, view.Status, errorPage.With(view)); err != nil {
		f.Errors.Report(r, err)
		http.Error(w, words.English.Text("error.plain", "request_id", route.TraceOf(r.Context()).ID), http.StatusInternalServerError)
	}
}

// account is the e-mail of the person who is signed in. When the server failed, it is known only if the session was read before: the
// database may be what failed.
func (f *Flow) account(r *http.Request, status int) string {
	trace := route.TraceOf(r.Context())
	if status < 500 && trace.Account == "" {
		if _, err := f.Session(r); err != nil { // it sets the account
			f.Errors.Report(r, err)
		}
	}
	return trace.Account
}

// Decline answers a request that no person made, for example a prefetch. The person who sees this after all can open the page.
func (f *Flow) Decline(w http.ResponseWriter, r *http.Request) error {
	view := errorView{
		Frame: f.Frame(r, nil, ui.Text("error.title_unasked")), Status: http.StatusServiceUnavailable,
		Sentence: ui.Text("error.unasked"), Advice: ui.Text("error.unasked.advice"),
	}
	view.Failed = true
	return f.ShowError(w, r, view.Status, errorPage.With(view))
}

func titleOf(status int) ui.Words {
	switch {
	case status == http.StatusNotFound:
		return ui.Text("error.title_not_found")
	case status == http.StatusForbidden:
		return ui.Text("error.title_forbidden")
	case status == http.StatusTooManyRequests:
		return ui.Text("error.title_throttled")
	case status == http.StatusServiceUnavailable:
		return ui.Text("error.title_unavailable")
	case status >= 500:
		return ui.Text("error.title_server")
	}
	return ui.Text("error.title_request")
}

// errorOnPage is what the error page says.
func errorOnPage(err error) errorView {
	if p, ok := errors.AsType[*route.Problem](err); ok {
		return errorView{Status: p.Status, Sentence: ui.Text(p.Words, p.Arguments...), Advice: ui.Text(p.Words + ".advice"), Home: true}
	}
	if p, ok := errors.AsType[*authz.PageError](err); ok {
		return refusedRequest(p)
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		return errorView{
			Status: http.StatusTooManyRequests, Sentence: ui.Text("error.throttled"),
			Advice: ui.Text("error.throttled.advice", "wait", words.English.Wait(throttled.Wait)),
		}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errorView{
			Status: http.StatusRequestEntityTooLarge, Sentence: ui.Text("error.too_large"), Advice: ui.Text("error.too_large.advice"),
			Developer: []developerFact{{ui.Text("error.body_limit"), ui.Plain(ui.Text("error.bytes", "count", int(tooLarge.Limit)))}}, Guide: guideRequest,
		}
	}
	if errors.Is(err, token.ErrWrongClock) {
		return errorView{Status: http.StatusServiceUnavailable, Sentence: ui.Text("error.wrong_clock"), Advice: ui.Text("error.wrong_clock.advice")}
	}
	code, description := oauth.Outside(err)
	switch code {
	case oauth.ServerError:
		return errorView{Status: http.StatusInternalServerError, Sentence: ui.Text("error.server"), Advice: ui.Text("error.server.advice")}
	case oauth.TemporarilyUnavailable:
		return errorView{Status: http.StatusServiceUnavailable, Sentence: ui.Text("error.unavailable"), Advice: ui.Text("error.unavailable.advice")}
	}
	return errorView{
		Status: http.StatusBadRequest, Sentence: ui.Text("error.request"), Advice: ui.Text("error.request.advice"),
		Developer: protocolError(code, description), Guide: guideRequest,
	}
}

// refusedRequest is the page for a request that must not be redirected. The person learns that the application made a mistake, the
// developer exactly which one.
func refusedRequest(p *authz.PageError) errorView {
	view := errorView{Status: http.StatusBadRequest, Sentence: ui.Text("error.refused"), Advice: ui.Text("error.refused.advice"), Guide: guideOf(p)}
	if p.Client != "" {
		view.Sentence = ui.Text("error.refused_application", "application", ui.Name(p.Client))
	}
	if errors.Is(p, token.ErrExpired) || errors.Is(p, token.ErrNotOurs) {
		view.Sentence, view.Advice = ui.Text("error.expired"), ui.Text("error.expired.advice")
		view.wayBack(p)
	}
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

// notSignedOut says whether the person is still signed in, and how to sign out all the same.
func (v *errorView) notSignedOut() {
	if v.Account == "" {
		v.Advice = ui.Text("error.signing_out.nobody")
		return
	}
	v.Advice = ui.Text("error.signing_out.advice")
	v.Way, v.WayTo = ui.Text("layout.sign_out"), "/logout/"
}

// protocolError is the error as the protocol's parameters, whose names are not translated.
func protocolError(code oauth.Code, description string) []developerFact {
	return []developerFact{{ui.Text("error.parameter", "name", "error"), string(code)}, {ui.Text("error.parameter", "name", "error_description"), description}}
}
