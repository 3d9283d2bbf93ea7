package account

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var (
	closePage  = ui.NewPage[closeView](files, "close.html")
	closedPage = ui.NewPage[closedView](files, "closed.html")
)

// pathClose is the page on which a person closes their account.
const pathClose = "/account/close/"

// shownNames is how many applications the page names.
const shownNames = 20

// closeView asks before the account is closed, and says what ends.
type closeView struct {
	ui.Frame
	Failures     ui.Failures
	Ends         []ui.Words
	HandOver     []ui.OwnTeam // the account cannot be closed before
	LastOperator bool         // nor can it be then
	Typed        string
}

// Closed reports whether the account cannot be closed now.
func (v closeView) Closed() bool { return len(v.HandOver) > 0 || v.LastOperator }

// Fields are the fields of the form.
func (v closeView) Fields() []ui.Field {
	return []ui.Field{{
		ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("close.type", "email", ui.Name(v.Account)), Value: v.Typed, Autocomplete: "off", Failed: len(v.Failures) > 0,
	}}
}

// closedView says that the account is closed.
type closedView struct{ ui.Frame }

func (room *Room) closeView(r *browser.Request) (closeView, team.Actor, error) {
	user := r.Session.User
	actor, memberships, err := room.Directory.Acting(r.Context(), user)
	if err != nil {
		return closeView{}, actor, err
	}
	closing, err := room.Directory.Closing(r.Context(), actor)
	if err != nil {
		return closeView{}, actor, err
	}
	grants, err := room.Authz.Grants(r.Context(), actor, authz.GrantFilter{User: user.ID})
	if err != nil {
		return closeView{}, actor, err
	}
	view := closeView{Frame: r.Frame(), Ends: []ui.Words{ui.Text("close.account")}, LastOperator: closing.LastOperator}
	for _, t := range closing.HandOver {
		view.HandOver = append(view.HandOver, ui.OwnTeam{Name: t.Name, Slug: t.Slug})
	}
	if len(memberships) > 0 {
		view.Ends = append(view.Ends, ui.Text("close.memberships", "count", len(memberships)))
	}
	if len(grants) > 0 {
		view.Ends = append(view.Ends, ui.Text("close.connections", "count", len(grants), "applications", applicationsOf(grants)))
	}
	for _, t := range closing.Ends {
		view.Ends = append(view.Ends, ui.Text("close.team", "team", ui.Strong(t.Name)))
	}
	return view, actor, nil
}

// applicationsOf is the applications of connections, by name.
func applicationsOf(grants []authz.GrantDetail) any {
	var names []string
	for _, g := range grants {
		names = append(names, g.Client.Name)
	}
	slices.SortFunc(names, access.ByName)
	names = slices.Compact(names)
	if len(names) > shownNames {
		return ui.Text("close.more", "applications", ui.Name(strings.Join(names[:shownNames], ", ")))
	}
	return ui.Name(strings.Join(names, ", "))
}

func (room *Room) askClose(w http.ResponseWriter, r *browser.Request) error {
	view, _, err := room.closeView(r)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request, http.StatusOK, closePage.With(view))
}

// close closes the account of the person, who has typed its address.
func (room *Room) close(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "email")
	if err != nil {
		return err
	}
	view, actor, err := room.closeView(r)
	if err != nil {
		return err
	}
	if view.Closed() {
		return room.Show(w, r.Request, http.StatusConflict, closePage.With(view))
	}
	if team.NormalizeEmail(sent[0]) != team.NormalizeEmail(r.Session.User.Email) {
		view.Failed, view.Typed = true, sent[0]
		view.Failures = ui.Failures{{Field: "email", Text: ui.Text("close.not_typed", "email", ui.Strong(r.Session.User.Email))}}
		return room.Show(w, r.Request, http.StatusUnprocessableEntity, closePage.With(view))
	}
	err = room.Directory.CloseAccount(r.Context(), actor)
	if errors.Is(err, team.ErrLastAdmin) || errors.Is(err, team.ErrLastOperator) { // since the page was made
		if view, _, err = room.closeView(r); err != nil {
			return err
		}
		return room.Show(w, r.Request, http.StatusConflict, closePage.With(view))
	}
	if err != nil {
		return err
	}
	room.Forget(w)
	closed := closedView{ui.Frame{Language: r.Language(), Title: ui.Text("close.done_title"), ServerName: room.ServerName}}
	return room.Show(w, r.Request, http.StatusOK, closedPage.With(closed))
}
