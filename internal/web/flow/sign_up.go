package flow

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var (
	signUpPage   = ui.NewPage[signUpView](files, "sign_up.html")
	newcomerPage = ui.NewPage[newcomerView](files, "newcomer.html")
)

// PathSignUp is the page that asks for a link to make an account.
const PathSignUp = "/signup/"

// signUpLifetime is how long the browser remembers where the person came from: as long as the link in the mail works.
const signUpLifetime = 24 * time.Hour

// maxCameFrom is the longest value of a cookie that every browser keeps, less its name and attributes (RFC 6265 §6.1). A longer request is not
// remembered: the person starts again from the application.
const maxCameFrom = 3800

// errNoSignUp is the page of a server at which nobody can sign up.
var errNoSignUp = &route.Problem{Status: http.StatusNotFound, Description: team.ErrNoSignUp.Error(), Words: "problem.no_sign_up"}

// cameFrom is where a person was when they went to sign up. At most one of the two is set.
type cameFrom struct {
	Sealed string // an application's request
	Next   string // a page of ours
}

// cameFromValues reads it from a query, a form or the cookie.
func cameFromValues(sealed, next string) cameFrom {
	if sealed != "" {
		return cameFrom{Sealed: sealed}
	}
	return cameFrom{Next: relative(next)}
}

func (c cameFrom) values() url.Values {
	v := url.Values{}
	if c.Sealed != "" {
		v.Set("request", c.Sealed)
	}
	if c.Next != "" {
		v.Set("next", c.Next)
	}
	return v
}

// at is a page with where the person came from.
func (c cameFrom) at(path string) string {
	if v := c.values(); len(v) > 0 {
		return path + "?" + v.Encode()
	}
	return path
}

// signUpURL is the page to make an account, for somebody who would sign in; "" when nobody can sign up.
func (f *Flow) signUpURL(from cameFrom) string {
	if !f.Directory.SignUp.Open() || !f.SendsMail {
		return ""
	}
	return from.at(PathSignUp)
}

// signUpView asks for an address and a name, and then says that a mail was sent. What it says does not depend on whether there is an account.
type signUpView struct {
	ui.Frame
	Mails    bool   // the server sends mails
	Asked    bool   // somebody has just asked
	Email    string // as typed before, like the name
	Name     string
	From     cameFrom
	Failures ui.Failures
}

// Fields are the fields of the form.
func (v signUpView) Fields() []ui.Field {
	wrong := func(field string) bool {
		return slices.ContainsFunc(v.Failures, func(f ui.Failure) bool { return f.Field == field })
	}
	return []ui.Field{
		{ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("sign_in.email"), Value: v.Email, Autocomplete: "email", MaxLength: maxHint, Failed: wrong("email")},
		{ID: "name", Name: "name", Kind: ui.Line, Label: ui.Text("invitation.name"), Value: v.Name, Autocomplete: "name", MaxLength: 100, Failed: wrong("name")},
	}
}

// SignIn is the sign-in page for where the person came from, as Again is the page that asks for a link.
func (v signUpView) SignIn() string { return v.From.at("/login/") }

// Again is the page that asks for a link.
func (v signUpView) Again() string { return v.From.at(PathSignUp) }

func (f *Flow) signUpView(r *http.Request, from cameFrom) (signUpView, error) {
	session, err := f.Session(r)
	if err != nil {
		return signUpView{}, err
	}
	return signUpView{Frame: f.quietFrame(r, session, ui.Text("sign_up.title")), Mails: f.SendsMail, From: from}, nil
}

// AskSignUp is the page before and after the form was sent.
func (f *Flow) AskSignUp(w http.ResponseWriter, r *http.Request) error {
	if !f.Directory.SignUp.Open() {
		return errNoSignUp
	}
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	sealed, err := route.Field(values, "request")
	if err != nil {
		return err
	}
	next, err := route.Field(values, "next")
	if err != nil {
		return err
	}
	view, err := f.signUpView(r, cameFromValues(sealed, next))
	if err != nil {
		return err
	}
	if view.Asked = values.Get("asked") != ""; view.Asked {
		view.Title = ui.Text("forgot.asked_title")
	}
	return f.Show(w, r, http.StatusOK, signUpPage.With(view))
}

