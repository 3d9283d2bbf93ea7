package flow

import (
	"html/template"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var formPostPage = ui.NewPage[formPostView](files, "form_post.html")

// formPostView carries an authorization response to the application (OAuth 2.0 Form Post Response Mode §2). A script submits the form;
// without a script, the button does.
type formPostView struct {
	ui.Frame
	Target template.URL // the redirect URI, which has been verified
	Fields []ui.Hidden
	Origin string // where the form leads, for the person
}

// Scripted reports that a script submits the form.
func (formPostView) Scripted() bool { return true }

// respond answers an authorization request at its redirect URI.
func (f *Flow) respond(w http.ResponseWriter, r *http.Request, response oauth.AuthorizationResponse) error {
	if response.Mode != oauth.ModeFormPost {
		route.SeeOther(w, response.URL())
		return nil
	}
	view := formPostView{
		Frame: f.quietFrame(r, nil, ui.Text("form_post.title")), Origin: oauth.RedirectOrigin(response.RedirectURI),
		Target: template.URL(response.RedirectURI), //nolint:gosec // a registered redirect URI, never javascript:
	}
	for _, field := range response.Fields() {
		view.Fields = append(view.Fields, ui.Hidden{Name: field[0], Value: field[1]})
	}
	return f.ShowLeading(w, r, http.StatusOK, formPostPage.With(view))
}
