package teams

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var invitationPage = ui.NewPage[invitationView](files, "invitation.html")

// invitationView is an invitation, as the person who is invited sees it. One of the ways to answer is open.
type invitationView struct {
	ui.Frame
	Heading  ui.Words
	Lead     ui.Words
	Email    string // that is invited
	Link     string // the secret
	Failures ui.Failures

	Mine   bool   // the person is signed in with this address
	Other  string // the address of somebody else who is signed in, or ""
	SignIn string // the sign-in page, where there is an account and nobody is signed in to it
	New    bool   // the person gets an account
	Closed bool   // there is no account, and the person gets none
	Done   bool   // it was declined
	Least  int    // characters of the password of a new account

	Name  string // as typed
	wrong string // the field that is wrong
}

// Fields are the fields for a new account.
func (v invitationView) Fields() []ui.Field {
	return append([]ui.Field{
		{ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("sign_in.email"), Value: v.Email, Autocomplete: "username", Fixed: true},
		{ID: "name", Name: "name", Kind: ui.Line, Label: ui.Text("invitation.name"), Value: v.Name, Autocomplete: "name", MaxLength: 100, Failed: v.wrong == "name"},
	}, ui.NewPassword(v.wrong == "new", v.Least)...)
}

// Scripted reports that the page has passwords to show.
func (v invitationView) Scripted() bool { return v.New }

// invitation is the page that the link in the mail leads to. It uses nothing.
func (room *Room) invitation(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	secret, err := route.Field(values, "link")
	if err != nil {
		return err
	}
	view, _, err := room.invitationView(r, secret)
	if err != nil {
		return err
	}
	return room.ShowOfLink(w, r, http.StatusOK, invitationPage.With(view))
}

func (room *Room) invitationView(r *http.Request, secret string) (invitationView, team.Invitation, error) {
	i, err := room.Directory.InvitationOf(r.Context(), team.Actor{}, secret)
	if err != nil {
		return invitationView{}, i, answered(err)
	}
	session, err := room.Session(r)
	if err != nil {
		return invitationView{}, i, err
	}
	in, role := ui.Strong(i.Team.Name), roleWords(i.Role)
	title := ui.Text("invitation.title", "team", ui.Name(i.Team.Name))
	view := invitationView{
		Frame: room.Frame(r, session, title), Heading: title, Email: i.Email, Link: secret, Least: room.Authn.MinPasswordLength(),
		Lead: ui.Text("invitation.by_operator", "team", in, "role", role),
	}
	if i.ByName != "" {
		view.Lead = ui.Text("invitation.by", "person", ui.Strong(i.ByName), "team", in, "role", role)
	}
	here := url.Values{"next": {team.LinkInvite.Path() + "?" + url.Values{"link": {secret}}.Encode()}}
	switch {
	case !i.HasAccount && !i.MayJoin:
		view.Closed = true
	case !i.HasAccount:
		view.New = true // also when an account exists whose address nobody has proven: it is emptied
	case session == nil:
		view.SignIn = "/login/?" + here.Encode()
	case team.NormalizeEmail(session.User.Email) == team.NormalizeEmail(i.Email):
		view.Mine = true
	default:
		here.Set("switch", "1")
		view.Other, view.SignIn = session.User.Email, "/login/?"+here.Encode()
	}
	return view, i, nil
}

// answer accepts or declines an invitation.
func (room *Room) answer(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "link", "decision", "name", "new", "again")
	if err != nil {
		return err
	}
	secret, decision := sent[0], sent[1]
	view, i, err := room.invitationView(r, secret)
	if err != nil {
		return err
	}
	switch decision {
	case "decline":
		if err := room.Directory.Decline(r.Context(), team.Actor{}, secret); err != nil {
			return answered(err)
		}
		view = invitationView{
			Frame: view.Frame, Heading: ui.Text("invitation.declined_title"), Lead: ui.Text("invitation.declined", "team", ui.Strong(i.Team.Name)), Done: true,
		}
		view.Title = view.Heading
		return room.ShowOfLink(w, r, http.StatusOK, invitationPage.With(view))
	case "accept":
		return room.accept(w, r, secret, i)
	case "join":
		if !view.New {
			return room.ShowOfLink(w, r, http.StatusUnprocessableEntity, invitationPage.With(view)) // somebody has proven the address meanwhile
		}
		return room.join(w, r, view, i, sent[2], sent[3], sent[4])
	}
	return oauth.InvalidRequest.Errorf("decision must be accept, decline or join")
}

// accept makes the person who is signed in a member.
func (room *Room) accept(w http.ResponseWriter, r *http.Request, secret string, i team.Invitation) error {
	session, err := room.Session(r)
	if err != nil {
		return err
	}
	if session == nil {
		return &route.Problem{Status: http.StatusForbidden, Description: "nobody is signed in", Words: "problem.no_invitation"}
	}
	actor, _, err := room.Directory.Acting(r.Context(), session.User)
	if err != nil {
		return err
	}
	if err := room.Directory.Accept(browser.As(r, session), actor, secret); err != nil {
		return answered(err)
	}
	route.SeeOther(w, "/teams/"+i.Team.Slug+"/members/")
	return nil
}

// join makes an account for the address, signs the person in to it, and makes it a member.
func (room *Room) join(w http.ResponseWriter, r *http.Request, view invitationView, i team.Invitation, name, chosen, again string) error {
	refused := func(field string, problem ui.Words) error {
		view.Failed, view.Name, view.wrong, view.Failures = true, name, field, ui.Failures{{Field: field, Text: problem}}
		return room.ShowOfLink(w, r, http.StatusUnprocessableEntity, invitationPage.With(view))
	}
	if team.CheckName(name) != nil {
		return refused("name", ui.Text("team_new.name_wrong"))
	}
	if chosen != again {
		return refused("new", ui.Text("password.differ"))
	}
	hash, err := room.Authn.NewHash(r.Context(), i.Email, name, chosen)
	if weak, ok := errors.AsType[*authn.WeakPasswordError](err); ok {
		return refused("new", ui.Text(weak.Words, "count", weak.Count))
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		return refused("", ui.Text("sign_in.throttled", "wait", throttled.Wait))
	}
	if err == nil {
		err = room.Directory.AcceptNew(r.Context(), team.Actor{}, view.Link, name, hash)
	}
	if err != nil {
		return answered(err)
	}
	signedIn, err := room.Authn.SignIn(r.Context(), room.SignInRequest(r, i.Email, chosen))
	if err != nil { // the account is there: they sign in to it
		route.SeeOther(w, "/login/")
		return nil
	}
	room.SignedIn(w, r, signedIn)
	route.SeeOther(w, "/teams/"+i.Team.Slug+"/members/")
	return nil
}

// answered is the page for a link that does not work. All reasons look alike.
func answered(err error) error {
	for _, known := range []error{
		team.ErrNoLink, team.ErrLinkUsed, team.ErrLinkExpired, team.ErrNoInvitation, team.ErrInvitationOver, team.ErrOtherAddress, team.ErrHasAccount,
		team.ErrUnproven, team.ErrNoSignUp, team.ErrForbidden, team.ErrNoUser, team.ErrNoTeam,
	} {
		if errors.Is(err, known) {
			return noInvitation
		}
	}
	return err
}
