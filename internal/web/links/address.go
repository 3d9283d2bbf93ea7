package links

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var confirmPage = ui.NewPage[confirmView](files, "confirm.html")

// pathEmail is the page on which people ask for links about their address.
const pathEmail = "/account/email/"

// confirmView asks before a link about an address is used.
type confirmView struct {
	ui.Frame
	Confirmation ui.Confirmation
}

// addressPages are the pages for links about the address of the person who is signed in. They ask the person to sign in first: somebody who has only
// the mailbox must not prove the address for the account of a stranger.
func (room *Room) addressPages() []route.Route {
	return room.Room("account.label", []browser.Page{
		{
			Path: team.LinkProve.Path(), Title: "email.prove_title", OfLink: true,
			Get:  room.askAddressLink(team.LinkProve, "email.prove_ask", "email.prove_yes"),
			Post: room.useAddressLink(team.LinkProve, "email.prove_done"),
		},
		{
			Path: team.LinkChange.Path(), Title: "email.change_title", OfLink: true,
			Get:  room.askAddressLink(team.LinkChange, "email.change_ask", "email.change_yes"),
			Post: room.useAddressLink(team.LinkChange, "email.change_done"),
		},
	})
}

// askAddressLink is the page that a link about an address leads to. It uses nothing.
func (room *Room) askAddressLink(kind team.LinkKind, question, yes string) browser.Handler {
	return func(w http.ResponseWriter, r *browser.Request) error {
		text, err := secret(r.Request)
		if err != nil {
			return err
		}
		link, user, err := room.Authn.AddressLink(r.Context(), kind, text)
		if err == nil && user.ID != r.Session.User.ID {
			err = team.ErrForbidden
		}
		if err != nil {
			return browser.LinkProblem(err, pathEmail)
		}
		return room.ShowOfLink(w, r.Request, http.StatusOK, confirmPage.With(confirmView{r.Frame(), ui.Confirmation{
			Action: kind.Path(), Hidden: []ui.Hidden{{Name: "link", Value: text}}, Text: ui.Text(question, "email", ui.Strong(link.Email)),
			Button: ui.Button{Text: ui.Text(yes)}, Stay: ui.Text("email.stay"), Back: pathEmail,
		}}))
	}
}

// useAddressLink uses a link about an address.
func (room *Room) useAddressLink(kind team.LinkKind, done string) browser.Handler {
	return func(w http.ResponseWriter, r *browser.Request) error {
		sent, err := route.Fields(r.Request, "link")
		if err != nil {
			return err
		}
		link, _, err := room.Authn.AddressLink(r.Context(), kind, sent[0])
		if err == nil {
			err = room.Authn.UseAddressLink(r.Context(), kind, sent[0], r.Session.User)
		}
		if err != nil {
			return browser.LinkProblem(err, pathEmail)
		}
		return room.ShowOfLink(w, r.Request, http.StatusOK, donePage.With(doneView{
			Frame: r.Frame(), Lead: ui.Text(done, "email", ui.Strong(link.Email)), Button: ui.Text("account.tab"), To: "/account/",
		}))
	}
}

// undoView is the page before anything was typed.
func (room *Room) undoView(r *http.Request, text string, link team.Link, u team.User) (resetView, error) {
	u.Email = link.Email
	view, err := room.resetView(r, text, u)
	view.Title, view.Action = ui.Text("undo.title"), team.LinkUndo.Path()
	view.Lead, view.Button = ui.Text("undo.lead", "email", ui.Strong(link.Email)), ui.Text("undo.button")
	view.Consequence = ui.Text("undo.consequence")
	return view, err
}

// askUndo is the page that an undo link leads to. It uses nothing.
func (room *Room) askUndo(w http.ResponseWriter, r *http.Request) error {
	text, err := secret(r)
	if err != nil {
		return err
	}
	link, user, err := room.Authn.AddressLink(r.Context(), team.LinkUndo, text)
	if err != nil {
		return browser.LinkProblem(err, pathForgot)
	}
	view, err := room.undoView(r, text, link, user)
	if err != nil {
		return err
	}
	view.End = true // somebody else may have used the account
	return room.ShowOfLink(w, r, http.StatusOK, resetPage.With(view))
}

// undo uses an undo link. It signs nobody in.
func (room *Room) undo(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "link", "new", "again", "connections")
	if err != nil {
		return err
	}
	text, chosen, again, end := sent[0], sent[1], sent[2], sent[3] == "end"
	link, user, err := room.Authn.AddressLink(r.Context(), team.LinkUndo, text)
	if err != nil {
		return browser.LinkProblem(err, pathForgot)
	}
	err = errDiffer
	if chosen == again {
		err = room.Authn.UndoAddress(r.Context(), text, chosen, end)
	}
	if err == nil {
		return room.ShowOfLink(w, r, http.StatusOK, donePage.With(doneView{
			Frame: room.frame(r, nil, ui.Text("undo.done_title")), Lead: ui.Text("reset.done"), More: ui.Text("undo.done_more"),
			Button: ui.Text("home.sign_in"), To: "/login/?next=/account/security/",
		}))
	}
	view, viewErr := room.undoView(r, text, link, user)
	if viewErr != nil {
		return viewErr
	}
	view.End = end
	return room.newPasswordRefused(w, r, view, err)
}