// SignUp asks for a link to make an account. The answer is the same for every address of a domain that may sign up.
func (f *Flow) SignUp(w http.ResponseWriter, r *http.Request) error {
	if !f.Directory.SignUp.Open() {
		return errNoSignUp
	}
	sent, err := route.Fields(r, "email", "name", "request", "next")
	if err != nil {
		return err
	}
	from := cameFromValues(sent[2], sent[3])
	view, err := f.signUpView(r, from)
	if err != nil {
		return err
	}
	if !f.SendsMail {
		return f.Show(w, r, http.StatusOK, signUpPage.With(view))
	}
	view.Email, view.Name = sent[0], sent[1]
	refused := func(status int, failures ...ui.Failure) error {
		view.Failed, view.Failures = true, failures
		return f.Show(w, r, status, signUpPage.With(view))
	}
	if wrong := f.signUpProblems(sent[0], sent[1]); len(wrong) > 0 {
		return refused(http.StatusUnprocessableEntity, wrong...)
	}
	email, err := team.ParseEmail(sent[0])
	if err == nil {
		err = f.Authn.MaySignUp(r.Context(), email, route.TraceOf(r.Context()).Address)
	}
	if err == nil {
		err = f.Directory.AskSignUp(r.Context(), team.Actor{}, team.Newcomer{Email: email, Name: sent[1], Language: f.Language(r).Code()})
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		f.Errors.Report(r, err)
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
		return refused(http.StatusTooManyRequests, ui.Failure{Text: ui.Text("forgot.throttled", "wait", throttled.Wait)})
	}
	if err != nil {
		return err
	}
	value := from.values().Encode()
	if len(value) > maxCameFrom {
		value = ""
	}
	f.RememberSignUp(w, r, value, signUpLifetime)
	asked := from.values()
	asked.Set("asked", "1")
	route.SeeOther(w, PathSignUp+"?"+asked.Encode())
	return nil
}

// signUpProblems is what is wrong with an address and a name. Which domains may sign up is no secret.
func (f *Flow) signUpProblems(email, name string) ui.Failures {
	var wrong ui.Failures
	if _, err := team.ParseEmail(email); err != nil {
		wrong = append(wrong, ui.Failure{Field: "email", Text: ui.Text("forgot.no_address")})
	} else if errors.Is(f.Directory.SignUp.May(email), team.ErrOtherDomain) {
		domains := strings.Join(f.Directory.SignUp.Domains, ", ")
		wrong = append(wrong, ui.Failure{Field: "email", Text: ui.Text("sign_up.other_domain", "server", ui.Name(f.ServerName), "domains", ui.Code(domains))})
	}
	if team.CheckName(name) != nil {
		wrong = append(wrong, ui.Failure{Field: "name", Text: ui.Text("team_new.name_wrong")})
	}
	return wrong
}

// newcomerView is for somebody who has the link of the mail: it makes the account.
type newcomerView struct {
	ui.Frame
	Link       string // the secret
	Email      string
	Name       string // as typed
	Least      int    // characters of the password
	HasAccount bool   // the address has been proven otherwise since
	Failures   ui.Failures
}

// Fields are the fields of the form.
func (v newcomerView) Fields() []ui.Field {
	wrong := func(field string) bool {
		return slices.ContainsFunc(v.Failures, func(f ui.Failure) bool { return f.Field == field })
	}
	return append([]ui.Field{
		{ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("sign_in.email"), Value: v.Email, Autocomplete: "username", Fixed: true},
		{ID: "name", Name: "name", Kind: ui.Line, Label: ui.Text("invitation.name"), Value: v.Name, Autocomplete: "name", MaxLength: 100, Failed: wrong("name")},
	}, ui.NewPassword(wrong("new"), v.Least)...)
}

// Scripted reports that the page has passwords to show.
func (v newcomerView) Scripted() bool { return !v.HasAccount }

