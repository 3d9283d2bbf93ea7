package web

import (
	"html/template"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// formPostView carries an authorization response to the application (OAuth 2.0 Form Post Response Mode §2). A script submits it; without one, the button does.
type formPostView struct {
	Chrome
	Target template.URL // the redirect URI, which has been verified
	Fields [][2]string  // names and values
	Origin string       // where it leads, for the person
}

// respond answers an authorization request at its redirect URI.
func (s *server) respond(w http.ResponseWriter, r *http.Request, response oauth.AuthorizationResponse) error {
	if response.Mode != oauth.ModeFormPost {
		seeOther(w, response.URL())
		return nil
	}
	view := formPostView{
		Chrome: s.chrome(r, "", nil), Target: template.URL(response.RedirectURI), //nolint:gosec // a registered redirect URI, never javascript:
		Fields: response.Fields(), Origin: oauth.RedirectOrigin(response.RedirectURI),
	}
	return s.write(w, r, http.StatusOK, view, formPostPolicy(response.RedirectURI))
}

// formPostPolicy lets the page run our script, which does nothing but submit, and lets the form lead to the application only.
func formPostPolicy(redirectURI string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action " + formTarget(redirectURI) +
		"; frame-ancestors 'none'; base-uri 'none'"
}
