package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var withPage = ui.NewPage[withView](files, "with.html")

// withView offers to sign in at one provider: the page that a link leads to, because a link must not begin a sign-in by itself.
type withView struct {
	ui.Frame
	Providers ui.Providers
}

// providerButtons are the buttons of some providers, which begin a sign-in.
func providerButtons(sealed, target string, again bool, providers ...*provider.Provider) ui.Providers {
	var buttons ui.Providers
	for _, p := range providers {
		buttons.Items = append(buttons.Items, ui.Provider{Action: provider.Path(p.ID), Name: p.Settings.Name, Icon: iconAddress(p)})
	}
	fields := []ui.Hidden{{Name: "request", Value: sealed}, {Name: "next", Value: target}}
	if again {
		fields = append(fields, ui.Hidden{Name: "again", Value: "1"})
	}
	for _, field := range fields {
		if field.Value != "" {
			buttons.Hidden = append(buttons.Hidden, field)
		}
	}
	return buttons
}

// iconAddress is where the picture of a provider is; "" when it has none. Another picture has another address.
func iconAddress(p *provider.Provider) string {
	if len(p.Icon.Content) == 0 {
		return ""
	}
	sum := sha256.Sum256(p.Icon.Content)
	return IconPath + p.ID + "?" + hex.EncodeToString(sum[:8])
}

// IconPath begins the addresses of the pictures of providers.
const IconPath = "/pictures/providers/"

// ProviderIcon is the picture of a provider.
func (f *Flow) ProviderIcon(w http.ResponseWriter, r *http.Request) error {
	p, err := f.providerOf(w, r)
	if err != nil || len(p.Icon.Content) == 0 {
		return route.NotFound(w, r)
	}
	header := w.Header()
	header.Set("Content-Type", p.Icon.Type)
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Write(p.Icon.Content) // an error means that the browser has hung up
	return nil
}

// providerOf is the provider that a request's path names.
func (f *Flow) providerOf(w http.ResponseWriter, r *http.Request) (*provider.Provider, error) {
	p, err := f.Providers.ByID(r.PathValue("provider"))
	if err != nil {
		return nil, route.NotFound(w, r)
	}
	return p, nil
}

// AskWith is the page with one provider's button.
func (f *Flow) AskWith(w http.ResponseWriter, r *http.Request) error {
	p, err := f.providerOf(w, r)
	if err != nil {
		return err
	}
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
	if sealed != "" {
		if err := f.authz.Pending(r.Context(), sealed); err != nil {
			return err
		}
	}
	return f.ShowLeading(w, r, http.StatusOK, withPage.With(withView{
		Frame: f.quietFrame(r, nil, ui.Text("with.title", "provider", ui.Name(p.Settings.Name))), Providers: providerButtons(sealed, relative(target), values.Get("again") != "", p),
	}))
}

// BeginWith sends the browser to a provider.
func (f *Flow) BeginWith(w http.ResponseWriter, r *http.Request) error {
	p, err := f.providerOf(w, r)
	if err != nil {
		return err
	}
	sent, err := route.Fields(r, "request", "next", "again")
	if err != nil {
		return err
	}
	way := provider.Way{Request: sent[0], Next: relative(sent[1])}
	if f.insecure(r) {
		return f.showNoCookies(w, r, signInURL(way.Request, way.Next), ui.Text("no_cookies.insecure"))
	}
	ask := provider.Ask{Fresh: sent[2] != "", Way: way}
	if way.Request != "" {
		next, err := f.authz.SignInPage(r.Context(), way.Request, f.browser(r))
		if err != nil {
			return err
		}
		ask.Fresh, ask.MaxAge, ask.Locales, ask.Hint = ask.Fresh || next.Login, next.MaxAge, next.UILocales, hintedEmail(next.LoginHint)
	}
	return f.Leave(w, r, p, ask, func() error {
		f.signInProblem(w, p, way, problemUnavailable)
		return nil
	})
}

