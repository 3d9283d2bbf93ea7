package account

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var emailPage = ui.NewPage[emailView](files, "email.html")

// emailView is the address of the person, whether it is proven, and a form for another one.
type emailView struct {
	ui.Frame
	Notice   *ui.Notice
	Mails    bool // the server sends mails
	Proven   bool
	New      string // as typed before
	Failures ui.Failures
}

// Fields are the fields of the form for another address.
func (v emailView) Fields() []ui.Field {
	return []ui.Field{{
		ID: "new", Name: "new", Kind: ui.Email, Label: ui.Text("email.new"), Advice: ui.Text("email.change_advice"), Value: v.New, Autocomplete: "email",
		Failed: len(v.Failures) > 0 && v.Failures[0].Field == "new",
	}}
}

func (room *Room) emailView(r *browser.Request) emailView {
	return emailView{Frame: r.Frame(), Notice: room.notice(r), Mails: room.SendsMail, Proven: r.Session.User.EmailVerified}
}

func (room *Room) showEmail(w http.ResponseWriter, r *browser.Request) error {
	return room.Show(w, r.Request, http.StatusOK, emailPage.With(room.emailView(r)))
}

// sendEmailLink sends a link that proves the address, or one that changes it. What it answers does not tell whether somebody else has an address.
func (room *Room) sendEmailLink(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "decision", "new")
	if err != nil {
		return err
	}
	user := r.Session.User
	address := user.Email
	if !room.SendsMail {
		return room.showEmail(w, r)
	}
	if sent[0] == "prove" {
		err = room.Authn.ProveAddress(r.Context(), user)
	} else if address, err = team.ParseEmail(sent[1]); err != nil {
		return room.emailRefused(w, r, http.StatusUnprocessableEntity, sent[1], ui.Failure{Field: "new", Text: ui.Text("email.no_address")})
	} else {
		err = room.Authn.ChangeAddress(r.Context(), user, address)
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		room.Errors.Report(r.Request, err)
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
		return room.emailRefused(w, r, http.StatusTooManyRequests, sent[1], ui.Failure{Text: ui.Text("email.throttled", "wait", throttled.Wait)})
	}
	if err != nil {
		return err
	}
	return r.Notify(w, "/account/email/", browser.Notice{What: noticeEmail, Person: address})
}

func (room *Room) emailRefused(w http.ResponseWriter, r *browser.Request, status int, typed string, problem ui.Failure) error {
	view := room.emailView(r)
	view.Failed, view.New, view.Failures = true, typed, ui.Failures{problem}
	return room.Show(w, r.Request, status, emailPage.With(view))
}
