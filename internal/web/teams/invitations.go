package teams

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var invitationsPage = ui.NewPage[invitationsView](files, "invitations.html")

// invitationsView is who is invited to a team, and a form to invite somebody.
type invitationsView struct {
	ui.Frame
	Team, Slug string
	Notice     *ui.Notice
	Failures   ui.Failures
	Invited    []invited // the newest first
	Email      string    // as typed
	Roles      []ui.Choice
	NoAccounts bool // who has no account gets none by an invitation
}

// invited is an invitation.
type invited struct {
	ID, Email string
	Role      ui.Words
	By        string // "" is the operator, or somebody who is gone
	State     ui.Words
	Open      bool // not answered
}

// EmailField is the field for the address.
func (v invitationsView) EmailField() ui.Field {
	return ui.Field{ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("invitations.email"), Value: v.Email, Autocomplete: "off", MaxLength: 254, Failed: len(v.Failures) > 0}
}

// Empty stands where the invitations would be.
func (invitationsView) Empty() ui.Empty {
	return ui.Empty{Lead: ui.Text("invitations.none"), More: ui.Text("invitations.none_more")}
}

func (room *Room) invitations(w http.ResponseWriter, r *request) error {
	view, err := room.invitationsView(r, "", team.Member)
	if err != nil {
		return err
	}
	view.Notice = room.teamNotice(r)
	return room.Show(w, r.Request.Request, http.StatusOK, invitationsPage.With(view))
}

func (room *Room) invitationsView(r *request, email string, role team.Role) (invitationsView, error) {
	view := invitationsView{Frame: r.frame(), Team: r.team.Name, Slug: r.team.Slug, Email: email, Roles: roleChoices(role.OrMember()), NoAccounts: !room.Directory.SignUp.Invited()}
	all, err := room.Directory.Invitations(r.Context(), r.actor, r.team.Slug)
	for _, i := range all {
		line := invited{ID: string(i.ID), Email: i.Email, Role: roleWords(i.Role), By: i.ByName, Open: i.State == team.InvitationSent}
		switch {
		case i.State == team.InvitationAccepted:
			line.State = ui.Text("invitations.accepted")
		case i.State == team.InvitationDeclined:
			line.State = ui.Text("invitations.declined")
		case i.Open(room.Now()):
			line.State = ui.Text("invitations.sent", "time", r.Clock().OnDate(i.ExpiresAt))
		default:
			line.State = ui.Text("invitations.expired")
		}
		view.Invited = append(view.Invited, line)
	}
	return view, err
}

// invite invites somebody, sends an invitation again, or withdraws it.
func (room *Room) invite(w http.ResponseWriter, r *request) error {
	sent, err := route.Fields(r.Request.Request, "decision", "email", "role", "invitation")
	if err != nil {
		return err
	}
	decision, role, id := sent[0], team.Role(sent[2]), team.InvitationID(sent[3])
	email := "" // that is shown
	what := noticeInvited
	switch decision {
	case "invite":
		if role, err = team.ParseRole(sent[2]); err != nil {
			return oauth.InvalidRequest.Errorf("role must be admin, developer or member")
		}
		if email, err = team.ParseEmail(sent[1]); err != nil {
			return room.inviteRefused(w, r, http.StatusUnprocessableEntity, sent[1], role, ui.Text("invitations.no_address"))
		}
		if err = room.Authn.MayMail(r.Context(), email); err == nil {
			_, err = room.Directory.Invite(r.Context(), r.actor, r.team.Slug, email, role)
		}
	case "again":
		if email, err = room.invitedAddress(r, id); err == nil {
			err = room.Authn.MayMail(r.Context(), email)
		}
		if err == nil {
			err = room.Directory.Reinvite(r.Context(), r.actor, r.team.Slug, id)
		}
	case "withdraw":
		what = noticeWithdrawn
		if email, err = room.invitedAddress(r, id); err == nil {
			err = room.Directory.Withdraw(r.Context(), r.actor, r.team.Slug, id)
		}
	default:
		return oauth.InvalidRequest.Errorf("decision must be invite, again or withdraw")
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
		return room.inviteRefused(w, r, http.StatusTooManyRequests, email, role, ui.Text("invitations.throttled", "wait", throttled.Wait))
	}
	for known, words := range map[error]string{
		team.ErrIsMember: "invitations.member", team.ErrInvited: "invitations.twice", team.ErrTooManyInvitations: "invitations.too_many",
	} {
		if errors.Is(err, known) {
			return room.inviteRefused(w, r, http.StatusUnprocessableEntity, email, role, ui.Text(words))
		}
	}
	if errors.Is(err, team.ErrNoInvitation) {
		return noInvitation
	}
	if err != nil {
		return gone(err)
	}
	return r.notify(w, browser.Notice{What: what, Person: email})
}

// invitedAddress is the address of an invitation of the team that was not answered.
func (room *Room) invitedAddress(r *request, id team.InvitationID) (string, error) {
	all, err := room.Directory.Invitations(r.Context(), r.actor, r.team.Slug)
	if err != nil {
		return "", err
	}
	for _, i := range all {
		if i.ID == id && i.State == team.InvitationSent {
			return i.Email, nil
		}
	}
	return "", team.ErrNoInvitation
}

func (room *Room) inviteRefused(w http.ResponseWriter, r *request, status int, email string, role team.Role, problem ui.Words) error {
	view, err := room.invitationsView(r, email, role)
	if err != nil {
		return err
	}
	view.Failed, view.Failures = true, ui.Failures{{Field: "email", Text: problem}}
	return room.Show(w, r.Request.Request, status, invitationsPage.With(view))
}

var noInvitation = &route.Problem{Status: http.StatusNotFound, Description: "there is no such invitation, or its link does not work", Words: "problem.no_invitation"}
