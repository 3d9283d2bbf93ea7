package account

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

const pathIdentities = "/account/identities/"

var (
	identitiesPage = ui.NewPage[identitiesView](files, "identities.html")
	unlinkPage     = ui.NewPage[unlinkView](files, "unlink.html")
	linkPage       = ui.NewPage[linkView](files, "link.html")
)

// identitiesView is a person's accounts at other providers.
type identitiesView struct {
	ui.Frame
	Notice     *ui.Notice
	Failures   ui.Failures
	Identities []identityLine
	Others     []otherProvider // that can be linked
}

// Empty stands where the identities would be.
func (identitiesView) Empty() ui.Empty {
	return ui.Empty{Lead: ui.Text("identities.none"), More: ui.Text("identities.none_more")}
}

// identityLine is one account at a provider.
type identityLine struct {
	ID       string
	Provider string
	Email    string // as the provider said, or ""
	Linked   ui.Moment
	Used     ui.Moment // unknown when it was never used
}

// otherProvider is a provider that can be linked.
type otherProvider struct{ ID, Name string }

// unlinkView asks before an account is unlinked.
type unlinkView struct {
	ui.Frame
	Provider string
	Action   string
	Failures ui.Failures
}

// Confirmation is the form of the page.
func (v unlinkView) Confirmation() ui.Confirmation {
	return ui.Confirmation{
		Action: v.Action, Text: ui.Text("identities.unlink_means", "provider", ui.Strong(v.Provider)), Button: ui.Button{Text: ui.Text("identities.unlink")},
		Stay: ui.Text("identities.keep"), Back: pathIdentities,
	}
}

// linkView sends the person to a provider, to link their account there.
type linkView struct {
	ui.Frame
	Provider string
	Action   string
}

// Confirmation is the form of the page.
func (v linkView) Confirmation() ui.Confirmation {
	return ui.Confirmation{
		Action: v.Action, Text: ui.Text("identities.link_means", "provider", ui.Strong(v.Provider)), Button: ui.Button{Text: ui.Text("identities.link_button", "provider", ui.Name(v.Provider))},
		Stay: ui.Text("identities.not_now"), Back: pathIdentities,
	}
}

func (room *Room) identities(w http.ResponseWriter, r *browser.Request) error {
	user := r.Session.User
	identities, err := room.Linking.Identities(r.Context(), team.ActingUser(user, nil), user.ID)
	if err != nil {
		return err
	}
	view := identitiesView{Frame: r.Frame(), Notice: room.notice(r)}
	linked := map[string]bool{}
	for _, i := range identities {
		linked[i.Issuer] = true
		view.Identities = append(view.Identities, identityLine{
			ID: i.ID, Provider: room.Providers.Name(i.Provider), Email: i.Email, Linked: r.Clock().Ago(i.LinkedAt), Used: r.Clock().Ago(i.UsedAt),
		})
	}
	for _, p := range room.Providers.All() {
		if !linked[p.Issuer] {
			view.Others = append(view.Others, otherProvider{p.ID, p.Settings.Name})
		}
	}
	if p, err := room.Providers.ByID(r.URL.Query().Get("provider")); err == nil {
		if text := browser.ProviderProblem(r.URL.Query().Get("problem"), p.Settings.Name); len(text) > 0 {
			view.Failures, view.Failed = ui.Failures{{Text: text}}, true
		}
	}
	return room.Show(w, r.Request, http.StatusOK, identitiesPage.With(view))
}

// askUnlink asks before an identity goes.
func (room *Room) askUnlink(w http.ResponseWriter, r *browser.Request) error {
	view, err := room.unlinkView(r)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request, http.StatusOK, unlinkPage.With(view))
}

// noIdentity is the answer for an identity that is not there, or is another person's. These look alike.
var noIdentity = &route.Problem{Status: http.StatusNotFound, Description: "the person has no such identity", Words: "problem.not_found"}

func (room *Room) unlinkView(r *browser.Request) (unlinkView, error) {
	user := r.Session.User
	identities, err := room.Linking.Identities(r.Context(), team.ActingUser(user, nil), user.ID)
	if err != nil {
		return unlinkView{}, err
	}
	for _, i := range identities {
		if i.ID == r.PathValue("identity") {
			return unlinkView{Frame: r.Frame(), Provider: room.Providers.Name(i.Provider), Action: r.Address()}, nil
		}
	}
	return unlinkView{}, noIdentity
}

// unlink removes an identity, if there is another way in.
func (room *Room) unlink(w http.ResponseWriter, r *browser.Request) error {
	view, err := room.unlinkView(r)
	if err != nil {
		return err
	}
	user := r.Session.User
	err = room.Linking.Unlink(r.Context(), team.ActingUser(user, nil), user.ID, r.PathValue("identity"))
	switch {
	case errors.Is(err, authn.ErrLastWay):
		view.Failures, view.Failed = ui.Failures{{Text: ui.Text("identities.last_way")}}, true
		return room.Show(w, r.Request, http.StatusUnprocessableEntity, unlinkPage.With(view))
	case errors.Is(err, authn.ErrNoIdentity):
		return noIdentity
	case err != nil:
		return err
	}
	return r.Notify(w, pathIdentities, browser.Notice{What: noticeUnlinked, Application: view.Provider})
}

// askLinkAt asks before the person is sent to a provider.
func (room *Room) askLinkAt(w http.ResponseWriter, r *browser.Request) error {
	p, err := room.Providers.ByID(r.PathValue("provider"))
	if err != nil {
		return route.NotFound(w, r.Request)
	}
	return room.ShowLeading(w, r.Request, http.StatusOK, linkPage.With(linkView{Frame: r.Frame("provider", ui.Name(p.Settings.Name)), Provider: p.Settings.Name, Action: r.Address()}))
}

// linkAt sends the person to a provider. The answer is linked to this account only while the same session is there.
func (room *Room) linkAt(w http.ResponseWriter, r *browser.Request) error {
	p, err := room.Providers.ByID(r.PathValue("provider"))
	if err != nil {
		return route.NotFound(w, r.Request)
	}
	way := provider.Way{Next: pathIdentities, Link: string(r.Session.User.ID), Session: r.Session.ID}
	return room.Leave(w, r.Request, p, provider.Ask{Way: way}, func() error {
		route.SeeOther(w, pathIdentities+"?problem=unavailable&provider="+p.ID)
		return nil
	})
}
