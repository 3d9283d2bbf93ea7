package teams

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// What an admin did.
const (
	noticeEnded     = "ended"
	noticeBlocked   = "blocked"
	noticeUnblocked = "unblocked"
)

// blockForm blocks an application. After a failure it is open and has what was typed.
type blockForm struct {
	Index            int    // of the application in the list
	Client, Reason   string // as typed
	Failures         ui.Failures
	clientIsUnknown  bool
	reasonIsRejected bool
}

// Open reports whether the form is unfolded.
func (f blockForm) Open() bool { return len(f.Failures) > 0 }

// ReasonField is the field for the reason in the form of an application on the list.
func (f blockForm) ReasonField() ui.Field {
	return ui.Field{
		ID: fmt.Sprint("reason-", f.Index), Name: "reason", Kind: ui.Line, Label: ui.Text("team_applications.reason"),
		Value: f.Reason, MaxLength: 100, Failed: f.reasonIsRejected,
	}
}

// Fields are the fields of the form for an application that is not on the list.
func (f blockForm) Fields() []ui.Field {
	reason := f.ReasonField()
	reason.ID = "reason"
	return []ui.Field{
		{
			ID: "client", Name: "client", Kind: ui.Identifier, Label: ui.Text("team_applications.client_id"), Value: f.Client,
			Autocomplete: "off", Failed: f.clientIsUnknown,
		},
		reason,
	}
}

// govern is what an admin decided: to end a connection, to block an application or to allow it again.
func (room *Room) govern(w http.ResponseWriter, r *request) error {
	sent, err := route.Fields(r.Request.Request, "decision", "grant", "client", "reason")
	if err != nil {
		return err
	}
	decision, grant, id, reason := sent[0], authz.GrantID(sent[1]), oauth.ClientID(sent[2]), sent[3]
	switch decision {
	case "end":
		ended, err := room.Authz.EndGrant(r.Context(), r.actor, authz.GrantFilter{Team: r.team.ID}, grant)
		if err != nil {
			return access.Gone(err)
		}
		return r.notify(w, browser.Notice{What: noticeEnded, Application: ended.Client.Name, Person: ended.User.Name, Scope: ended.Scope})
	case "block":
		return room.block(w, r, id, reason)
	case "unblock":
		return room.unblock(w, r, id)
	}
	return oauth.InvalidRequest.Errorf("decision must be end, block or unblock")
}

// block keeps an application out of the team. When it cannot, the page comes back with the reason.
func (room *Room) block(w http.ResponseWriter, r *request, id oauth.ClientID, reason string) error {
	found, err := room.Govern.Client(r.Context(), r.actor, r.team.ID, id)
	form := blockForm{Client: string(id), Reason: reason}
	switch {
	case errors.Is(err, client.ErrNoClient):
		form.clientIsUnknown = true
		return room.blockRefused(w, r, form, "client", ui.Text("team_applications.unknown_client"))
	case err != nil:
		return err
	case govern.CheckReason(reason) != nil:
		form.reasonIsRejected = true
		return room.blockRefused(w, r, form, "reason", reasonProblem(reason))
	}
	if _, err := room.Govern.Block(r.Context(), r.actor, r.team.ID, id, reason); err != nil {
		return access.Gone(err)
	}
	return r.notify(w, browser.Notice{What: noticeBlocked, Application: found.Name})
}

// reasonProblem is what is wrong with a reason that was rejected.
func reasonProblem(reason string) ui.Words {
	if strings.TrimSpace(reason) == "" {
		return ui.Text("team_applications.no_reason_given")
	}
	return ui.Text("team_applications.reason_rejected")
}

// blockRefused shows the page with the form unfolded and what is wrong with it: the form of the application, or the one for others.
func (room *Room) blockRefused(w http.ResponseWriter, r *request, form blockForm, field string, problem ui.Words) error {
	view, err := room.applicationsView(r)
	if err != nil {
		return err
	}
	view.Notice, view.Failed = nil, true
	i := slices.IndexFunc(view.Applications, func(a application) bool { return a.ID == form.Client && !a.Blocked })
	if i >= 0 {
		form.Index = i
		form.Failures = ui.Failures{{Field: form.ReasonField().ID, Text: problem}}
		view.Applications[i].Block = form
	} else {
		form.Failures = ui.Failures{{Field: field, Text: problem}}
		view.Stranger = form
	}
	return room.Show(w, r.Request.Request, http.StatusUnprocessableEntity, applicationsPage.With(view))
}

// unblock lets an application be connected again.
func (room *Room) unblock(w http.ResponseWriter, r *request, id oauth.ClientID) error {
	found, err := room.Govern.Client(r.Context(), r.actor, r.team.ID, id)
	if err == nil {
		err = room.Govern.Unblock(r.Context(), r.actor, r.team.ID, id)
	}
	if err != nil {
		return access.Gone(err)
	}
	return r.notify(w, browser.Notice{What: noticeUnblocked, Application: found.Name})
}

// notify shows the list again, with a notice.
func (r *request) notify(w http.ResponseWriter, n browser.Notice) error {
	n.Team, n.TeamID = r.team.Name, r.team.ID
	return r.Notify(w, r.Address(), n)
}

// notice is what the admin has just done, in words; nil when the page's address does not say.
func (room *Room) notice(r *request) *ui.Notice {
	n := r.Notice(r.team.ID)
	if n == nil {
		return nil
	}
	application, in := ui.Strong(n.Application), ui.Strong(n.Team)
	switch n.What {
	case noticeEnded:
		text := ui.Text("team_applications.ended", "application", application, "team", in, "person", ui.Strong(n.Person))
		return &ui.Notice{Text: text, Lost: access.InWords(room.Authz, r.Language(), n.Scope)}
	case noticeWithheld:
		return &ui.Notice{Text: ui.Text("approval.taken_back", "application", application, "team", in)}
	case noticeBlocked:
		return &ui.Notice{Text: ui.Text("team_applications.now_blocked", "application", application, "team", in)}
	case noticeUnblocked:
		return &ui.Notice{Text: ui.Text("team_applications.now_unblocked", "application", application, "team", in)}
	}
	return nil // from a newer server
}
