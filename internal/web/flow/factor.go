package flow

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var factorPage = ui.NewPage[factorView](files, "factor.html")

// factorView asks for what is missing of a sign-in.
type factorView struct {
	ui.Frame
	Sealed      string // the pending request, or ""
	Next        string // a relative target, or ""
	Attempt     string // the id of the attempt
	Email       string
	Application string // the application that waits, or ""
	Raises      bool   // the person is signed in, and the application wants to be surer
	Needs       authn.Needs
	Passkey     ui.Passkey
	Failures    ui.Failures
}

// Fields are the fields of the form; none when only a passkey will do.
func (v factorView) Fields() []ui.Field {
	failed := len(v.Failures) > 0 && v.Failures[0].Field != ""
	switch n := v.Needs; {
	case n.Password:
		return []ui.Field{
			{ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("sign_in.email"), Value: v.Email, Autocomplete: "username", Fixed: true},
			{ID: "password", Name: "password", Kind: ui.Password, Label: ui.Text("sign_in.password"), Autocomplete: "current-password", Failed: failed},
		}
	case n.Code && n.Recovery:
		return []ui.Field{{
			ID: "code", Name: "code", Kind: ui.Identifier, Label: ui.Text("factor.code"), Advice: ui.Text("factor.code_or_recovery"), Autocomplete: "one-time-code", Failed: failed,
		}}
	case n.Code:
		return []ui.Field{{ID: "code", Name: "code", Kind: ui.Identifier, Label: ui.Text("factor.code"), Autocomplete: "one-time-code", Failed: failed}}
	case n.Recovery:
		return []ui.Field{{ID: "code", Name: "code", Kind: ui.Identifier, Label: ui.Text("factor.recovery"), Advice: ui.Text("factor.recovery_advice"), Autocomplete: "off", Failed: failed}}
	}
	return nil
}

// Scripted reports that the page has a passkey, or a password to show.
func (v factorView) Scripted() bool { return v.Passkey.Options != "" || v.Needs.Password }

// ShowFactor is the page that asks for what is missing of the sign-in in this browser. Without one, it is the sign-in page.
func (f *Flow) ShowFactor(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	sealed, err := route.Field(values, "request")
	if err != nil {
		return err
	}
	target, err := route.Field(values, "next")
	if err != nil {
		return err
	}
	target = relative(target)
	if f.Cookie(r, browser.AttemptCookie) == "" && values.Get("begun") != "" {
		return f.showNoCookies(w, r, signInURL(sealed, target), ui.Text("no_cookies.not_kept"))
	}
	view, err := f.factorView(w, r, sealed, target)
	if errors.Is(err, authn.ErrNoAttempt) {
		route.SeeOther(w, signInURL(sealed, target))
		return nil
	}
	if err != nil {
		return err
	}
	return f.ShowLeading(w, r, http.StatusOK, factorPage.With(view))
}

// factorView is the page before anything was typed. authn.ErrNoAttempt.
func (f *Flow) factorView(w http.ResponseWriter, r *http.Request, sealed, target string) (factorView, error) {
	waiting, err := f.Authn.Waiting(r.Context(), f.Cookie(r, browser.AttemptCookie))
	if err == nil && waiting.Needs.Nothing() {
		err = authn.ErrNoAttempt
	}
	if err != nil {
		return factorView{}, err
	}
	view := factorView{
		Frame: f.quietFrame(r, nil, ui.Text("factor.title")), Sealed: sealed, Next: target, Attempt: waiting.ID, Email: waiting.Email, Raises: waiting.Raises, Needs: waiting.Needs,
	}
	if sealed != "" {
		next, err := f.authz.SignInPage(r.Context(), sealed, f.browser(r))
		if err != nil {
			return factorView{}, err
		}
		f.trace(r, next)
		view.Sealed, view.Application = next.Sealed, next.Client.Name
	}
	if waiting.Needs.Passkey {
		view.Passkey, err = f.passkeyForm(w, r, waitingFor{waiting.ID, !waiting.Needs.Code})
	}
	return view, err
}

// ProveFactor checks a code, or a password after a passkey.
func (f *Flow) ProveFactor(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "attempt", "code", "password", "request", "next")
	if err != nil {
		return err
	}
	id, code, password, sealed, target := sent[0], sent[1], sent[2], sent[3], relative(sent[4])
	if err := f.pending(r, sealed); err != nil {
		return err
	}
	request := f.FactorRequest(r, id)
	var signedIn authn.SignedIn
	if password != "" {
		request.Password = password
		signedIn, err = f.Authn.ProvePassword(r.Context(), request)
	} else {
		request.Code = code
		signedIn, err = f.Authn.ProveCode(r.Context(), request)
	}
	if err != nil {
		return f.factorFailed(w, r, err, sealed, target)
	}
	return f.signedIn(w, r, signedIn, sealed, target)
}

