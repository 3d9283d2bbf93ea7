package flow

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// maxHint is the longest e-mail address that can be (RFC 5321 §4.5.3.1).
const maxHint = 254

var signInPage = ui.NewPage[signInView](files, "sign_in.html")

// signInView is the sign-in page.
type signInView struct {
	ui.Frame
	Sealed      string // the pending request, or ""
	Next        string // a relative target, or ""
	Email       string // as typed before
	Failures    ui.Failures
	Application string // the application that waits, or ""
	Again       bool   // the application asked for a fresh sign-in
	SignedIn    bool   // nobody has to sign in
	Passkey     ui.Passkey
	SignUp      string       // the page to make an account, or ""
	Mails       bool         // the server sends mails, so it can send a link to set a new password
	Providers   ui.Providers // at which the person can sign in instead
	session     *authn.Session
}

// Fields are the fields of the form. Too many attempts are not the fault of what was typed.
func (v signInView) Fields() []ui.Field {
	wrong := slices.ContainsFunc(v.Failures, func(f ui.Failure) bool { return f.Field != "" })
	return []ui.Field{
		{
			ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("sign_in.email"), Value: v.Email,
			Autocomplete: v.Passkey.Beside("username"), Failed: wrong,
		},
		{
			ID: "password", Name: "password", Kind: ui.Password, Label: ui.Text("sign_in.password"),
			Autocomplete: "current-password", Failed: wrong,
		},
	}
}

// Scripted reports that the page has a password to show.
func (signInView) Scripted() bool { return true }

// AskSignIn is the sign-in page, for an authorization request that waits, or for a page of ours.
func (f *Flow) AskSignIn(w http.ResponseWriter, r *http.Request) error {
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
	if values.Get("signed_in") != "" && sealed == "" {
		return f.checkCookie(w, r, relative(target))
	}
	if sealed != "" {
		if err := f.authz.Pending(r.Context(), sealed); err != nil {
			return err
		}
		if values.Get("stronger") != "" { // a team requires it, or acr_values asks for it
			want, err := f.authz.Stronger(r.Context(), sealed, f.browser(r))
			if err != nil {
				return err
			}
			return f.raise(w, r, want, sealed, "")
		}
	}
	if values.Get("stronger") != "" && sealed == "" { // the operator requires it
		return f.raise(w, r, authn.TwoFactors, "", cmp.Or(relative(target), "/"))
	}
	view, err := f.signInPage(w, r, sealed, target)
	if err != nil {
		return err
	}
	switch another := values.Get("switch") != ""; { // the person asked for this page, not the application
	case another:
		view.Again, view.Email = false, ""
	case view.SignedIn && sealed == "" && values.Get("again") != "" && !f.Fresh(view.session): // a page wants to be sure who is there
	case view.SignedIn && sealed != "": // in another tab, since the browser was sent here
		continueAt(w, sealed)
		return nil
	case view.SignedIn && values.Get("again") != "": // it is recent, and may be weaker than the person can sign in now
		return f.raise(w, r, 0, "", cmp.Or(relative(target), "/"))
	case view.SignedIn:
		route.SeeOther(w, cmp.Or(relative(target), "/"))
		return nil
	}
	if view.Failures = f.problemText(values); view.Failures != nil {
		view.Failed = true
	}
	return f.ShowLeading(w, r, http.StatusOK, signInPage.With(view))
}

// checkCookie goes on to the page that a person has just signed in for, if the browser has kept the session.
func (f *Flow) checkCookie(w http.ResponseWriter, r *http.Request, target string) error {
	if f.Cookie(r, browser.SessionCookie) == "" {
		return f.showNoCookies(w, r, signInURL("", target), ui.Text("no_cookies.not_kept"))
	}
	route.SeeOther(w, cmp.Or(target, "/"))
	return nil
}

// signInPage is the sign-in page before anything was typed.
func (f *Flow) signInPage(w http.ResponseWriter, r *http.Request, sealed, target string) (signInView, error) {
	view, err := f.signInForm(w, r, sealed, target)
	view.Providers = providerButtons(view.Sealed, view.Next, view.Again && sealed == "", f.Providers.All()...)
	return view, err
}

// signInForm is the sign-in page without other providers.
func (f *Flow) signInForm(w http.ResponseWriter, r *http.Request, sealed, target string) (signInView, error) {
	passkey, err := f.passkeyForm(w, r, waitingFor{})
	if err != nil {
		return signInView{}, err
	}
	if sealed == "" {
		session, err := f.Session(r)
		if err != nil {
			return signInView{}, err
		}
		view := signInView{
			Frame: f.quietFrame(r, session, ui.Text("sign_in.title")), Next: relative(target), SignedIn: session != nil, session: session, Mails: f.SendsMail, Passkey: passkey,
			SignUp: f.signUpURL(cameFrom{Next: relative(target)}),
		}
		if session != nil { // who is asked all the same, by a page that wants a fresh sign-in
			view.Again, view.Email = true, session.User.Email
		}
		return view, nil
	}
	next, err := f.authz.SignInPage(r.Context(), sealed, f.browser(r))
	if err != nil {
		return signInView{}, err
	}
	f.trace(r, next)
	view := signInView{
		Frame: f.quietFrame(r, &next.Session, ui.Text("sign_in.title")), Sealed: next.Sealed, Next: relative(target),
		Application: next.Client.Name, Email: hintedEmail(next.LoginHint), Again: next.Again,
		SignedIn: !next.Needed, Mails: f.SendsMail, Passkey: passkey, SignUp: f.signUpURL(cameFrom{Sealed: next.Sealed}),
	}
	if view.Again {
		view.Email = next.Session.User.Email
	}
	return view, nil
}

