package flow

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var (
	signOutPage   = ui.NewPage[signOutView](files, "sign_out.html")
	signedOutPage = ui.NewPage[signedOutView](files, "signed_out.html")
)

// signOutView asks before the person is signed out.
type signOutView struct {
	ui.Frame
	Sealed      string // the application's logout request that waits, or ""
	Application string // the application that sent it, or ""
}

// Confirmation is the form of the page.
func (v signOutView) Confirmation() ui.Confirmation {
	c := ui.Confirmation{
		Action: "/logout/", Text: ui.Text("sign_out.applications_keep"), Button: ui.Button{Text: ui.Text("sign_out.button")},
		Stay: ui.Text("sign_out.stay"), Back: "/",
	}
	if v.Sealed != "" {
		c.Action, c.Hidden = oauth.PathEndSession, []ui.Hidden{{Name: "request", Value: v.Sealed}}
		c.Button.Name, c.Button.Value = "decision", "sign_out"
	}
	return c
}

// signedOutView says that the person is signed out.
type signedOutView struct{ ui.Frame }

func (f *Flow) signOutPage(r *http.Request, session *authn.Session, sealed, application string) ui.Content {
	return signOutPage.With(signOutView{f.quietFrame(r, session, ui.Text("sign_out.title")), sealed, application})
}

func (f *Flow) signedOutPage(r *http.Request) ui.Content {
	return signedOutPage.With(signedOutView{f.quietFrame(r, nil, ui.Text("signed_out.title"))})
}

// cookieUnsent reports whether the person may be signed in although no cookie says so: a page that came by http does not get the cookie of
// an https public URL. Then the public URL has to be asked.
func (f *Flow) cookieUnsent(r *http.Request) bool {
	return strings.HasPrefix(f.Issuer, "https://") && f.Cookie(r, browser.SessionCookie) == ""
}

// seeAtPublicURL sends the browser to a page of ours at the https public URL. Without https, the address that the browser is at does as well.
func (f *Flow) seeAtPublicURL(w http.ResponseWriter, page string) {
	if strings.HasPrefix(f.Issuer, "https://") {
		page = f.Issuer + page
	}
	route.SeeOther(w, page)
}

// AskSignOut asks first: a GET must not sign anybody out.
func (f *Flow) AskSignOut(w http.ResponseWriter, r *http.Request) error {
	if f.cookieUnsent(r) && r.URL.Query().Get("public") == "" {
		f.seeAtPublicURL(w, "/logout/?public=1")
		return nil
	}
	session, err := f.Session(r)
	if err != nil {
		return err
	}
	if session == nil {
		return f.Show(w, r, http.StatusOK, f.signedOutPage(r))
	}
	return f.Show(w, r, http.StatusOK, f.signOutPage(r, session, "", ""))
}

// SignOut ends the session on the server.
func (f *Flow) SignOut(w http.ResponseWriter, r *http.Request) error {
	if err := route.NoForm(r); err != nil {
		return err
	}
	if f.cookieUnsent(r) {
		f.seeAtPublicURL(w, "/logout/?public=1")
		return nil
	}
	session, err := f.Session(r)
	if err != nil {
		return err
	}
	if err := f.Pages.SignOut(w, r, session); err != nil {
		return err
	}
	return f.Show(w, r, http.StatusOK, f.signedOutPage(r))
}
