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
func (f *Flow) selectAccountPage(r *http.Request, next authz.Next) ui.Content {
	return selectAccountPage.With(selectAccountView{
		Frame: f.quietFrame(r, &next.Session, ui.Text("select_account.title")), Sealed: next.Sealed,
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
	switch decision {
	case "continue":
		if sealed, err = f.authz.SelectAccount(r.Context(), sealed, f.browser(r)); err != nil {
			return err
		}
		continueAt(w, sealed)
		return nil
	case "another":
		route.SeeOther(w, stepURL("/login/", sealed)+"&switch=1")
		return nil
	case "cancel":
		return f.cancel(w, r, sealed)
	}
	return oauth.InvalidRequest.Errorf("decision must be continue, another or cancel")
}
