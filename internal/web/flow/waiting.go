package flow

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var waitingPage = ui.NewPage[waitingView](files, "waiting.html")

// waitingRefresh is how often the page asks without JavaScript whether an admin has decided, in seconds.
const waitingRefresh = 15

// maxAdmins is how many admins the page names.
const maxAdmins = 3

// waitingView is for a person whose team has to approve an application first: they ask, and wait here until an admin has decided.
type waitingView struct {
	ui.Frame
	Sealed      string
	Application string
	Person      ui.Person
	Team        string
	Admins      []string // names of admins of the team
	Declined    bool     // an admin declined it, and it cannot be asked for again yet
	Reason      string   // why; may be ""
	Asked       ui.Moment
	AskedNote   string
	Note        string // as typed
	Failures    ui.Failures
	Others      bool // another team can be taken
	ui.Permissions
}

// Waits reports whether the person has asked, and nobody has decided.
func (v waitingView) Waits() bool { return v.Asked.Known() && !v.Declined }

// Scripted reports that the page asks by script whether an admin has decided.
func (v waitingView) Scripted() bool { return v.Waits() }

// NoteField is the field for the note.
func (v waitingView) NoteField() ui.Field {
	return ui.Field{
		ID: "note", Name: "note", Kind: ui.Lines, Label: ui.Text("waiting.note"), Advice: ui.Text("waiting.note_advice"), Value: v.Note,
		MaxLength: govern.MaxNote, Optional: true, Failed: len(v.Failures) > 0,
	}
}

// waitingPage is the page of a request that waits for the admins of a team.
func (f *Flow) waitingPage(r *http.Request, next authz.Next, refused *waitingView) (ui.Content, error) {
	choice, user := next.Teams[0], next.Session.User
	view := waitingView{
		Frame: f.quietFrame(r, &next.Session, ui.Text("waiting.title", "application", ui.Name(next.Client.Name))), Sealed: next.Sealed, Application: next.Client.Name,
		Person: ui.Person{Name: user.Name, Email: user.Email}, Team: choice.Team.Name, Others: next.Others,
		Declined: choice.Verdict.Outcome == govern.Refused, Reason: choice.Row.Reason,
	}
	view.Permissions = access.Describe(view.Language, next.Asked)
	actor, _, err := f.Directory.Acting(r.Context(), user)
	if err != nil {
		return ui.Content{}, err
	}
	asked, err := f.govern.Asked(r.Context(), actor, choice.Team.ID, next.Client.ID)
	switch {
	case errors.Is(err, govern.ErrNoRequest):
	case err != nil:
		return ui.Content{}, err
	default:
		profile, err := f.Profile(r, &next.Session)
		if err != nil {
			return ui.Content{}, err
		}
		view.Asked, view.AskedNote = ui.ClockAt(f.Now(), profile.Location()).Ago(asked.AskedAt), asked.Note
		view.Refresh = waitingRefresh
	}
	people, err := f.Directory.Members(r.Context(), actor, choice.Team.Slug)
	if err != nil {
		return ui.Content{}, err
	}
	for _, p := range people {
		if p.Role == team.Admin && p.User.DisabledAt.IsZero() && len(view.Admins) < maxAdmins {
			view.Admins = append(view.Admins, p.User.Name)
		}
	}
	if refused != nil {
		view.Note, view.Failures, view.Failed, view.Refresh, view.Asked = refused.Note, refused.Failures, true, 0, ui.Moment{}
	}
	return waitingPage.With(view), nil
}

// showWaiting writes the page. Its script asks for the status, and its form may lead to an application in the end: see ShowLeading.
func (f *Flow) showWaiting(w http.ResponseWriter, r *http.Request, next authz.Next, refused *waitingView) error {
	content, err := f.waitingPage(r, next, refused)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if refused != nil {
		status = http.StatusUnprocessableEntity
	}
	return f.Write(w, r, status, content, browser.Policy(content, "")+"; connect-src 'self'")
}

// stillWaiting is the request, if it waits for the admins of a team; otherwise the next step has been shown.
func (f *Flow) stillWaiting(w http.ResponseWriter, r *http.Request, sealed string) (next authz.Next, actor team.Actor, waits bool, err error) {
	next, err = f.authz.Continue(r.Context(), sealed, f.browser(r))
	if err != nil {
		return next, actor, false, err
	}
	if next.Step != authz.NeedApproval {
		return next, actor, false, f.showNext(w, r, next, nil)
	}
	actor, _, err = f.Directory.Acting(r.Context(), next.Session.User)
	return next, actor, err == nil, err
}

// askAdmins sends the request of a person to the admins of their team.
func (f *Flow) askAdmins(w http.ResponseWriter, r *http.Request, sealed, note string) error {
	next, actor, waits, err := f.stillWaiting(w, r, sealed)
	if !waits {
		return err
	}
	choice := next.Teams[0]
	refuse := func(problem ui.Words) error {
		return f.showWaiting(w, r, next, &waitingView{Note: note, Failures: ui.Failures{{Field: "note", Text: problem}}})
	}
	if govern.CheckNote(note) != nil {
		return refuse(ui.Text("waiting.note_rejected", "count", govern.MaxNote))
	}
	if choice.Verdict.Outcome == govern.Ask {
		err = f.govern.AskFor(r.Context(), actor, choice.Team.ID, next.Client.ID, choice.Verdict.Missing, note)
		if errors.Is(err, govern.ErrTooManyAsked) {
			return refuse(ui.Text("waiting.too_many"))
		}
		if err != nil {
			return err
		}
	}
	continueAt(w, next.Sealed)
	return nil
}

// withdraw takes the person's request back.
func (f *Flow) withdraw(w http.ResponseWriter, r *http.Request, sealed string) error {
	next, actor, waits, err := f.stillWaiting(w, r, sealed)
	if !waits {
		return err
	}
	err = f.govern.Withdraw(r.Context(), actor, next.Teams[0].Team.ID, next.Client.ID)
	if err != nil && !errors.Is(err, govern.ErrNoRequest) {
		return err
	}
	continueAt(w, next.Sealed)
	return nil
}

// otherTeam goes back to the teams.
func (f *Flow) otherTeam(w http.ResponseWriter, r *http.Request, sealed string) error {
	other, err := f.authz.OtherTeam(r.Context(), sealed)
	if err != nil {
		return err
	}
	continueAt(w, other)
	return nil
}

// WaitingStatus tells the script of the waiting page whether the page would still look the same. It begins nothing and ends nothing.
func (f *Flow) WaitingStatus(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	sealed, err := route.Field(values, "request")
	if err != nil {
		return err
	}
	waits, err := f.authz.Waits(r.Context(), sealed, f.browser(r))
	if errors.Is(err, oauth.TemporarilyUnavailable) {
		return err
	}
	w.Header()["Cache-Control"] = route.NoStore
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]bool{"waits": err == nil && waits})
}
