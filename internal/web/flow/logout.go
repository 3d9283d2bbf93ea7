package flow

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

const logoutLifetime = 15 * time.Minute

// logoutParameters are the parameters of a logout request that are read (OpenID Connect RP-Initiated Logout 1.0 §2).
// logout_hint is accepted and ignored: the person who is signed in here is signed out.
var logoutParameters = []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"}

// Logout is an application's request to sign the person out (RP-Initiated Logout §2). It happens at once when the request has an ID token
// of this person, else the person is asked.
func (f *Flow) Logout(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	sealed, err := route.Field(values, "request")
	if err != nil {
		return err
	}
	if sealed == "" && f.cookieUnsent(r) {
		return f.askAtPublicURL(w, values)
	}
	if sealed != "" {
		if values, err = f.openLogout(sealed); err != nil {
			return err
		}
	}
	session, request, err := f.beginLogout(r, values)
	if err != nil {
		return err
	}
	if session == nil || request.Sure {
		return f.finishLogout(w, r, session, request)
	}
	if sealed, err = f.sealLogout(values); err != nil {
		return err
	}
	return f.ShowLeading(w, r, http.StatusOK, f.signOutPage(r, session, sealed, request.Client.Name))
}

// LogoutPosted is the person's answer on our page, or an application's request that came as a form. A form from another site comes
// without our SameSite cookie, so the browser is redirected to a GET, which sends it.
func (f *Flow) LogoutPosted(w http.ResponseWriter, r *http.Request) error {
	values, err := route.Form(r)
	if err != nil {
		return err
	}
	decision, err := route.Field(values, "decision")
	if err != nil {
		return err
	}
	sealed, err := route.Field(values, "request")
	if err != nil {
		return err
	}
	if decision != "" {
		return f.SameOrigin(func(w http.ResponseWriter, r *http.Request) error {
			return f.logoutDecided(w, r, sealed)
		})(w, r)
	}
	return f.askAtPublicURL(w, values)
}

// askAtPublicURL sends the browser to a GET of the same request at the public URL, where it sends the cookie if it has one. The parameters are
// sealed, so that no ID token is in an address.
func (f *Flow) askAtPublicURL(w http.ResponseWriter, values url.Values) error {
	sealed, err := f.sealLogout(values)
	if err != nil {
		return err
	}
	f.seeAtPublicURL(w, stepURL(oauth.PathEndSession, sealed))
	return nil
}

// logoutDecided signs out the person who pressed the button. The request is checked again, because its client may have changed.
func (f *Flow) logoutDecided(w http.ResponseWriter, r *http.Request, sealed string) error {
	values, err := f.openLogout(sealed)
	if err != nil {
		return err
	}
	if f.cookieUnsent(r) {
		return f.askAtPublicURL(w, values)
	}
	session, request, err := f.beginLogout(r, values)
	if err != nil {
		return err
	}
	return f.finishLogout(w, r, session, request)
}

func (f *Flow) beginLogout(r *http.Request, values url.Values) (*authn.Session, authz.SignOutRequest, error) {
	route.TraceOf(r.Context()).Locales = locales(values)
	session, err := f.Session(r)
	if err != nil {
		return nil, authz.SignOutRequest{}, err
	}
	request, err := f.authz.BeginSignOut(r.Context(), oauth.NewParams(values), session)
	if err != nil {
		return nil, authz.SignOutRequest{}, err
	}
	route.TraceOf(r.Context()).Client = string(request.Client.ID)
	return session, request, nil
}

// finishLogout ends the session on the server, then redirects to the application, or says that the person is signed out.
func (f *Flow) finishLogout(w http.ResponseWriter, r *http.Request, session *authn.Session, request authz.SignOutRequest) error {
	if err := f.Pages.SignOut(w, r, session); err != nil {
		return err
	}
	if request.RedirectURI != "" {
		route.SeeOther(w, request.RedirectURI)
		return nil
	}
	return f.Show(w, r, http.StatusOK, f.signedOutPage(r))
}

// sealLogout seals the parameters that are read.
func (f *Flow) sealLogout(values url.Values) (string, error) {
	params, kept, size := oauth.NewParams(values), url.Values{}, 0
	for _, name := range logoutParameters {
		value, err := params.Optional(name)
		if err != nil {
			return "", err
		}
		if value != "" {
			kept.Set(name, value)
			size += len(value)
		}
	}
	if size > 2*oauth.MaxStateLength {
		return "", oauth.InvalidRequest.Errorf("the parameters are %d bytes long; at most %d are accepted", size, 2*oauth.MaxStateLength)
	}
	// Encoded, because JSON makes six bytes of some characters, and the sealed value has to fit into an address.
	return f.Keys.Seal(token.PurposeEndSession, kept.Encode(), logoutLifetime)
}

func (f *Flow) openLogout(sealed string) (url.Values, error) {
	var encoded string
	values, err := url.Values(nil), f.Keys.Open(token.PurposeEndSession, sealed, &encoded)
	if err == nil {
		values, err = url.ParseQuery(encoded)
	}
	if errors.Is(err, token.ErrWrongClock) {
		return nil, err
	}
	if err != nil {
		return nil, &route.Problem{
			Status: http.StatusBadRequest, Description: "the logout request is not ours or has expired", Words: "problem.logout_expired", SigningOut: true,
		}
	}
	return values, nil
}