// raise asks for what is missing of a session that is to be stronger, or goes on when it is strong enough. A person who has no second factor adds one
// first.
func (f *Flow) raise(w http.ResponseWriter, r *http.Request, want authn.Level, sealed, target string) error {
	err := f.Authn.Raise(r.Context(), f.Cookie(r, browser.SessionCookie), want)
	if pending, ok := errors.AsType[*authn.PendingError](err); ok {
		query := url.Values{"next": {target}}
		if sealed != "" {
			query = url.Values{"request": {sealed}}
		}
		f.AskFactor(w, pending, query)
		return nil
	}
	if errors.Is(err, authn.ErrNoFactor) && sealed == "" {
		route.SeeOther(w, "/account/security/")
		return nil
	}
	if errors.Is(err, authn.ErrNoFactor) {
		target := stepURL("/account/security/", sealed)
		if want == authn.PhishingResistant {
			target += "&need=passkey"
		}
		route.SeeOther(w, target)
		return nil
	}
	if err != nil && !errors.Is(err, authn.ErrNoSession) {
		return err
	}
	if sealed != "" {
		continueAt(w, sealed)
		return nil
	}
	route.SeeOther(w, target)
	return nil
}

// pending reports why a sealed request cannot go on. That it has expired is no reason not to sign in.
func (f *Flow) pending(r *http.Request, sealed string) error {
	if sealed == "" {
		return nil
	}
	if err := f.authz.Pending(r.Context(), sealed); err != nil && !errors.Is(err, token.ErrExpired) {
		return err
	}
	return nil
}

// factorFailed shows the page again, or the sign-in page when the attempt is over.
func (f *Flow) factorFailed(w http.ResponseWriter, r *http.Request, err error, sealed, target string) error {
	throttled, tooMany := errors.AsType[*limit.ThrottledError](err)
	wrongCode, wrongPassword := errors.Is(err, authn.ErrWrongCode), errors.Is(err, authn.ErrSignInFailed)
	if !tooMany && !wrongCode && !wrongPassword {
		return f.signInFailed(w, r, err, "", sealed, target) // the attempt is over, or something else is missing
	}
	view, pageErr := f.factorView(w, r, sealed, target)
	if errors.Is(pageErr, authn.ErrNoAttempt) {
		return f.signInFailed(w, r, pageErr, "", sealed, target)
	}
	if pageErr != nil {
		return pageErr
	}
	view.Failed = true
	if tooMany {
		if err := f.RecordThrottled(r, view.Email, throttled); err != nil {
			return err
		}
		f.Errors.Report(r, err)
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
		view.Failures = ui.Failures{{Text: ui.Text("sign_in.throttled", "wait", throttled.Wait)}}
		return f.ShowLeading(w, r, http.StatusTooManyRequests, factorPage.With(view))
	}
	if err := f.RecordFailure(r, view.Email); err != nil {
		return err
	}
	view.Failures = ui.Failures{{Field: "code", Text: ui.Text("factor.wrong")}}
	if wrongPassword {
		view.Failures = ui.Failures{{Field: "password", Text: ui.Text("factor.wrong_password")}}
	}
	return f.ShowLeading(w, r, http.StatusUnprocessableEntity, factorPage.With(view))
}

// waitingFor is the attempt that a passkey goes on with.
type waitingFor struct {
	attempt string // its id, or ""
	verify  bool   // the device has to ask who holds it
}

// passkeyForm is the part of a form by which a passkey signs in; the zero Passkey where there are none.
func (f *Flow) passkeyForm(w http.ResponseWriter, r *http.Request, on waitingFor) (ui.Passkey, error) {
	if !f.Authn.HasPasskeys() {
		return ui.Passkey{}, nil
	}
	ceremony, err := f.Authn.AskPasskey(f.Bind(w, r), on.verify)
	if err != nil {
		return ui.Passkey{}, err
	}
	return ui.Passkey{Action: "/login/passkey/", Options: ceremony.Options, Challenge: ceremony.Sealed, Conditional: on.attempt == ""}, nil
}

// SignInWithPasskey signs in with a passkey, or goes on with a sign-in that has begun.
func (f *Flow) SignInWithPasskey(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "attempt", "challenge", "answer", "request", "next")
	if err != nil {
		return err
	}
	id, sealed, target := sent[0], sent[3], relative(sent[4])
	if err := f.pending(r, sealed); err != nil {
		return err
	}
	signedIn, err := f.Authn.SignInWithPasskey(r.Context(), f.PasskeyRequest(r, id, sent[1], sent[2]))
	if err != nil {
		return f.signInFailed(w, r, err, "", sealed, target)
	}
	return f.signedIn(w, r, signedIn, sealed, target)
}
