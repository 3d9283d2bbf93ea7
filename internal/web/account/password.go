package account

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var passwordPage = ui.NewPage[passwordView](files, "password.html")

// passwordView asks for the old and the new password.
type passwordView struct {
	ui.Frame
	Person   ui.Person
	Failures ui.Failures
	Wrong    wrong
	Least    int // characters of the new password
}

// wrong says which password the failures are about. Too many attempts are not the fault of what was typed.
type wrong int

const (
	neither wrong = iota
	currentPassword
	newPassword
)

// Fields are the fields of the form.
func (v passwordView) Fields() []ui.Field {
	return append([]ui.Field{
		// A password manager saves a new password under the user name that it sees beside it.
		{ID: "email", Name: "email", Kind: ui.Email, Label: ui.Text("sign_in.email"), Value: v.Account, Autocomplete: "username", Fixed: true},
		{
			ID: "current", Name: "current", Kind: ui.Password, Label: ui.Text("password.current"),
			Autocomplete: "current-password", Failed: v.Wrong == currentPassword,
		},
	}, ui.NewPassword(v.Wrong == newPassword, v.Least)...)
}

// Scripted reports that the page has passwords to show.
func (passwordView) Scripted() bool { return true }

func (room *Room) passwordView(r *browser.Request) passwordView {
	return passwordView{Frame: r.Frame(), Person: ui.Person{Email: r.Session.User.Email}, Least: room.Authn.MinPasswordLength()}
}

// askPassword is the page to change the password on.
func (room *Room) askPassword(w http.ResponseWriter, r *browser.Request) error {
	return room.Show(w, r.Request, http.StatusOK, passwordPage.With(room.passwordView(r)))
}

// changePassword replaces the password. The person has to know the current one, because the browser may have been left open. It signs
// out every other browser.
func (room *Room) changePassword(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "current", "new", "again")
	if err != nil {
		return err
	}
	current, chosen, again := sent[0], sent[1], sent[2]
	if chosen != again {
		return room.passwordRefused(w, r, http.StatusUnprocessableEntity, newPassword, ui.Text("password.differ"))
	}
	signedIn, err := room.Authn.ChangePassword(r.Context(), room.SignInRequest(r.Request, r.Session.User.Email, current), chosen)
	if pending, ok := errors.AsType[*authn.PendingError](err); ok {
		room.AskFactor(w, pending, url.Values{"next": {"/account/password/"}})
		return nil
	}
	if throttled, ok := errors.AsType[*limit.ThrottledError](err); ok {
		if err := room.RecordThrottled(r.Request, r.Session.User.Email, throttled); err != nil {
			return err
		}
		room.Errors.Report(r.Request, err)
		w.Header().Set("Retry-After", route.RetryAfter(throttled.Wait))
		return room.passwordRefused(w, r, http.StatusTooManyRequests, neither, ui.Text("sign_in.throttled", "wait", throttled.Wait))
	}
	if weak, ok := errors.AsType[*authn.WeakPasswordError](err); ok {
		return room.passwordRefused(w, r, http.StatusUnprocessableEntity, newPassword, ui.Text(weak.Words, "count", weak.Count))
	}
	if errors.Is(err, authn.ErrSignInFailed) {
		if err := room.RecordFailure(r.Request, r.Session.User.Email); err != nil {
			return err
		}
		return room.passwordRefused(w, r, http.StatusUnprocessableEntity, currentPassword, ui.Text("password.wrong"))
	}
	if err != nil {
		return err
	}
	room.SignedIn(w, r.Request, signedIn)
	return r.Notify(w, "/account/", browser.Notice{What: noticePassword})
}

// passwordRefused shows the page again with what is wrong.
func (room *Room) passwordRefused(w http.ResponseWriter, r *browser.Request, status int, which wrong, problem ui.Words) error {
	view := room.passwordView(r)
	field := [...]string{neither: "", currentPassword: "current", newPassword: "new"}[which]
	view.Failed, view.Wrong, view.Failures = true, which, ui.Failures{{Field: field, Text: problem}}
	return room.Show(w, r.Request, status, passwordPage.With(view))
}
