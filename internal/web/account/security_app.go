package account

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var (
	appPage       = ui.NewPage[appView](files, "security_app.html")
	removeAppPage = ui.NewPage[confirmView](files, "security_confirm.html")
)

// appView sets up an authenticator app.
type appView struct {
	ui.Frame
	QR       ui.QR
	Secret   string // in groups, for typing
	Sealed   string
	Request  string
	Failures ui.Failures
}

// Fields are the fields of the form.
func (v appView) Fields() []ui.Field {
	return []ui.Field{{
		ID: "code", Name: "code", Kind: ui.Identifier, Label: ui.Text("factors.app_code"), Advice: ui.Text("factors.app_code_advice"), Autocomplete: "one-time-code", Failed: len(v.Failures) > 0,
	}}
}

// askApp is the page to set up an authenticator app on, or to remove the one that there is.
func (room *Room) askApp(w http.ResponseWriter, r *browser.Request) error {
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		have, err := room.Factors.Factors(ctx, actor, user)
		if err != nil {
			return err
		}
		if have.HasApp() && r.URL.Query().Get("replace") == "" {
			if err := room.Factors.MayChange(ctx, actor, user); err != nil {
				return err
			}
			return room.showRemoveApp(w, r, http.StatusOK, nil)
		}
		setup, err := room.Factors.BeginApp(ctx, actor, user)
		if err != nil {
			return err
		}
		sealed, err := request(r)
		if err != nil {
			return err
		}
		return room.showApp(w, r, http.StatusOK, setup, sealed, nil)
	})
}

func (room *Room) showApp(w http.ResponseWriter, r *browser.Request, status int, setup authn.AppSetup, sealed string, failures ui.Failures) error {
	view := appView{Frame: r.Frame(), QR: ui.NewQR(setup.URI), Secret: inGroups(setup.Secret), Sealed: setup.Sealed, Request: sealed, Failures: failures}
	view.Failed = len(failures) > 0
	return room.Show(w, r.Request, status, appPage.With(view))
}

// inGroups is a secret in groups of four.
func inGroups(secret string) string {
	var groups []string
	for ; len(secret) > 4; secret = secret[4:] {
		groups = append(groups, secret[:4])
	}
	return strings.Join(append(groups, secret), " ")
}

func (room *Room) showRemoveApp(w http.ResponseWriter, r *browser.Request, status int, failures ui.Failures) error {
	view := confirmView{Frame: r.Frame(), Failures: failures, Confirmation: ui.Confirmation{
		Action: pathApp, Hidden: []ui.Hidden{{Name: "do", Value: "remove"}}, Text: ui.Text("factors.app_remove_ask"),
		Button: ui.Button{Text: ui.Text("factors.app_remove")}, Stay: ui.Text("factors.keep"), Back: pathSecurity,
	}}
	view.Title, view.Failed = ui.Text("factors.app_remove"), len(failures) > 0
	return room.Show(w, r.Request, status, removeAppPage.With(view))
}

// changeApp saves an authenticator app after its first code, or removes it.
func (room *Room) changeApp(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "do", "setup", "code", "request")
	if err != nil {
		return err
	}
	if sent[0] == "remove" {
		return room.removeApp(w, r)
	}
	setup, code, sealed := sent[1], sent[2], sent[3]
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		codes, signedIn, err := room.Factors.AddApp(ctx, actor, user, room.SignInRequest(r.Request, "", ""), setup, code)
		switch {
		case errors.Is(err, authn.ErrWrongCode):
			again, err := room.Factors.AgainApp(ctx, actor, user, setup)
			if err != nil {
				return err
			}
			return room.showApp(w, r, http.StatusUnprocessableEntity, again, sealed, ui.Failures{{Field: "code", Text: ui.Text("factor.wrong")}})
		case errors.Is(err, authn.ErrNoAttempt): // it took too long: a new secret
			begun, err := room.Factors.BeginApp(ctx, actor, user)
			if err != nil {
				return err
			}
			return room.showApp(w, r, http.StatusUnprocessableEntity, begun, sealed, ui.Failures{{Field: "code", Text: ui.Text("factors.app_expired")}})
		case err != nil:
			return err
		}
		if signedIn.Session.ID != "" {
			room.SignedIn(w, r.Request, signedIn)
		}
		if len(codes) == 0 {
			return r.Notify(w, pathSecurity, browser.Notice{What: noticeAppAdded})
		}
		return room.showCodes(w, r, ui.Text("factors.app_added"), codes, sealed)
	})
}

func (room *Room) removeApp(w http.ResponseWriter, r *browser.Request) error {
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		err := room.Factors.RemoveApp(ctx, actor, user)
		if errors.Is(err, authn.ErrLastFactor) {
			return room.showRemoveApp(w, r, http.StatusUnprocessableEntity, ui.Failures{{Text: ui.Text("factors.last")}})
		}
		if err != nil {
			return err
		}
		return r.Notify(w, pathSecurity, browser.Notice{What: noticeAppRemoved})
	})
}