// hintedEmail is a login_hint as the first value of the e-mail field, when it looks like an e-mail (OpenID Connect Core §3.1.2.1). It is a
// suggestion of the application and decides nothing.
func hintedEmail(hint string) string {
	if len(hint) > maxHint || !strings.Contains(hint, "@") || strings.ContainsFunc(hint, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return ""
	}
	return hint
}

// SignIn checks a password, and continues to where the person wanted to go.
func (f *Flow) SignIn(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "email", "password", "request", "next")
	if err != nil {
		return err
	}
	email, password, sealed, target := sent[0], sent[1], sent[2], relative(sent[3])
	if f.insecure(r) {
		return f.showNoCookies(w, r, signInURL(sealed, target), ui.Text("no_cookies.insecure"))
	}
	if sealed != "" {
		// A request that has only expired does not make the password wrong.
		if err := f.authz.Pending(r.Context(), sealed); err != nil && !errors.Is(err, token.ErrExpired) {
			return err
		}
	}
	signedIn, err := f.Authn.SignIn(r.Context(), f.SignInRequest(r, email, password))
	if err != nil {
		return f.signInFailed(w, r, err, email, sealed, target)
	}
	return f.signedIn(w, r, signedIn, sealed, target)
}

// signedIn continues to where the person wanted to go.
func (f *Flow) signedIn(w http.ResponseWriter, r *http.Request, signedIn authn.SignedIn, sealed, target string) error {
	f.SignedIn(w, r, signedIn)
	if sealed != "" {
		return f.continueSignedIn(w, r, sealed, signedIn)
	}
	target = cmp.Or(target, "/")
	if !f.KeepsCookies(r) {
		target = signInURL("", target) + "&signed_in=1" // which finds out whether the browser has kept the session
	}
	route.SeeOther(w, target)
	return nil
}

// continueSignedIn goes on with the request on whose sign-in page somebody has signed in. When it has expired, the page links back to the
// application.
func (f *Flow) continueSignedIn(w http.ResponseWriter, r *http.Request, sealed string, signedIn authn.SignedIn) error {
	session := signedIn.Session
	fresh, err := f.authz.SignedIn(r.Context(), sealed, session, signedIn.Raised)
	if refused, ok := errors.AsType[*authz.PageError](err); ok && errors.Is(err, token.ErrExpired) {
		view := errorView{Frame: f.Frame(r, &session, ui.Text("sign_in.late_title")), Sentence: ui.Text("sign_in.late"), Advice: ui.Text("error.expired.advice")}
		view.RequestID = ""
		view.wayBack(refused)
		return f.Show(w, r, http.StatusOK, errorPage.With(view))
	}
	if err != nil {
		return err
	}
	continueAt(w, fresh)
	return nil
}

// signInURL is the sign-in page for a request or a page of ours.
func signInURL(sealed, target string) string {
	if sealed != "" {
		return stepURL("/login/", sealed)
	}
	return "/login/?" + url.Values{"next": {target}}.Encode()
}

// waiting is what the page of a second factor has to remember.
func waiting(sealed, target string) url.Values {
	if sealed != "" {
		return url.Values{"request": {sealed}}
	}
	return url.Values{"next": {target}}
}

// signInFailed shows the page again. It says the same about an unknown e-mail and a wrong password.
func (f *Flow) signInFailed(w http.ResponseWriter, r *http.Request, err error, email, sealed, target string) error {
	if pending, ok := errors.AsType[*authn.PendingError](err); ok {
		f.AskFactor(w, pending, waiting(sealed, target))
		return nil
	}
	throttled, tooMany := errors.AsType[*limit.ThrottledError](err)
	over, badKey := errors.Is(err, authn.ErrNoAttempt), errors.Is(err, authn.ErrBadPasskey) || errors.Is(err, authn.ErrCloned)
	if !tooMany && !over && !badKey && !errors.Is(err, authn.ErrSignInFailed) {
		return err
	}
	view, pageErr := f.signInPage(w, r, sealed, target)
	if pageErr != nil {
		return pageErr
	}
	view.Email, view.Failed = email, true
	status := http.StatusUnprocessableEntity
	switch {
	case tooMany:
		if err := f.RecordThrottled(r, email, throttled); err != nil {
			return err
		}
		f.Errors.Report(r, err)
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
		view.Failures = ui.Failures{{Text: ui.Text("sign_in.throttled", "wait", throttled.Wait)}}
		status = http.StatusTooManyRequests
	case over:
		view.Failures = ui.Failures{{Text: ui.Text("sign_in.over")}}
	case badKey:
		f.Errors.Report(r, &route.Problem{Status: status, Description: err.Error()})
		if err := f.RecordFailure(r, email); err != nil {
			return err
		}
		view.Failures = ui.Failures{{Text: ui.Text("sign_in.bad_passkey")}}
	default:
		if err := f.RecordFailure(r, email); err != nil {
			return err
		}
		view.Failures = ui.Failures{{Field: "email", Text: ui.Text("sign_in.wrong")}}
	}
	return f.ShowLeading(w, r, status, signInPage.With(view))
}

// relative is target when it is a place on this server, else "". To a browser, "//" and "/\" begin the address of another host.
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
