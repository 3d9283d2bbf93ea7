package flow

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var selectAccountPage = ui.NewPage[selectAccountView](files, "select_account.html")

// selectAccountView asks whether to continue as this person.
type selectAccountView struct {
	ui.Frame
	Sealed      string
	Application string
	Name, Email string
}

// selectAccountPage asks whether to continue as the person who is signed in (prompt=select_account).
func (f *Flow) selectAccountPage(r *http.Request, next authz.Next, sealed string) ui.Content {
	return selectAccountPage.With(selectAccountView{
		Frame: f.quietFrame(r, &next.Session, ui.Text("select_account.title")), Sealed: sealed,
		Application: next.Client.Name, Name: next.Session.User.Name, Email: next.Session.User.Email,
	})
}

// SelectAccount continues as this person, signs in another one, or cancels.
func (f *Flow) SelectAccount(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "request", "decision")
	if err != nil {
		return err
	}
	sealed, decision := sent[0], sent[1]
	request, err := f.authz.Open(sealed)
	if err != nil {
		return err
	}
	switch decision {
	case "continue":
		session, err := f.Session(r)
		if err != nil {
			return err
		}
		if session != nil { // else the next step is to sign in, and that selects the account
			request.SelectedUser = session.User.ID
		}
		return f.resume(w, request)
	case "another":
		route.SeeOther(w, stepURL("/login/", sealed)+"&switch=1")
		return nil
	case "cancel":
		return f.cancel(w, r, request)
	}
	return oauth.InvalidRequest.Errorf("decision must be continue, another or cancel")
}
