package flow

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var linkPage = ui.NewPage[linkView](files, "with_link.html")

// linkView is for somebody whom a provider knows, and nobody here: they sign in to their account, and then say whether to link it.
type linkView struct {
	ui.Frame
	Provider string
	Email    string // what the provider says; it may be anybody's
	Fresh    bool   // somebody has just signed in here
	Person   ui.Person
	Action   string
	Hidden   []ui.Hidden
	SignIn   string // the sign-in page, which leads back here
	SignUp   string // the page to make an account, which leads back here; "" where nobody can sign up
}

// linkURL is the page for an identity that nobody has linked.
func linkURL(p *provider.Provider, way provider.Way) string {
	values := url.Values{}
	for name, value := range map[string]string{"request": way.Request, "next": way.Next} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return provider.Path(p.ID) + "link/?" + values.Encode()
}

// pendingIdentity is the identity at a provider that waits in this browser. authn.ErrNoIdentity.
func (f *Flow) pendingIdentity(r *http.Request, p *provider.Provider) (authn.Claims, error) {
	c, err := f.Authn.PendingClaims(f.Cookie(r, browser.IdentityCookie))
	if err == nil && (c.Provider != p.ID || c.Issuer != p.Issuer) {
		err = authn.ErrNoIdentity
	}
	return c, err
}

// acting is the person of a session as an actor, with how and when they signed in.
func acting(s *authn.Session) team.Actor {
	actor := team.ActingUser(s.User, nil)
	actor.AuthTime, actor.Factors = s.AuthTime, s.Methods
	return actor
}

// AskLink says that nobody here has this account at the provider. Somebody who has just signed in to an account is asked whether it is theirs.
func (f *Flow) AskLink(w http.ResponseWriter, r *http.Request) error {
	p, err := f.providerOf(w, r)
	if err != nil {
		return err
	}
	values, err := route.Query(r)
	if err != nil {
		return err
	}
	way := provider.Way{}
	if way.Request, err = route.Field(values, "request"); err != nil {
		return err
	}
	if way.Next, err = route.Field(values, "next"); err != nil {
		return err
	}
	way.Next = relative(way.Next)
	claims, err := f.pendingIdentity(r, p)
	if errors.Is(err, authn.ErrNoIdentity) {
		f.signInProblem(w, p, way, problemOver)
		return nil
	}
	if err != nil {
		return err
	}
	session, err := f.Session(r)
	if err != nil {
		return err
	}
	view := linkView{
		Frame: f.quietFrame(r, session, ui.Text("with_link.title", "provider", ui.Name(p.Settings.Name))), Provider: p.Settings.Name, Email: claims.Email,
		Action: provider.Path(p.ID) + "link/", SignIn: "/login/?" + url.Values{"next": {linkURL(p, way)}, "again": {"1"}}.Encode(),
	}
	for _, field := range []ui.Hidden{{Name: "request", Value: way.Request}, {Name: "next", Value: way.Next}} {
		if field.Value != "" {
			view.Hidden = append(view.Hidden, field)
		}
	}
	back := cameFrom{Next: linkURL(p, way)}
	if len(back.values().Encode()) > maxCameFrom { // better to forget the request than where the person can link
		back.Next = linkURL(p, provider.Way{})
	}
	view.SignUp = f.signUpURL(back)
	if f.Fresh(session) { // a browser that was left open does not count
		view.Fresh, view.Person = true, ui.Person{Name: session.User.Name, Email: session.User.Email}
	}
	return f.ShowLeading(w, r, http.StatusOK, linkPage.With(view))
}

// Link links the identity that waits in this browser to the account of the person who has just signed in.
func (f *Flow) Link(w http.ResponseWriter, r *http.Request) error {
	p, err := f.providerOf(w, r)
	if err != nil {
		return err
	}
	sent, err := route.Fields(r, "request", "next", "decision")
	if err != nil {
		return err
	}
	way, decision := provider.Way{Request: sent[0], Next: relative(sent[1])}, sent[2]
	session, err := f.Session(r)
	if err != nil {
		return err
	}
	if !f.Fresh(session) {
		browser.AskAgain(w, linkURL(p, way))
		return nil
	}
	switch decision {
	case "link":
		claims, err := f.pendingIdentity(r, p)
		if errors.Is(err, authn.ErrNoIdentity) {
			f.signInProblem(w, p, way, problemOver)
			return nil
		}
		if err != nil {
			return err
		}
		err = f.Authn.Enrolment().Link(browser.As(r, session), acting(session), session.User, claims)
		if errors.Is(err, authn.ErrNotFresh) {
			browser.AskAgain(w, linkURL(p, way))
			return nil
		}
		if err != nil {
			problem, err := f.problemOf(r, err)
			if err != nil {
				return err
			}
			f.signInProblem(w, p, way, problem)
			return nil
		}
	case "skip":
	default:
		return oauth.InvalidRequest.Errorf("decision must be link or skip")
	}
	f.KeepIdentity(w, "")
	if way.Request != "" {
		continueAt(w, way.Request)
		return nil
	}
	route.SeeOther(w, cmp.Or(way.Next, "/"))
	return nil
}
