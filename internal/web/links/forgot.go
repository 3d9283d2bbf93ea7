package links

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var forgotPage = ui.NewPage[forgotView](files, "forgot.html")

// pathForgot is the page that asks for a link to set a new password.
const pathForgot = "/login/forgot/"

// forgotView asks for the address of an account, and then says that a mail was sent. What it says does not depend on whether there is an account.
type forgotView struct {
	ui.Frame
	Mails    bool   // the server sends mails
	Asked    bool   // somebody has just asked
	Email    string // as typed before
	Failures ui.Failures
}

// Fields are the fields of the form.
func (v forgotView) Fields() []ui.Field {
	return []ui.Field{{
		ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("sign_in.email"), Value: v.Email, Autocomplete: "username",
		Failed: len(v.Failures) > 0 && v.Failures[0].Field != "",
	}}
}

func (room *Room) forgotView(r *http.Request) forgotView {
	return forgotView{Frame: room.frame(r, nil, ui.Text("forgot.title")), Mails: room.SendsMail}
}

// askAddress is the page before and after the form was sent.
func (room *Room) askAddress(w http.ResponseWriter, r *http.Request) error {
	view := room.forgotView(r)
	view.Asked = r.URL.Query().Get("asked") != ""
	if view.Asked {
		view.Title = ui.Text("forgot.asked_title")
	}
	return room.Show(w, r, http.StatusOK, forgotPage.With(view))
}

// sendReset asks for a link to set a new password. The answer is the same for every address.
func (room *Room) sendReset(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "email")
	if err != nil {
		return err
	}
	view := room.forgotView(r)
	view.Email = sent[0]
	if !room.SendsMail {
		return room.Show(w, r, http.StatusOK, forgotPage.With(view))
	}
	email, err := team.ParseEmail(sent[0])
	if err != nil {
		view.Failed, view.Failures = true, ui.Failures{{Field: "email", Text: ui.Text("forgot.no_address")}}
		return room.Show(w, r, http.StatusUnprocessableEntity, forgotPage.With(view))
	}
	err = room.Authn.Forgot(r.Context(), email, route.TraceOf(r.Context()).Address)
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		room.Errors.Report(r, err)
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
		view.Failed, view.Failures = true, ui.Failures{{Text: ui.Text("forgot.throttled", "wait", throttled.Wait)}}
		return room.Show(w, r, http.StatusTooManyRequests, forgotPage.With(view))
	}
	if err != nil {
		return err
	}
	route.SeeOther(w, pathForgot+"?asked=1")
	return nil
}