// FinishWith takes the answer of a provider, and goes on to where the person wanted to go.
func (f *Flow) FinishWith(w http.ResponseWriter, r *http.Request) error {
	p, err := f.providerOf(w, r)
	if err != nil {
		return err
	}
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	var answer provider.Answer
	for name, into := range map[string]*string{"state": &answer.State, "code": &answer.Code, "iss": &answer.Issuer, "error": &answer.Error} {
		if *into, err = route.Field(values, name); err != nil {
			return err
		}
	}
	sealed := f.ProviderSignIn(r)
	way, err := f.Providers.Way(p, sealed, answer.State)
	if errors.Is(err, provider.ErrOver) {
		f.Errors.Report(r, &route.Problem{Status: http.StatusBadRequest, Description: err.Error()})
		f.signInProblem(w, p, provider.Way{}, problemOver)
		return nil
	}
	if err != nil {
		return err
	}
	f.ForgetProviderSignIn(w, r)
	claims := f.Claims(p, sealed, answer)
	if way.Link != "" {
		return f.finishLinking(w, r, p, way, claims)
	}
	signedIn, err := f.Authn.SignInWith(r.Context(), f.SignInRequest(r, "", ""), claims)
	if unlinked, ok := errors.AsType[*authn.UnlinkedError](err); ok {
		f.KeepIdentity(w, unlinked.Pending)
		route.SeeOther(w, linkURL(p, way))
		return nil
	}
	if pending, ok := errors.AsType[*authn.PendingError](err); ok {
		f.AskFactor(w, pending, waiting(way.Request, way.Next))
		return nil
	}
	if err != nil {
		problem, err := f.problemOf(r, err)
		if err != nil {
			return err
		}
		f.signInProblem(w, p, way, problem)
		return nil
	}
	return f.signedIn(w, r, signedIn, way.Request, way.Next)
}

// finishLinking links the account at the provider to the person who asked for it, if it is still they who are signed in.
func (f *Flow) finishLinking(w http.ResponseWriter, r *http.Request, p *provider.Provider, way provider.Way, claims func(context.Context) (authn.Claims, error)) error {
	session, err := f.Session(r)
	if err != nil {
		return err
	}
	if session == nil || session.ID != way.Session || session.User.ID != team.UserID(way.Link) {
		f.signInProblem(w, p, provider.Way{}, problemOver)
		return nil
	}
	err = f.Authn.Enrolment().LinkAnswer(browser.As(r, session), acting(session), session.User, f.SignInRequest(r, "", ""), claims)
	if errors.Is(err, authn.ErrNotFresh) { // it took too long
		browser.AskAgain(w, way.Next)
		return nil
	}
	if err != nil {
		problem, err := f.problemOf(r, err)
		if err != nil {
			return err
		}
		route.SeeOther(w, way.Next+"?"+url.Values{"problem": {problem}, "provider": {p.ID}}.Encode())
		return nil
	}
	return f.NotifyOf(w, session, way.Next, browser.Notice{What: browser.NoticeLinked, Application: p.Settings.Name})
}

// What went wrong at a provider, in the address of the page that says so.
const (
	problemDenied      = "denied"
	problemUnavailable = "unavailable"
	problemInvalid     = "invalid"
	problemOver        = "over"
	problemDisabled    = "disabled"
	problemThrottled   = "throttled"
	problemTaken       = "taken"
)

// problemOf is what an error means for the person, after it is logged and recorded. Any other error comes back.
func (f *Flow) problemOf(r *http.Request, err error) (string, error) {
	refused, isRefused := errors.AsType[*provider.RefusedError](err)
	throttled, tooMany := errors.AsType[*limit.ThrottledError](err)
	problem, status, attempt := "", http.StatusBadRequest, false
	switch {
	case isRefused && refused.Denied():
		problem = problemDenied
	case isRefused, errors.Is(err, provider.ErrUnavailable):
		problem, status = problemUnavailable, http.StatusBadGateway
	case errors.Is(err, provider.ErrOver):
		problem = problemOver
	case errors.Is(err, authn.ErrClaims):
		problem, attempt = problemInvalid, true
	case errors.Is(err, authn.ErrIdentityTaken):
		problem = problemTaken
	case errors.Is(err, authn.ErrSignInFailed):
		problem, attempt = problemDisabled, true
	case tooMany:
		problem, status = problemThrottled, http.StatusTooManyRequests
		if err := f.RecordThrottled(r, "", throttled); err != nil {
			return "", err
		}
	default:
		return "", err
	}
	f.Errors.Report(r, &route.Problem{Status: status, Description: err.Error()})
	if attempt {
		if err := f.RecordFailure(r, ""); err != nil {
			return "", err
		}
	}
	return problem, nil
}

// signInProblem goes back to the sign-in page, which says what went wrong. A redirect keeps the code out of the address bar.
func (f *Flow) signInProblem(w http.ResponseWriter, p *provider.Provider, way provider.Way, problem string) {
	route.SeeOther(w, signInURL(way.Request, way.Next)+"&"+url.Values{"problem": {problem}, "provider": {p.ID}}.Encode())
}

// problemText is a problem in words; nothing when the address names none.
func (f *Flow) problemText(values url.Values) ui.Failures {
	p, err := f.Providers.ByID(values.Get("provider"))
	if err != nil {
		return nil
	}
	text := browser.ProviderProblem(values.Get("problem"), p.Settings.Name)
	if len(text) == 0 {
		return nil
	}
	return ui.Failures{{Text: text}}
}