// newcomer is the page of a link before anything was typed.
func (f *Flow) newcomer(r *http.Request, secret string) (newcomerView, error) {
	n, err := f.Directory.SigningUp(r.Context(), team.Actor{}, secret)
	if err != nil {
		return newcomerView{}, signUpRefused(err)
	}
	return newcomerView{
		Least: f.Authn.MinPasswordLength(), Frame: f.quietFrame(r, nil, ui.Text("sign_up.finish_title")), Link: secret, Email: n.Email, Name: n.Name, HasAccount: n.HasAccount,
	}, nil
}

// AskFinishSignUp is the page that the link in the mail leads to. It uses nothing.
func (f *Flow) AskFinishSignUp(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	secret, err := route.Field(values, "link")
	if err != nil {
		return err
	}
	view, err := f.newcomer(r, secret)
	if err != nil {
		return err
	}
	return f.ShowOfLink(w, r, http.StatusOK, newcomerPage.With(view))
}

// FinishSignUp makes the account, signs the person in to it, and goes on to where they came from, if this is the browser in which they asked.
func (f *Flow) FinishSignUp(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "link", "name", "new", "again")
	if err != nil {
		return err
	}
	secret, name, chosen, again := sent[0], sent[1], sent[2], sent[3]
	view, err := f.newcomer(r, secret)
	if err != nil {
		return err
	}
	if view.HasAccount {
		return f.ShowOfLink(w, r, http.StatusUnprocessableEntity, newcomerPage.With(view))
	}
	refused := func(status int, field string, problem ui.Words) error {
		view.Failed, view.Name, view.Failures = true, name, ui.Failures{{Field: field, Text: problem}}
		return f.ShowOfLink(w, r, status, newcomerPage.With(view))
	}
	if team.CheckName(name) != nil {
		return refused(http.StatusUnprocessableEntity, "name", ui.Text("team_new.name_wrong"))
	}
	if chosen != again {
		return refused(http.StatusUnprocessableEntity, "new", ui.Text("password.differ"))
	}
	hash, err := f.Authn.NewHash(r.Context(), view.Email, name, chosen)
	if weak, ok := errors.AsType[*authn.WeakPasswordError](err); ok {
		return refused(http.StatusUnprocessableEntity, "new", ui.Text(weak.Words, "count", weak.Count))
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		f.Errors.Report(r, err)
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
		return refused(http.StatusTooManyRequests, "", ui.Text("sign_in.throttled", "wait", throttled.Wait))
	}
	if err == nil {
		err = f.Directory.FinishSignUp(r.Context(), team.Actor{}, secret, name, hash)
	}
	if err != nil {
		return signUpRefused(err)
	}
	from := f.cameFrom(r)
	f.RememberSignUp(w, r, "", 0)
	signedIn, err := f.Authn.SignIn(r.Context(), f.SignInRequest(r, view.Email, chosen))
	if pending, ok := errors.AsType[*authn.PendingError](err); ok { // everybody has to have a second factor
		f.AskFactor(w, pending, from.values())
		return nil
	}
	if err != nil { // the account is there: they sign in to it
		f.Errors.Report(r, err)
		route.SeeOther(w, from.at("/login/"))
		return nil
	}
	return f.signedIn(w, r, signedIn, from.Sealed, from.Next)
}

// cameFrom is where the person was who asked for a link in this browser.
func (f *Flow) cameFrom(r *http.Request) cameFrom {
	values, err := url.ParseQuery(f.Cookie(r, browser.SignUpCookie))
	if err != nil {
		return cameFrom{}
	}
	return cameFromValues(values.Get("request"), values.Get("next"))
}

// signUpRefused is the page for a link that does not work.
func signUpRefused(err error) error {
	if errors.Is(err, team.ErrNoSignUp) || errors.Is(err, team.ErrOtherDomain) {
		return errNoSignUp
	}
	if errors.Is(err, team.ErrHasAccount) {
		return &route.Problem{Status: http.StatusConflict, Description: err.Error(), Words: "problem.has_account", Arguments: []any{"link", ui.Link("/login/")}}
	}
	return browser.LinkProblem(err, PathSignUp)
}
