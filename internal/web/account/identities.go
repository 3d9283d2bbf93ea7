package account

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// The pages about accounts at other providers.
const (
	pathIdentities = "/account/security/identities/"
	pathProviders  = "/account/security/providers/"
)

// identityRow is an account at another provider in the list.
type identityRow struct {
	ID       string
	Provider string
	Email    string // as the provider said, or ""
	Linked   ui.Moment
	Used     ui.Moment // unknown when it was never used
	Off      bool      // the provider is not configured any more
}

// otherProvider is a provider that can be linked.
type otherProvider struct{ ID, Name string }

// identities are the person's accounts at other providers, and the providers that can be linked.
func (room *Room) identities(r *browser.Request, actor team.Actor) (rows []identityRow, others []otherProvider, err error) {
	identities, err := room.Factors.Identities(r.Context(), actor, r.Session.User)
	if err != nil {
		return nil, nil, err
	}
	linked := map[string]bool{}
	for _, i := range identities {
		linked[i.Issuer] = true
		row := identityRow{
			ID: i.ID, Provider: room.Providers.Name(i.Provider), Email: i.Email, Linked: r.Clock().Ago(i.LinkedAt),
			Off: !slices.Contains(room.Providers.Issuers(), i.Issuer),
		}
		if !i.UsedAt.IsZero() {
			row.Used = r.Clock().Ago(i.UsedAt)
		}
		rows = append(rows, row)
	}
	for _, p := range room.Providers.All() {
		if !linked[p.Issuer] {
			others = append(others, otherProvider{p.ID, p.Settings.Name})
		}
	}
	return rows, others, nil
}

// providerProblem is what went wrong when the person wanted to link an account.
func (room *Room) providerProblem(r *browser.Request) ui.Failures {
	p, err := room.Providers.ByID(r.URL.Query().Get("provider"))
	if err != nil {
		return nil
	}
	if text := browser.ProviderProblem(r.URL.Query().Get("problem"), p.Settings.Name); len(text) > 0 {
		return ui.Failures{{Text: text}}
	}
	return nil
}

// noIdentity is the answer for an identity that is not there, or is another person's. These look alike.
var noIdentity = &route.Problem{Status: http.StatusNotFound, Description: "the person has no such identity", Words: "problem.not_found"}

// identity is the identity that the page's address names.
func (room *Room) identity(ctx context.Context, actor team.Actor, r *browser.Request) (authn.Identity, error) {
	identities, err := room.Factors.Identities(ctx, actor, r.Session.User)
	if err != nil {
		return authn.Identity{}, err
	}
	i := slices.IndexFunc(identities, func(i authn.Identity) bool { return i.ID == r.PathValue("identity") })
	if i < 0 {
		return authn.Identity{}, noIdentity
	}
	return identities[i], nil
}

func (room *Room) unlinkView(r *browser.Request, i authn.Identity) confirmView {
	return confirmView{Frame: r.Frame(), Confirmation: ui.Confirmation{
		Action: r.Address(), Text: ui.Text("identities.unlink_means", "provider", ui.Strong(room.Providers.Name(i.Provider))), Button: ui.Button{Text: ui.Text("identities.unlink")},
		Stay: ui.Text("identities.keep"), Back: pathSecurity,
	}}
}

// askUnlink asks before an identity goes.
func (room *Room) askUnlink(w http.ResponseWriter, r *browser.Request) error {
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		if err := room.Factors.MayChange(ctx, actor, user); err != nil {
			return err
		}
		i, err := room.identity(ctx, actor, r)
		if err != nil {
			return err
		}
		return room.Show(w, r.Request, http.StatusOK, confirmPage.With(room.unlinkView(r, i)))
	})
}

// unlink removes an identity, if there is another way in.
func (room *Room) unlink(w http.ResponseWriter, r *browser.Request) error {
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		i, err := room.identity(ctx, actor, r)
		if err != nil {
			return err
		}
		err = room.Factors.Unlink(ctx, actor, user, i.ID)
		switch {
		case errors.Is(err, authn.ErrLastWay):
			view := room.unlinkView(r, i)
			view.Failures, view.Failed = ui.Failures{{Text: ui.Text("identities.last_way")}}, true
			return room.Show(w, r.Request, http.StatusUnprocessableEntity, confirmPage.With(view))
		case errors.Is(err, authn.ErrNoIdentity):
			return noIdentity
		case err != nil:
			return err
		}
		return r.Notify(w, pathSecurity, browser.Notice{What: noticeUnlinked, Application: room.Providers.Name(i.Provider)})
	})
}

// askLink asks before the person is sent to a provider.
func (room *Room) askLink(w http.ResponseWriter, r *browser.Request) error {
	p, err := room.Providers.ByID(r.PathValue("provider"))
	if err != nil {
		return route.NotFound(w, r.Request)
	}
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		if err := room.Factors.MayChange(ctx, actor, user); err != nil {
			return err
		}
		return room.ShowLeading(w, r.Request, http.StatusOK, confirmPage.With(confirmView{Frame: r.Frame("provider", ui.Name(p.Settings.Name)), Confirmation: ui.Confirmation{
			Action: r.Address(), Text: ui.Text("identities.link_means", "provider", ui.Strong(p.Settings.Name)),
			Button: ui.Button{Text: ui.Text("identities.link_button", "provider", ui.Name(p.Settings.Name))}, Stay: ui.Text("identities.not_now"), Back: pathSecurity,
		}}))
	})
}

// link sends the person to a provider. The answer is linked to this account only while the same session is there.
func (room *Room) link(w http.ResponseWriter, r *browser.Request) error {
	p, err := room.Providers.ByID(r.PathValue("provider"))
	if err != nil {
		return route.NotFound(w, r.Request)
	}
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		if err := room.Factors.MayChange(ctx, actor, user); err != nil {
			return err
		}
		way := provider.Way{Next: pathSecurity, Link: string(user.ID), Session: r.Session.ID}
		return room.Leave(w, r.Request, p, provider.Ask{Way: way}, func() error {
			route.SeeOther(w, pathSecurity+"?problem=unavailable&provider="+p.ID)
			return nil
		})
	})
}
