package account

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var (
	addPasskeyPage = ui.NewPage[addPasskeyView](files, "security_passkeys.html")
	passkeyPage    = ui.NewPage[passkeyView](files, "security_passkey.html")
)

// addPasskeyView adds a passkey.
type addPasskeyView struct {
	ui.Frame
	Request  string // the application's request that the person came from, or ""
	Typed    string // the name
	Passkey  ui.Passkey
	Failures ui.Failures
}

// Fields are the fields of the form.
func (v addPasskeyView) Fields() []ui.Field {
	return []ui.Field{{
		ID: "name", Name: "name", Kind: ui.Line, Label: ui.Text("factors.passkey_name"), Advice: ui.Text("factors.passkey_name_advice"), Value: v.Typed, MaxLength: 60, Autocomplete: "off",
	}}
}

// Scripted reports that the browser can make a passkey.
func (v addPasskeyView) Scripted() bool { return v.Passkey.Options != "" }

// askPasskey is the page to add a passkey on.
func (room *Room) askPasskey(w http.ResponseWriter, r *browser.Request) error {
	sealed, err := request(r)
	if err != nil {
		return err
	}
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		return room.showAddPasskey(w, r, actor, http.StatusOK, sealed, "", nil)
	})
}

func (room *Room) showAddPasskey(w http.ResponseWriter, r *browser.Request, actor team.Actor, status int, sealed, name string, failures ui.Failures) error {
	ceremony, err := room.Factors.BeginPasskey(r.Context(), actor, r.Session.User, room.Bind(w, r.Request))
	if errors.Is(err, authn.ErrTooManyPasskeys) {
		failures = ui.Failures{{Text: ui.Text("factors.passkeys_full")}}
	} else if err != nil {
		return err
	}
	view := addPasskeyView{Frame: r.Frame(), Failures: failures, Request: sealed, Typed: name, Passkey: ui.Passkey{
		Action: pathPasskeys, Options: ceremony.Options, Challenge: ceremony.Sealed, Create: true,
	}}
	view.Failed = len(failures) > 0
	return room.Show(w, r.Request, status, addPasskeyPage.With(view))
}

// addPasskey saves a passkey that the browser has made.
func (room *Room) addPasskey(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "challenge", "answer", "name", "request")
	if err != nil {
		return err
	}
	name, sealed := sent[2], sent[3]
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		added, err := room.Factors.AddPasskey(ctx, actor, user, room.PasskeyRequest(r.Request, "", sent[0], sent[1]), name)
		switch {
		case errors.Is(err, authn.ErrBadPasskey):
			room.Errors.Report(r.Request, &route.Problem{Status: http.StatusUnprocessableEntity, Description: err.Error()})
			return room.showAddPasskey(w, r, actor, http.StatusUnprocessableEntity, sealed, name, ui.Failures{{Text: ui.Text("factors.passkey_refused")}})
		case errors.Is(err, authn.ErrPasskeyTaken):
			return room.showAddPasskey(w, r, actor, http.StatusUnprocessableEntity, sealed, name, ui.Failures{{Text: ui.Text("factors.passkey_taken")}})
		case errors.Is(err, authn.ErrTooManyPasskeys):
			return room.showAddPasskey(w, r, actor, http.StatusUnprocessableEntity, sealed, name, nil)
		case err != nil:
			return err
		}
		if added.SignedIn.Session.ID != "" {
			room.SignedIn(w, r.Request, added.SignedIn)
		}
		if len(added.Codes) == 0 {
			return r.Notify(w, pathSecurity, browser.Notice{What: noticePasskeyAdded, Passkey: added.Name})
		}
		return room.showCodes(w, r, ui.Text("factors.passkey_added", "passkey", ui.Strong(added.Name)), added.Codes, sealed)
	})
}

// passkeyView renames or removes a passkey.
type passkeyView struct {
	ui.Frame
	Action   string
	Name     string // as it is kept
	Typed    string
	Failures ui.Failures
	Remove   ui.Confirmation
}

// Fields are the fields of the form for another name.
func (v passkeyView) Fields() []ui.Field {
	return []ui.Field{{
		ID: "name", Name: "name", Kind: ui.Line, Label: ui.Text("factors.passkey_name"), Value: v.Typed, MaxLength: 60, Autocomplete: "off", Failed: len(v.Failures) > 0 && v.Failures[0].Field != "",
	}}
}

// passkey is the page of one passkey.
func (room *Room) passkey(w http.ResponseWriter, r *browser.Request) error {
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		if err := room.Factors.MayChange(ctx, actor, user); err != nil {
			return err
		}
		return room.showPasskey(w, r, actor, http.StatusOK, nil)
	})
}

func (room *Room) showPasskey(w http.ResponseWriter, r *browser.Request, actor team.Actor, status int, failures ui.Failures) error {
	have, err := room.Factors.Factors(r.Context(), actor, r.Session.User)
	if err != nil {
		return err
	}
	id := r.PathValue("passkey")
	for _, p := range have.Passkeys {
		if p.ID != id {
			continue
		}
		view := passkeyView{Frame: r.Frame("passkey", ui.Name(p.Name)), Action: r.Address(), Name: p.Name, Typed: p.Name, Failures: failures, Remove: ui.Confirmation{
			Action: r.Address(), Hidden: []ui.Hidden{{Name: "do", Value: "remove"}}, Text: ui.Text("factors.passkey_remove_ask", "passkey", ui.Strong(p.Name)),
			Button: ui.Button{Text: ui.Text("factors.passkey_remove")}, Stay: ui.Text("factors.keep"), Back: pathSecurity,
		}}
		view.Failed = len(failures) > 0
		return room.Show(w, r.Request, status, passkeyPage.With(view))
	}
	return noFactor
}

// changePasskey gives a passkey another name, or removes it.
func (room *Room) changePasskey(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "do", "name")
	if err != nil {
		return err
	}
	id := r.PathValue("passkey")
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		if sent[0] == "remove" {
			removed, err := room.Factors.RemovePasskey(ctx, actor, user, id)
			if errors.Is(err, authn.ErrLastFactor) {
				return room.showPasskey(w, r, actor, http.StatusUnprocessableEntity, ui.Failures{{Text: ui.Text("factors.last")}})
			}
			if err != nil {
				return err
			}
			return r.Notify(w, pathSecurity, browser.Notice{What: noticePasskeyRemoved, Passkey: removed.Name, Credential: removed.CredentialID})
		}
		err := room.Factors.RenamePasskey(ctx, actor, user, id, sent[1])
		if errors.Is(err, authn.ErrNoName) {
			return room.showPasskey(w, r, actor, http.StatusUnprocessableEntity, ui.Failures{{Field: "name", Text: ui.Text("factors.passkey_nameless")}})
		}
		if err != nil {
			return err
		}
		return r.Notify(w, pathSecurity, browser.Notice{What: noticePasskeyRenamed})
	})
}
