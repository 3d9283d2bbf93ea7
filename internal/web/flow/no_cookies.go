package flow

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// showNoCookies says that the browser has not kept the cookie of a sign-in, in place of the sign-in page, which would come again without
// end. again is the sign-in page to try again; the link names the public URL, because a cookie for https is not kept by a page that came by http.
func (f *Flow) showNoCookies(w http.ResponseWriter, r *http.Request, again string, sentence ui.Words) error {
	view := errorView{
		Frame: f.quietFrame(r, nil, ui.Text("no_cookies.title")), Status: http.StatusBadRequest,
		Sentence: sentence, Advice: ui.Text("no_cookies.advice", "issuer", f.Issuer),
		Way: ui.Text("no_cookies.again"), WayTo: f.Issuer + again,
	}
	view.Failed = true
	return f.ShowError(w, r, view.Status, errorPage.With(view))
}

// insecure reports whether the form came by http, although the public URL is https. Only the browser knows: the proxy that speaks https
// for this server uses http itself.
func (f *Flow) insecure(r *http.Request) bool {
	return strings.HasPrefix(f.Issuer, "https://") && strings.HasPrefix(r.Header.Get("Origin"), "http://")
}
