package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// purposeEndSession seals the parameters of logout requests while the person is asked.
const purposeEndSession = token.PurposeEndSession

const endSessionLifetime = 15 * time.Minute

// endSessionParameters are those of a logout request that are read (OpenID Connect RP-Initiated Logout 1.0 §2). ui_locales and logout_hint are accepted
// and not needed: pages speak English, and whom it concerns is who is signed in here.
var endSessionParameters = []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state"}

// endSession is an application's request to sign the person out (RP-Initiated Logout §2): at once when it shows an ID token of this very person, else after a question.
func (s *server) endSession(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r)
	if err != nil {
		return err
	}
	sealed, err := field(values, "request")
	if err != nil {
		return err
	}
	if sealed != "" {
		if values, err = s.openEndSession(sealed); err != nil {
			return err
		}
	}
	session, request, err := s.beginEndSession(r, values)
	if err != nil {
		return err
	}
	if session == nil || request.Sure {
		return s.finishEndSession(w, r, session, request)
	}
	if sealed, err = s.sealEndSession(values); err != nil {
		return err
	}
	view := signedOutView{Chrome: s.chrome(r, "", session), Confirm: true, Sealed: sealed, Application: request.Client.Name}
	// The parameter state, which a registered URI cannot have, is none of the policy's business.
	target, _, _ := strings.Cut(request.RedirectURI, "?")
	return s.show(w, r, http.StatusOK, view, target)
}

// endSessionPosted is the person's answer on our page, or an application's request that came as a form. A form from another site comes without our
// SameSite cookie, so the browser is sent on with a GET, which brings it; its parameters travel sealed, so that no ID token stands in an address.
func (s *server) endSessionPosted(w http.ResponseWriter, r *http.Request) error {
	values, err := form(r)
	if err != nil {
		return err
	}
	decision, err := field(values, "decision")
	if err != nil {
		return err
	}
	sealed, err := field(values, "request")
	if err != nil {
		return err
	}
	if decision != "" {
		return s.sameOrigin(func(w http.ResponseWriter, r *http.Request) error {
			return s.endSessionDecided(w, r, sealed)
		})(w, r)
	}
	if sealed, err = s.sealEndSession(values); err != nil {
		return err
	}
	seeOther(w, stepURL("/o/logout/", sealed))
	return nil
}

// endSessionDecided signs out whoever pressed the button. The request is checked again: its client may have been changed since.
func (s *server) endSessionDecided(w http.ResponseWriter, r *http.Request, sealed string) error {
	values, err := s.openEndSession(sealed)
	if err != nil {
		return err
	}
	session, request, err := s.beginEndSession(r, values)
	if err != nil {
		return err
	}
	return s.finishEndSession(w, r, session, request)
}

func (s *server) beginEndSession(r *http.Request, values url.Values) (*authn.Session, authz.SignOutRequest, error) {
	session, err := s.session(r)
	if err != nil {
		return nil, authz.SignOutRequest{}, err
	}
	request, err := s.Authz.BeginSignOut(r.Context(), oauth.NewParams(values), session)
	if err != nil {
		return nil, authz.SignOutRequest{}, err
	}
	traceOf(r.Context()).client = string(request.Client.ID)
	return session, request, nil
}

// finishEndSession ends the session on the server and goes where the application may send the person, or says that they are signed out.
func (s *server) finishEndSession(w http.ResponseWriter, r *http.Request, session *authn.Session, request authz.SignOutRequest) error {
	if err := s.endOwnSession(w, r, session); err != nil {
		return err
	}
	if request.RedirectURI != "" {
		seeOther(w, request.RedirectURI)
		return nil
	}
	return s.show(w, r, http.StatusOK, signedOutView{Chrome: s.chrome(r, "", nil)})
}

// sealEndSession keeps the parameters that count.
func (s *server) sealEndSession(values url.Values) (string, error) {
	params, kept, size := oauth.NewParams(values), url.Values{}, 0
	for _, name := range endSessionParameters {
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
	// Encoded, since JSON makes six bytes of some characters, and it has to fit an address.
	return s.Keys.Seal(purposeEndSession, kept.Encode(), s.Now().Add(endSessionLifetime))
}

func (s *server) openEndSession(sealed string) (url.Values, error) {
	var encoded string
	values, err := url.Values(nil), s.Keys.Open(purposeEndSession, sealed, &encoded)
	if err == nil {
		values, err = url.ParseQuery(encoded)
	}
	if err != nil {
		return nil, &problem{
			status:   http.StatusBadRequest,
			sentence: "This question was asked too long ago, or its address was altered.",
			todo:     "You are signed in as before. To sign out, use the link at the top of the start page.",
		}
	}
	return values, nil
}
