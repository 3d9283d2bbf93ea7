package links

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var (
	resetPage = ui.NewPage[resetView](files, "reset.html")
	donePage  = ui.NewPage[doneView](files, "done.html")
)

// resetView asks for a new password. It is for a reset link, and for a link that gives the former address back.
type resetView struct {
	ui.Frame
	Action      string
	Link        string // the secret
	Person      ui.Person
	Lead        ui.Words
	Consequence ui.Words
	Button      ui.Words
	Failures    ui.Failures
	Connections []ui.Words // what applications may do for the person, one text each
	Least       int        // characters of the password
	End         bool       // the person has chosen to end them
}

// Fields are the fields of the form.
func (v resetView) Fields() []ui.Field {
	wrong := slices.ContainsFunc(v.Failures, func(f ui.Failure) bool { return f.Field != "" })
	return append([]ui.Field{
		// A password manager saves a new password under the user name that it sees beside it.
		{ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("sign_in.email"), Value: v.Person.Email, Autocomplete: "username", Fixed: true},
	}, ui.NewPassword(wrong, v.Least)...)
}

// Scripted reports that the page has passwords to show.
func (resetView) Scripted() bool { return true }

// doneView says what a link has done.
type doneView struct {
	ui.Frame
	Lead   ui.Words
	More   ui.Words
	Button ui.Words // a link to the next page
	To     string
}

// resetView is the page before anything was typed.
func (room *Room) resetView(r *http.Request, link string, u team.User) (resetView, error) {
	view := resetView{
		Least: room.Authn.MinPasswordLength(),
		Frame: room.frame(r, nil, ui.Text("reset.title")), Action: team.LinkReset.Path(), Link: link, Person: ui.Person{Name: u.Name, Email: u.Email},
		Lead: ui.Text("reset.lead"), Consequence: ui.Text("reset.consequence"), Button: ui.Text("reset.button"),
	}
	var err error
	view.Connections, err = room.connections(r, u)
	return view, err
}

// connections is what the person has connected, by name. The link proves who they are.
func (room *Room) connections(r *http.Request, u team.User) (list []ui.Words, err error) {
	grants, err := room.Authz.Grants(r.Context(), team.ActingUser(u, nil), authz.GrantFilter{User: u.ID})
	slices.SortFunc(grants, func(a, b authz.GrantDetail) int {
		return access.ByName(a.Client.Name+a.Team.Name, b.Client.Name+b.Team.Name)
	})
	for _, g := range grants {
		list = append(list, ui.Text("reset.connection", "application", ui.Name(g.Client.Name), "team", ui.Name(g.Team.Name)))
	}
	return list, err
}

// askNewPassword is the page that a reset link leads to. It uses nothing.
func (room *Room) askNewPassword(w http.ResponseWriter, r *http.Request) error {
	link, err := secret(r)
	if err != nil {
		return err
	}
	_, user, err := room.Authn.ResetLink(r.Context(), link)
	if err != nil {
		return browser.LinkProblem(err, pathForgot)
	}
	view, err := room.resetView(r, link, user)
	if err != nil {
		return err
	}
	return room.ShowOfLink(w, r, http.StatusOK, resetPage.With(view))
}

// resetPassword uses a reset link. It signs nobody in.
func (room *Room) resetPassword(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "link", "new", "again", "connections")
	if err != nil {
		return err
	}
	link, chosen, again, end := sent[0], sent[1], sent[2], sent[3] == "end"
	_, user, err := room.Authn.ResetLink(r.Context(), link)
	if err != nil {
		return browser.LinkProblem(err, pathForgot)
	}
	if chosen == again {
		_, err = room.Authn.ResetPassword(r.Context(), link, chosen, end)
	} else {
		err = errDiffer
	}
	if err == nil {
		return room.ShowOfLink(w, r, http.StatusOK, donePage.With(doneView{
			Frame: room.frame(r, nil, ui.Text("reset.done_title")), Lead: ui.Text("reset.done"), More: ui.Text("reset.done_more"),
			Button: ui.Text("home.sign_in"), To: "/login/",
		}))
	}
	view, viewErr := room.resetView(r, link, user)
	if viewErr != nil {
		return viewErr
	}
	view.End = end
	return room.newPasswordRefused(w, r, view, err)
}

// errDiffer means that the new password was not typed the same way twice.
var errDiffer = errors.New("the new password was not typed the same way twice")

// newPasswordRefused shows a page that asks for a new password again, with what is wrong. Every other error is the link's.
func (room *Room) newPasswordRefused(w http.ResponseWriter, r *http.Request, view resetView, err error) error {
	status := http.StatusUnprocessableEntity
	weak, isWeak := errors.AsType[*authn.WeakPasswordError](err)
	throttled, isThrottled := errors.AsType[*limit.ThrottledError](err)
	switch {
	case errors.Is(err, errDiffer):
		view.Failures = ui.Failures{{Field: "new", Text: ui.Text("password.differ")}}
	case isWeak:
		view.Failures = ui.Failures{{Field: "new", Text: ui.Text(weak.Words, "count", weak.Count)}}
	case isThrottled:
		room.Errors.Report(r, err)
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
		status, view.Failures = http.StatusTooManyRequests, ui.Failures{{Text: ui.Text("sign_in.throttled", "wait", throttled.Wait)}}
	default:
		return browser.LinkProblem(err, pathForgot)
	}
	view.Failed = true
	return room.ShowOfLink(w, r, status, resetPage.With(view))
}
